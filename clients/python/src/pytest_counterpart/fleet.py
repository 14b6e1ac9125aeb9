"""A fleet in a process of its own, and what a test does with it."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from .control import Control, Refused, Unreachable, duration, segment
from .session import run as run_session

__all__ = ["Fleet", "Refused", "Server", "Unreachable"]


class Server(dict):
    """One server of a fleet: its addresses, and as items what its clients are configured with.

    ``fleet["radius"].port("auth")`` is a number, ``fleet["vault"].url`` an address,
    ``fleet["vault"]["token"]`` a fact that the server publishes.
    """

    def __init__(self, name, endpoints, facts):
        super().__init__({fact["name"]: fact["value"] for fact in facts})
        self.name = name
        self.kind = endpoints[0]["kind"]
        self._ports = {endpoint["port"]: endpoint for endpoint in endpoints}

    def __repr__(self):
        return "<%s %s at %s>" % (self.kind, self.name, ", ".join("%s %s" % (p, e["address"]) for p, e in self._ports.items()))

    def address(self, port=None):
        """``host:port`` of a port by its name; without one, of the first."""
        return self._endpoint(port)["address"]

    def host(self, port=None):
        return self.address(port).rpartition(":")[0].strip("[]")

    def port(self, port=None):
        return int(self.address(port).rpartition(":")[2])

    def url_of(self, port=None):
        """The URL of a port that speaks HTTP."""
        endpoint = self._endpoint(port)
        if endpoint["protocol"] not in ("http", "https"):
            raise LookupError("%s of %s speaks %s, not HTTP" % (endpoint["port"], self.name, endpoint["protocol"]))
        return "%s://%s" % (endpoint["protocol"], endpoint["address"])

    @property
    def url(self):
        """The URL of the first port that speaks HTTP."""
        for name, endpoint in self._ports.items():
            if endpoint["protocol"] in ("http", "https"):
                return self.url_of(name)
        raise LookupError("%s has no port that speaks HTTP; it has %s" % (self.name, ", ".join(self._ports)))

    def _endpoint(self, port):
        if port is None:
            return next(iter(self._ports.values()))
        if port not in self._ports:
            raise LookupError("%s has no port %r; it has %s" % (self.name, port, ", ".join(self._ports)))
        return self._ports[port]


class Clock:
    """The one clock that codes, leases, tokens and lock-outs follow. It never goes back."""

    def __init__(self, control):
        self._control = control

    @property
    def now(self):
        """The time as the fleet writes it (RFC 3339)."""
        return self._control.get("/clock")["now"]

    @property
    def frozen(self):
        return self._control.get("/clock")["frozen"]

    def freeze(self):
        return self._control.post("/clock", {"frozen": True})["now"]

    def resume(self):
        return self._control.post("/clock", {"frozen": False})["now"]

    def advance(self, by):
        """Moves the time forward: seconds, a timedelta or "8h30m"."""
        return self._control.post("/clock", {"advance": duration(by)})["now"]

    def move_to(self, moment):
        """Moves the time forward to a moment: RFC 3339, or a datetime that knows its zone."""
        if hasattr(moment, "isoformat"):
            if moment.tzinfo is None:
                raise ValueError("the moment has to know its zone: %s" % moment)
            moment = moment.isoformat()
        return self._control.post("/clock", {"to": moment})["now"]


class Decisions:
    """Orders in place of a person or of the world: ``add("deny", user="alice", on="push")``."""

    def __init__(self, control):
        self._control = control

    def add(self, verb, **order):
        """Gives an order and returns it, with its ``id``. ``for`` is written ``for_``."""
        body = {"verb": verb}
        for name, value in order.items():
            name = name.rstrip("_")
            body[name] = duration(value) if name in ("after", "for") else value
        return self._control.post("/decisions", body)

    def list(self):
        return self._control.get("/decisions")["decisions"]

    def lift(self, order=None):
        """Lifts one order (its ``id``, or what add returned), or all."""
        if order is None:
            return self._control.delete("/decisions")
        return self._control.delete("/decisions/" + segment(order["id"] if isinstance(order, dict) else order))


class Faults:
    """What is broken: ``add("status", server="vault", op="GET *", args={"code": 500})``."""

    def __init__(self, control):
        self._control = control

    def add(self, kind, **rule):
        """Adds a rule and returns its ID. Spans of time may be timedeltas."""
        return self._control.post("/faults", {"rules": [_rule(dict(rule, kind=kind))]})["ids"][0]

    def set(self, rules):
        """Replaces all rules, or none when one is wrong."""
        return self._control.put("/faults", {"rules": [_rule(rule) for rule in rules]})["rules"]

    def list(self):
        return self._control.get("/faults")["rules"]

    def remove(self, rule):
        return self._control.delete("/faults/" + segment(rule))

    def clear(self):
        return self._control.delete("/faults")


def _rule(rule):
    """A rule as the fleet reads it: arguments are text."""
    rule = dict(rule)
    if "lasts" in rule:
        rule["lasts"] = duration(rule["lasts"])
    if rule.get("args"):
        rule["args"] = {name: _text(value) for name, value in rule["args"].items()}
    return rule


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return duration(value) if hasattr(value, "total_seconds") else str(value)


class Journal:
    """Every operation of every server, secrets hidden; of this test alone, since a reset empties it."""

    def __init__(self, control):
        self._control = control

    def find(self, **match):
        """The entries that match: server, port, op, actor, object, outcome, status, fault, why."""
        entries, since = [], match.pop("since", None)
        while True:
            page = self._control.get("/journal/find", since=since, **match)
            entries += page["entries"]
            if page["missed"]:
                raise LookupError("the journal has forgotten %d entries, and the answer may be among them" % page["dropped"])
            if not page["entries"] or match.get("limit") or page["last"] == since:
                return entries
            since = page["last"]

    def wait(self, timeout=10, count=1, **match):
        """The entries that match, as soon as there are so many; AssertionError when there are not in time."""
        page = self._control.get("/journal/wait", wait=duration(timeout), count=count, **match)
        if len(page["entries"]) < count:
            raise AssertionError("%d operations instead of %d match %r within %s" % (len(page["entries"]), count, match, timeout))
        return page["entries"]

    def verify(self, *expect, **check):
        """Holds expectations against the journal: ``verify({"match": {"actor": "alice"}, "count": 2})``, and
        ``order=[…]``, ``only=[…]``. Raises AssertionError with what is wrong, also when the answer is unknown."""
        if expect:
            check["expect"] = list(expect)
        verdict = self._control.post("/journal/verify", check)
        if verdict["result"] != "pass":
            raise AssertionError("\n".join(["the check ended as %s" % verdict["result"]] + ["%s: %s" % (p["result"], p["what"]) for p in verdict["problems"]]))
        return verdict

    def explain(self, entry):
        """An entry (or its number) in words."""
        seq = entry["seq"] if isinstance(entry, dict) else entry
        return self._control.get("/journal/" + segment(seq))["explanation"]


class Fleet:
    """A fleet that runs: where its servers are, and what a test does with them.

    ``Fleet.start()`` starts one on free ports, ``Fleet.at(url)`` is one that runs already.
    """

    def __init__(self, control, process=None, folder=None):
        self.control = control
        self._process, self._folder = process, folder
        self.clock, self.decisions, self.faults, self.journal = Clock(control), Decisions(control), Faults(control), Journal(control)
        told = control.get("/endpoints")
        endpoints, facts = told["endpoints"], told.get("facts") or {}
        names = dict.fromkeys(e["server"] for e in endpoints)
        self._servers = {n: Server(n, [e for e in endpoints if e["server"] == n], facts.get(n, [])) for n in names}

    @classmethod
    def start(cls, seed="demo", binary=None, wait=30, args=(), plugins=None):
        """Starts a fleet of a seed: a ready-made one, or a file. It ends with :meth:`stop`, or with this process.

        ``plugins`` is a folder with SPS plugins, for :meth:`session`; they run in this Python.
        """
        if plugins is not None:
            args = [*args, "--plugins", str(plugins), "--python", sys.executable]
        binary = binary or find_binary()
        folder = pathlib.Path(tempfile.mkdtemp(prefix="counterpart-"))
        ports, log = folder / "ports.json", folder / "serve.log"
        with log.open("wb") as out:
            process = subprocess.Popen([str(binary), "serve", str(seed), "--ports", "auto", "--ports-file", str(ports), "--with-stdin", "--json", *args],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=out)  # its input ends with this process
        try:
            end = time.monotonic() + wait
            while not ports.exists():
                if process.poll() is not None:
                    raise Unreachable("counterpart serve ended with code %d: %s" % (process.returncode, log.read_text(errors="replace").strip()))
                if time.monotonic() > end:
                    raise Unreachable("counterpart serve is not ready after %s s: %s" % (wait, log.read_text(errors="replace").strip()))
                time.sleep(0.01)
            return cls(Control("http://" + json.loads(ports.read_text())["control/http"]), process, folder)
        except BaseException:
            _end(process)
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @classmethod
    def at(cls, url, token=None):
        """A fleet that runs already, by the address of its control port."""
        return cls(Control(url, token))

    def stop(self):
        """Ends a fleet that start has started."""
        if self._process is not None:
            _end(self._process)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __getitem__(self, name):
        if name not in self._servers:
            raise KeyError("the fleet has no server %r; it has %s" % (name, ", ".join(self._servers)))
        return self._servers[name]

    def __iter__(self):
        return iter(self._servers)

    def __repr__(self):
        return "<fleet at %s: %s>" % (self.control.url, ", ".join(self._servers))

    def reset(self):
        """Everything as the seed has it, the clock running; only the time stays, which never goes back."""
        self.control.post("/state/reset")
        if self.clock.frozen:
            self.clock.resume()

    def load(self, seed, wait=30):
        """Lets the fleet go on with another seed: YAML text, or the path of a file."""
        text = seed.read_text() if isinstance(seed, pathlib.Path) else seed
        want = self.control.put("/state", text).get("seed")
        end = time.monotonic() + wait
        while True:
            try:
                if self.control.get("/readyz").get("seed") == want:
                    break
            except (Refused, Unreachable):
                pass
            if time.monotonic() > end:
                raise Unreachable("the fleet does not run the new seed after %s s" % wait)
            time.sleep(0.02)
        self.__init__(self.control, self._process, self._folder)

    def export(self):
        """The fleet as it stands, as a seed."""
        return self.control.get("/state")

    def otp(self, user, device=None):
        """The code that somebody's device shows now; without a device, of the first that shows one."""
        devices = self.control.get("/users/%s/otp" % segment(user))["devices"]
        for shown in devices:
            if shown.get("code") and device in (None, shown["device"]):
                return shown["code"]
        raise LookupError("%s has no device%s that shows a code; there are %s" % (user, "" if device is None else " " + device, [d["device"] for d in devices]))

    def press(self, key, policy=None):
        """What a YubiKey types when it is pressed: its device or public ID."""
        return self.control.post("/yubikeys/%s/press" % segment(key), {} if policy is None else {"policy": policy})["otp"]

    def answer(self, verdict, user=None, id="latest", number=None, wait=10):
        """Answers a push or call in its owner's place: approve, deny, fraud, expire, cancel. Waits until there is one."""
        if id == "latest" and wait:
            self.control.get("/approvals", user=user, state="pending", wait=duration(wait))
        body = {"verdict": verdict} if number is None else {"verdict": verdict, "number": str(number)}
        return self.control.post("/approvals/" + segment(id), body, user=user)

    def answer_later(self, verdict, **how):
        """:meth:`answer` beside what the test does next; ``join()`` what it returns to see the answer or the error."""
        return _Later(lambda: self.answer(verdict, **how))

    def approvals(self, **which):
        return self.control.get("/approvals", **which)["approvals"]

    def outbox(self, user=None):
        """Codes that were sent by text message, call and mail."""
        return self.control.get("/outbox", user=user)["messages"]

    def leases(self, **which):
        return self.control.get("/leases", **which)["leases"]

    def unlock(self, user):
        self.control.post("/users/%s/unlock" % segment(user))

    def session(self, plugin, answers=(), connection=None, config=None, kind="aa", target=None, timeout=60):
        """Runs a session of a plugin against this fleet, which was started with ``plugins=``, and returns how it went.

        ``answers`` are those of the person at the terminal: texts, or functions that are called when the prompt comes,
        such as ``lambda: fleet.otp("alice")``; or one function of the prompt's text. Who has no answer hangs up.
        ``connection``, ``target`` and ``config`` are those of a scenario (docs/scenarios.md).
        """
        return run_session(self.control, plugin, answers, timeout, kind, connection=connection, config=config, target=target)

    def audit(self):
        """Accounts never given back, tokens still alive, secrets where they should not be; ``clean`` is the verdict."""
        return self.control.get("/audit")

    @property
    def ca_pem(self):
        """The certificate that signs the fleet's."""
        return self.control.get("/ca.pem")

    def ca_file(self, folder):
        """The same in a file, for REQUESTS_CA_BUNDLE and such; returns its path."""
        path = pathlib.Path(folder) / "counterpart-ca.pem"
        path.write_text(self.ca_pem)
        return str(path)


class _Later(threading.Thread):
    def __init__(self, work):
        super().__init__(daemon=True)
        self._work, self._said, self._error = work, None, None
        self.start()

    def run(self):
        try:
            self._said = self._work()
        except Exception as error:
            self._error = error

    def join(self, timeout=None):
        super().join(timeout)
        if self.is_alive():
            raise TimeoutError("nothing was answered within %s s" % timeout)
        if self._error is not None:
            raise self._error
        return self._said


def find_binary():
    """The program: $COUNTERPART_BINARY, or ``counterpart`` on the path or beside this Python."""
    named = os.environ.get("COUNTERPART_BINARY")
    if named:
        return named
    import sysconfig
    beside = os.path.join(sysconfig.get_path("scripts"), "counterpart")
    found = shutil.which("counterpart") or shutil.which(beside)
    if not found:
        raise Unreachable("there is no program counterpart: pip install counterpart, or set COUNTERPART_BINARY to where it is")
    return found


def _end(process):
    process.stdin.close()
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
