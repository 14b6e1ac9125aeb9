#!/usr/bin/env pluginwrapper3
"""Checks a password out and in again. `fault` plants one mistake; without it there is none.

A check-out whose answer is lost may have taken place all the same. Its key follows from
the session, so that asking again with it says which lease that was."""
import configparser
import hashlib
import http.client
import json


class Failed(Exception):
    """There is no answer, or one that is of no use."""


class Plugin:
    def __init__(self, configuration=""):
        config = configparser.ConfigParser()
        config.read_string(configuration)
        self.config = config["planted"]
        self.fault = self.config.get("fault", "none")

    def get_password_list(self, cookie, session_id, gateway_username, server_username, server_hostname):
        account = "{}@{}".format(server_username, server_hostname.split(".")[0])
        cookie = dict(cookie, account=account, user=gateway_username)
        try:
            cookie["lease"] = self.check_out(cookie, session_id)
            secret = self.call("GET", "/vault/v1/accounts/{}/password".format(account), gateway_username).get("value")
        except Failed:
            if self.fault == "leaks":
                cookie.pop("lease", None)
            return {"passwords": [], "cookie": cookie}
        return {"passwords": [secret] if isinstance(secret, str) else [], "cookie": cookie}

    def get_private_key_list(self):
        return {"private_keys": []}

    def authentication_completed(self):
        return None

    def session_ended(self, cookie, session_id, gateway_username=None):
        try:
            if self.fault == "leaks" and "lease" not in cookie:
                return
            cookie.setdefault("account", self.config["account"])
            cookie.setdefault("user", self.config["user"])
            lease = cookie.get("lease") or self.check_out(cookie, session_id)
            self.call("POST", "/vault/v1/leases/{}/checkin".format(lease), cookie["user"])
        except Failed:
            return

    def check_out(self, cookie, session_id):
        key = hashlib.sha256(session_id.encode()).hexdigest()
        path = "/vault/v1/accounts/{}/checkout".format(cookie["account"])
        for _ in range(2):
            lease = self.call("POST", path, cookie["user"], {"reason": "a session"}, key)
            if isinstance(lease.get("id"), str) and lease["id"] and lease.get("account") == cookie["account"]:
                return lease["id"]
        raise Failed("no lease")

    def call(self, method, path, user, body=None, key=None):
        headers = {"Authorization": "Bearer " + self.config["api_key"], "X-On-Behalf-Of": user, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        try:
            http_ = http.client.HTTPConnection(self.config["address"], timeout=0.7)
            http_.request(method, path, json.dumps(body) if body else None, headers)
            answer = http_.getresponse()
            text = answer.read()
            document = json.loads(text)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise Failed(type(problem).__name__)
        if answer.status not in (200, 201) or not isinstance(document, dict):
            raise Failed("status {}".format(answer.status))
        return document
