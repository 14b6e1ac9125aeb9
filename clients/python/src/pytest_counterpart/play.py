"""Sessions of SPS plugins, played by the program's plugin host."""

import json
import pathlib
import subprocess
import sys

from .fleet import find_binary


class Session:
    """What became of a session: ``verdict``, ``timeline`` (source and text of each line), ``hooks``, ``review``."""

    def __init__(self, result, said):
        self.verdict = result["verdict"]
        self.problem = result.get("problem", "")
        self.differences = result["differences"]
        self.review = result["review"]
        self.timeline = [(moment["source"], moment["text"]) for moment in result["timeline"]]
        self.hooks = [hook["hook"] for hook in result.get("hooks", [])]
        self.said = said

    def __repr__(self):
        return "<session %s: %s>" % (self.verdict, ", ".join(self.hooks))


def play(folder, plugin, kind="aa", binary=None, python=None, **scenario):
    """Plays one session of a plugin against a company of its own, and returns how it went.

    The keys are those of a scenario (``connection``, ``prompts``, ``box``, ``fleet``, ``expect`` …; see
    docs/scenarios.md); ``config`` is the plugin's configuration. What is expected and does not happen is an
    AssertionError that shows the session's timeline.
    """
    scenario = dict({"scenario": "session"}, **scenario)
    upload = {"package": str(pathlib.Path(plugin).resolve())}
    for name in ("config", "config_file", "deps"):
        if name in scenario:
            upload[name] = scenario.pop(name)
    scenario["plugins"] = dict(scenario.get("plugins", {}), **{kind: upload})
    folder = pathlib.Path(folder)
    file, report = folder / "session.yaml", folder / "session.json"
    file.write_text(json.dumps(scenario))  # JSON is YAML
    done = subprocess.run([str(binary or find_binary()), "plugin", "test", "--python", python or sys.executable, "--json", str(report), str(file)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    results = json.loads(report.read_text()) if report.exists() else []
    if len(results) != 1:
        raise AssertionError("the session was not played (code %d):\n%s%s" % (done.returncode, done.stdout, done.stderr))
    session = Session(results[0], done.stdout)
    if session.verdict != "passed":
        raise AssertionError(done.stdout + done.stderr)
    return session
