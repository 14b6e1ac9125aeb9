"""Sessions of a plugin."""

import pytest

from pytest_counterpart import Fleet, Refused

MAIN = '''#!/usr/bin/env pluginwrapper3
import configparser, json, urllib.request

class Plugin:
    def __init__(self, configuration=""):
        config = configparser.ConfigParser()
        config.read_string(configuration)
        self.url, self.key = config["otp"]["url"], config["otp"]["key"]

    def authenticate(self, cookie, session_cookie, key_value_pairs, gateway_user=None, **_):
        code = key_value_pairs.get("otp")
        if code is None:
            return {"verdict": "NEEDINFO", "question": ("otp", "Code: "), "cookie": {}}
        request = urllib.request.Request(self.url + "/otp/v1/verify", json.dumps({"user": gateway_user, "otp": code}).encode(),
            {"Content-Type": "application/json", "Authorization": "Bearer " + self.key})
        with urllib.request.urlopen(request) as answer:
            valid = json.load(answer)["valid"]
        return {"verdict": "ACCEPT" if valid is True else "DENY", "gateway_user": gateway_user, "gateway_groups": ["dba"]}

    def authorize(self, cookie, session_cookie, **_):
        return {"verdict": "ACCEPT"}

    def session_ended(self, cookie, session_cookie, **_):
        pass
'''


@pytest.fixture
def plugin(tmp_path):
    (tmp_path / "MANIFEST").write_text('name: Sample_Plugin\ndescription: x\nversion: "1.0"\ntype: aa\napi: "1.6"\nentry_point: main.py\n')
    (tmp_path / "main.py").write_text(MAIN)
    return tmp_path


def session(code):
    return {
        "config": "[otp]\nurl = {{ native.url }}\nkey = {{ clients.sps.secret }}\n",
        "connection": {"protocol": "ssh", "gateway": {"user": "alice"}, "usermapping": True, "server": {"user": "root", "ip": "10.0.0.5", "port": 22}},
        "prompts": [{"ask": {"key": "otp"}, "answer": code}],
    }


def test_the_code_that_her_device_shows(play, plugin):
    played = play(plugin, expect={"outcome": "connected", "backend": [{"system": "native", "path": "/otp/v1/verify", "answer": {"valid": True}}]}, **session("{{ users.alice.otp }}"))
    assert played.verdict == "passed" and played.hooks.count("authenticate") == 2
    assert any(source == "native" for source, _ in played.timeline)


def test_a_wrong_code(play, plugin):
    play(plugin, expect={"outcome": "denied"}, **session("000000"))


def test_what_is_expected_and_does_not_happen(play, plugin):
    with pytest.raises(AssertionError, match=r"(?s)outcome.*connected.*denied.*/otp/v1/verify"):
        play(plugin, expect={"outcome": "connected"}, **session("000000"))


def test_decisions_and_faults_of_a_session(play, plugin):
    merge = {"decisions": [{"verb": "deny", "user": "alice", "on": "code"}]}
    play(plugin, expect={"outcome": "denied"}, fleet={"merge": merge}, **session("{{ users.alice.otp }}"))


def test_mistakes_are_said(play, plugin):
    with pytest.raises(AssertionError, match="conected"):
        play(plugin, expect={"outcome": "conected"}, **session("000000"))
    with pytest.raises(AssertionError, match="(?i)nowhere"):
        play("nowhere", expect={"outcome": "denied"}, **session("000000"))


@pytest.fixture
def running(plugin, tmp_path):
    with Fleet.start(plugins=plugin.parent) as fleet:
        yield fleet


def live(code):
    told = session(code)
    return {"config": told["config"], "connection": told["connection"]}


def test_a_session_against_a_fleet_that_runs(running, plugin):
    played = running.session(plugin.name, [lambda: running.otp("alice")], **live(""))
    assert played.outcome.startswith("connected") and played.left_behind == []
    assert [text for text, _ in played.prompts] == ["Code: "]
    assert any(source == "hook" and "authenticate" in text for source, text in played.timeline)
    running.journal.verify({"match": {"server": "native", "session": played.id, "outcome": "ok"}, "count": 1})
    code = played.prompts[0][1]
    assert running.session(plugin.name, code, **live("")).outcome.startswith("denied")  # the same code again


def test_orders_and_faults_reach_a_session(running, plugin):
    running.decisions.add("deny", user="alice", on="code", next=1)
    assert running.session(plugin.name, lambda text: running.otp("alice"), **live("")).outcome.startswith("denied")
    running.faults.add("status", server="native", op="POST /otp*", times=1, args={"code": 500})
    assert not running.session(plugin.name, lambda text: running.otp("alice"), **live("")).outcome.startswith("connected")


def test_who_has_no_answer_hangs_up(running, plugin):
    assert not running.session(plugin.name, **live("")).outcome.startswith("connected")
    with pytest.raises(Refused, match="(?i)nowhere"):
        running.session("nowhere", **live(""))
    with pytest.raises(ValueError, match="credentialstore"):
        running.session(plugin.name, kind="xx")
