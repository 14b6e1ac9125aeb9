"""The control API of a fleet over HTTP, with nothing but the standard library."""

import json
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """The fleet understood and refuses; ``status`` is HTTP's, ``detail`` says why."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Unreachable(Exception):
    """There is no fleet, or it does not answer."""


class Control:
    """Requests to one control port. A proxy of the environment is never asked: it is loopback."""

    def __init__(self, url, token=None, timeout=70):
        self.url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path, **query):
        return self._ask("GET", path, query)

    def post(self, path, body=None, **query):
        return self._ask("POST", path, query, {} if body is None else body)

    def put(self, path, body, **query):
        return self._ask("PUT", path, query, body)

    def patch(self, path, body):
        return self._ask("PATCH", path, {}, body)

    def delete(self, path):
        return self._ask("DELETE", path, {})

    def _ask(self, method, path, query, body=None):
        url = self.url + path
        query = {name: value for name, value in query.items() if value is not None}
        if query:
            url += "?" + urllib.parse.urlencode(query)
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = "Bearer " + self._token
        data = None
        if isinstance(body, str):
            data, headers["Content-Type"] = body.encode(), "application/yaml"
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return self._read(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = self._read(error)
            detail = said.get("detail") if isinstance(said, dict) else said
            raise Refused(error.code, detail or "%s %s: %d" % (method, path, error.code)) from None
        except (urllib.error.URLError, OSError) as error:
            raise Unreachable("%s %s: %s" % (method, url, getattr(error, "reason", error))) from error

    @staticmethod
    def _read(answer):
        raw = answer.read()
        if "json" in answer.headers.get("Content-Type", ""):
            return json.loads(raw)
        return raw.decode("utf-8", "replace") or None


def segment(name):
    """A name as one segment of a path."""
    return urllib.parse.quote(str(name), safe="")


def duration(value):
    """A time span as the fleet reads it: "90s", 90 (seconds) or a timedelta."""
    seconds = getattr(value, "total_seconds", None)
    if seconds is not None:
        value = seconds()
    return value if isinstance(value, str) else "%.9fs" % value
