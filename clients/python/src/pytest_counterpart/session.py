"""Sessions of SPS plugins against a fleet that runs: it plays them itself, and the test is the person at the terminal."""

from .control import segment


class LiveSession:
    """How a session went: ``outcome`` ("connected", "denied …"), ``prompts`` with their answers, ``timeline`` (source and
    text of each line), ``left_behind`` (accounts and tokens that are still out), ``id`` (what the journal calls it)."""

    def __init__(self, told, prompts, timeline):
        self.id = told["id"]
        self.outcome = told.get("outcome", "")
        self.left_behind = told["left_behind"]
        self.prompts = prompts
        self.timeline = timeline

    def __repr__(self):
        return "<session %s: %s>" % (self.id, self.outcome)


def run(control, plugin, answers, timeout, kind, **wishes):
    """Starts a session, answers its prompts one after the other, and returns how it went."""
    if kind not in ("aa", "credentialstore"):
        raise ValueError("kind is aa or credentialstore, not %r" % kind)
    body = {kind: {"name": plugin}}
    if wishes.get("config") is not None:
        body[kind]["config"] = wishes["config"]
    for name in ("connection", "target"):
        if wishes.get(name) is not None:
            body[name] = wishes[name]
    told = control.post("/sessions", body)
    path = "/sessions/" + segment(told["id"])
    try:
        return _follow(control, path, told, _Answers(answers), timeout)
    except BaseException:
        if told["state"] != "ended":
            control.delete(path)
        raise


def _follow(control, path, told, answers, timeout):
    import time
    end = time.monotonic() + timeout
    prompts, timeline, last, asked = [], [], 0, 0
    while True:
        told = control.get(path, since=last, asked=asked, wait="1s")
        timeline += [(moment["source"], moment["text"]) for moment in told["moments"]]
        last = told["last"]
        if told["state"] == "ended":
            if told.get("problem"):
                raise AssertionError("the session was not played: %s\n%s" % (told["problem"], _lines(timeline)))
            return LiveSession(told, prompts, timeline)
        waiting = told.get("ask")
        if waiting and waiting["number"] > asked:
            asked = waiting["number"]
            answer = answers.to(waiting["text"])
            prompts.append((waiting["text"], answer))
            if answer is None:
                control.post(path + "/answer", {"number": asked, "hang_up": True})
            else:
                control.post(path + "/answer", {"number": asked, "text": str(answer)})
        if time.monotonic() > end:
            control.delete(path)
            raise AssertionError("the session is not over after %s s\n%s" % (timeout, _lines(timeline)))


def _lines(timeline):
    return "\n".join("%-10s %s" % line for line in timeline)


class _Answers:
    """One answer after the other; who has none left hangs up."""

    def __init__(self, answers):
        self._each = answers if callable(answers) else None
        self._rest = [] if callable(answers) else [answers] if isinstance(answers, str) else list(answers)

    def to(self, text):
        if self._each:
            return self._each(text)
        if not self._rest:
            return None
        answer = self._rest.pop(0)
        return answer() if callable(answer) else answer
