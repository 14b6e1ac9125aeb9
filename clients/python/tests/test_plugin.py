"""The fixtures as pytest runs them."""

import pytest


def test_every_test_has_a_fleet_as_new(pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("round", range(3))
        def test_own(fleet, round):
            assert fleet.decisions.list() == []
            fleet.decisions.add("deny", user="alice", on="login")
            fleet.clock.freeze()
    """)
    pytester.runpytest("-p", "no:xdist").assert_outcomes(passed=3)


def test_one_fleet_for_each_worker(pytester):
    pytester.makepyfile("""
        import os, pathlib, pytest, time

        @pytest.mark.parametrize("round", range(8))
        def test_own(fleet, round):
            fleet.decisions.add("deny", user="alice", on="login")
            time.sleep(0.1)
            assert len(fleet.decisions.list()) == 1
            folder = pathlib.Path("fleets")
            folder.mkdir(exist_ok=True)
            (folder / os.environ["PYTEST_XDIST_WORKER"]).write_text(fleet.control.url)
    """)
    pytester.runpytest("-n", "2").assert_outcomes(passed=8)
    said = {file.read_text() for file in (pytester.path / "fleets").iterdir()}
    assert len(said) == 2


def test_a_failure_says_what_the_servers_were_asked(pytester):
    pytester.makepyfile("""
        import urllib.request

        def test_it(fleet):
            urllib.request.urlopen(fleet["vault"].url + "/v1/sys/health").read()
            assert False
    """)
    result = pytester.runpytest("-p", "no:xdist")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*what the servers were asked*", "*vault system.health*"])


def test_the_seed_is_chosen(pytester):
    pytester.makefile(".yaml", own="""
organization: {domain: own.test}
users: [{name: zoe, password: Zoe-Pass-1}]
servers: [{name: only, kind: native, listen: ":0"}]
""")
    pytester.makeini("[pytest]\ncounterpart_seed = own.yaml\n")
    pytester.makepyfile("""
        def test_it(fleet):
            assert set(fleet) - {"control", "egress"} == {"only"}
    """)
    pytester.runpytest("-p", "no:xdist").assert_outcomes(passed=1)
    result = pytester.runpytest("-p", "no:xdist", "--counterpart-seed", "missing.yaml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*missing.yaml*"])


def test_a_fleet_that_runs_already(pytester, counterpart_fleet):
    pytester.makepyfile("def test_it(fleet):\n    assert fleet.control.url == %r\n" % counterpart_fleet.control.url)
    pytester.runpytest("-p", "no:xdist", "--counterpart-url", counterpart_fleet.control.url).assert_outcomes(passed=1)
    result = pytester.runpytest("-n", "2", "--counterpart-url", counterpart_fleet.control.url)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*run without -n*"])


@pytest.mark.parametrize("how", ["--counterpart-binary=/nowhere/counterpart"])
def test_no_program(pytester, how):
    pytester.makepyfile("def test_it(fleet): pass\n")
    result = pytester.runpytest("-p", "no:xdist", how)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*/nowhere/counterpart*"])
