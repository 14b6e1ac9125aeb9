"""The fixtures of pytest."""

import pytest

from .fleet import Fleet
from .play import play as play_session


def pytest_addoption(parser):
    group = parser.getgroup("counterpart", "a fleet of Counterpart")
    group.addoption("--counterpart-binary", metavar="FILE", help="the program; by default $COUNTERPART_BINARY, or counterpart from the path")
    group.addoption("--counterpart-seed", metavar="SEED", help="seed of the fleet: demo, minimal, load or a file; by default what pytest.ini says, or demo")
    group.addoption("--counterpart-url", metavar="URL", help="control port of a fleet that runs already, in place of one of its own; tests reset it")
    parser.addini("counterpart_plugins", "folder with SPS plugins beside pytest.ini, for fleet.session")
    parser.addini("counterpart_seed", "seed of the fleet: demo, minimal, load or a file beside pytest.ini", default="demo")


def _seed(config):
    seed = config.getoption("counterpart_seed") or config.getini("counterpart_seed")
    beside = config.rootpath / seed
    return str(beside) if beside.is_file() else seed


@pytest.fixture(scope="session")
def counterpart_seed(pytestconfig):
    """The seed of the session's fleet; redefine it to choose another one."""
    return _seed(pytestconfig)


@pytest.fixture(scope="session")
def counterpart_fleet(pytestconfig, counterpart_seed):
    """The fleet of the whole session, one for each worker of xdist. Tests take ``fleet``."""
    url = pytestconfig.getoption("counterpart_url")
    if url:
        if hasattr(pytestconfig, "workerinput"):
            raise pytest.UsageError("--counterpart-url is one fleet, and tests of several workers would reset it under each other: run without -n")
        yield Fleet.at(url)
        return
    plugins = pytestconfig.getini("counterpart_plugins")
    plugins = pytestconfig.rootpath / plugins if plugins else None
    with Fleet.start(counterpart_seed, binary=pytestconfig.getoption("counterpart_binary"), plugins=plugins) as fleet:
        yield fleet


@pytest.fixture
def fleet(counterpart_fleet):
    """A fleet as new: everything as the seed has it, an empty journal, the clock running."""
    counterpart_fleet.reset()
    return counterpart_fleet


@pytest.fixture
def play(pytestconfig, tmp_path_factory):
    """``play("my-plugin", connection=…, prompts=…, expect=…)``: a session of an SPS plugin, with a company of its own."""
    def session(plugin, **scenario):
        scenario.setdefault("binary", pytestconfig.getoption("counterpart_binary"))
        return play_session(tmp_path_factory.mktemp("session"), plugin, **scenario)
    return session


def pytest_report_header(config):
    return "counterpart: %s" % (config.getoption("counterpart_url") or "fleet of %s" % _seed(config))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts what the servers were asked beside a failure, as the fleet tells it."""
    outcome = yield
    report = outcome.get_result()
    fleet = getattr(item, "funcargs", {}).get("fleet")
    if report.when == "call" and report.failed and isinstance(fleet, Fleet):
        try:
            report.sections.append(("what the servers were asked", _told(fleet)))
        except Exception as error:  # the test's own failure is what matters
            report.sections.append(("what the servers were asked", "nobody can say: %s" % error))


def _told(fleet, most=50):
    entries = fleet.control.get("/journal/find", limit=1000)["entries"]
    lines = ["%s  %s %s %s: %s%s" % (e["at"], e["server"], e.get("op", ""), e.get("actor", ""), e.get("outcome", ""), ", " + e["why"] if e.get("why") else "") for e in entries[-most:]]
    if len(entries) > most:
        lines.insert(0, "… %d before" % (len(entries) - most))
    return "\n".join(lines) or "nothing"
