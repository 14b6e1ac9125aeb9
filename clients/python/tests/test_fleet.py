"""A fleet as a test meets it."""

import base64
import datetime
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from pytest_counterpart import Fleet, Refused, Unreachable


def ask(fleet, path, user="alice", password="Alice-Pass-1", method="GET", body=None):
    """A request to the native vault: its status and what it says."""
    request = urllib.request.Request(fleet["native"].url + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode())
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def test_servers(fleet):
    assert set(fleet) >= {"native", "radius", "ad", "vault", "duo", "servicenow", "yubico"}
    assert fleet["radius"].port("auth") > 0 and fleet["radius"].host() == "127.0.0.1"
    assert fleet["radius"]["secret"] == "testing123" and fleet["vault"]["token"] == "root"
    assert fleet["duo"].kind == "duo" and fleet["ad"]["base"] == "DC=acme,DC=test"
    with pytest.raises(LookupError, match="speaks udp|no port that speaks HTTP"):
        fleet["radius"].url
    with pytest.raises(LookupError, match="has no port 'x'; it has auth"):
        fleet["radius"].port("x")
    with pytest.raises(KeyError, match="no server 'nope'; it has native"):
        fleet["nope"]


def test_clock(fleet):
    fleet.clock.freeze()
    before = fleet.clock.now
    assert fleet.clock.frozen and fleet.clock.now == before
    status, lease = ask(fleet, "/vault/v1/accounts/root@db01/checkout", method="POST")
    assert status == 201 and [one["id"] for one in fleet.leases(state="active")] == [lease["id"]]
    fleet.clock.advance(datetime.timedelta(hours=4))
    fleet.clock.advance("3h")
    fleet.clock.advance(3600)
    assert fleet.leases(state="active") == []
    moment = datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", before).replace("Z", "+00:00")) + datetime.timedelta(days=2)
    assert fleet.clock.move_to(moment).startswith(moment.strftime("%Y-%m-%dT%H:%M"))
    with pytest.raises(Refused) as refused:
        fleet.clock.advance("-1s")
    assert refused.value.status == 400
    with pytest.raises(ValueError, match="zone"):
        fleet.clock.move_to(datetime.datetime(2030, 1, 1))
    fleet.clock.resume()
    assert not fleet.clock.frozen


def test_decisions(fleet):
    order = fleet.decisions.add("deny", user="alice", on="login", next=1)
    assert [one["id"] for one in fleet.decisions.list()] == [order["id"]]
    assert ask(fleet, "/vault/v1/accounts")[0] == 401
    assert ask(fleet, "/vault/v1/accounts")[0] == 200
    order = fleet.decisions.add("deny", user="alice", on="login", for_=datetime.timedelta(hours=1))
    fleet.decisions.lift(order)
    assert fleet.decisions.list() == [] and ask(fleet, "/vault/v1/accounts")[0] == 200
    with pytest.raises(Refused, match="fraud"):
        fleet.decisions.add("fraud", account="root@db01")


def test_faults(fleet):
    rule = fleet.faults.add("status", server="native", op="GET *", times=1, args={"code": 503})
    assert ask(fleet, "/vault/v1/accounts")[0] == 503 and ask(fleet, "/vault/v1/accounts")[0] == 200
    assert fleet.faults.list()[0]["fired"] == 1
    fleet.faults.remove(rule)
    assert fleet.faults.list() == []
    with pytest.raises(Refused):
        fleet.faults.set([{"kind": "reset", "server": "vault"}, {"kind": "unheard-of"}])
    assert fleet.faults.list() == []


def test_journal(fleet):
    ask(fleet, "/vault/v1/accounts")
    ask(fleet, "/vault/v1/accounts", password="wrong")
    assert [entry["outcome"] for entry in fleet.journal.find(server="native")] == ["ok", "denied"]
    (refused,) = fleet.journal.wait(outcome="denied")
    assert any("password" in line for line in fleet.journal.explain(refused))
    fleet.journal.verify({"match": {"server": "native"}, "count": 2}, order=[{"outcome": "ok"}, {"outcome": "denied"}])
    with pytest.raises(AssertionError, match="ended as fail"):
        fleet.journal.verify({"match": {"server": "native"}, "never": True})
    with pytest.raises(AssertionError, match="0 operations instead of 1"):
        fleet.journal.wait(timeout=0.05, actor="nobody")


def test_people(fleet):
    fleet.clock.freeze()
    code = fleet.otp("alice")
    assert re.fullmatch(r"\d{6}", code) and fleet.otp("alice", "alice-totp") == code
    with pytest.raises(LookupError, match="alice has no device nope that shows a code; there are .*alice-totp"):
        fleet.otp("alice", "nope")
    assert fleet.press("alice-yubi") != fleet.press("alice-yubi")
    later = fleet.answer_later("approve", user="bob")
    status, push = ask(fleet, "/otp/v1/transactions", "bob", "Bob-Pass-1", "POST", {"user": "bob", "method": "push", "message": "Is it you?"})
    assert status in (200, 201, 202), push
    assert later.join(20)["state"] == "approved" and fleet.approvals(state="approved")[0]["user"] == "bob"
    with pytest.raises(Refused):
        fleet.answer("approve", user="bob", wait=0)


def test_a_reset_forgets_what_the_test_before_did(fleet):
    assert fleet.journal.find() == [] and fleet.decisions.list() == [] and fleet.faults.list() == [] and fleet.leases(state="active") == []
    assert not fleet.clock.frozen


def test_audit(fleet):
    assert fleet.audit()["clean"]
    ask(fleet, "/vault/v1/accounts/root@db01/checkout", method="POST")
    found = fleet.audit()
    assert not found["clean"] and found["leases"][0]["account"] == "root@db01"


def test_certificates(fleet, tmp_path):
    import ssl
    context = ssl.create_default_context(cafile=fleet.ca_file(tmp_path))
    assert context.cert_store_stats()["x509_ca"] == 1


def test_export_and_load():
    with Fleet.start("minimal") as fleet:
        names = set(fleet)
        fleet.load(fleet.export())
        assert set(fleet) == names
        with pytest.raises(Refused):
            fleet.load("servers: [{kind: unheard-of}]")


def test_nothing_to_start(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("servers: [{kind: unheard-of, name: x}]\n")
    with pytest.raises(Unreachable, match=r"(?s)ended with code 2.*bad\.yaml.*unheard-of"):
        Fleet.start(bad)
    with pytest.raises(OSError):
        Fleet.start(binary=tmp_path / "nothing")
    with pytest.raises(Unreachable):
        Fleet.at("http://127.0.0.1:9")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the parent's end is told on Linux alone")
def test_a_fleet_does_not_outlive_who_started_it():
    child = subprocess.Popen([sys.executable, "-c", "from pytest_counterpart import Fleet; import time; print(Fleet.start('minimal')._process.pid, flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
    pid = int(child.stdout.readline())
    child.kill()
    child.wait()
    end = time.monotonic() + 10
    state = pathlib.Path("/proc/%d/stat" % pid)
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end, "it runs on"
        time.sleep(0.02)
