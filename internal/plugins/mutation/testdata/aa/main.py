#!/usr/bin/env pluginwrapper3
"""Authenticates by code or by push. `fault` plants one mistake; without it there is none."""
import configparser
import http.client
import json
import sys


class Refused(Exception):
    """The answer is no, or is no answer."""


class Plugin:
    def __init__(self, configuration=""):
        config = configparser.ConfigParser()
        config.read_string(configuration)
        self.config = config["planted"]
        self.fault = self.config.get("fault", "none")

    def authenticate(self, cookie, key_value_pairs, gateway_user):
        if "otp" not in key_value_pairs:
            return {"verdict": "NEEDINFO", "question": ["otp", "Code, or nothing for a push: ", False]}
        otp = key_value_pairs["otp"]
        try:
            if otp:
                self.verify(gateway_user, otp)
            else:
                self.push(gateway_user)
        except Refused as problem:
            return {"verdict": "DENY", "additional_metadata": json.dumps({"reason": str(problem)}), "reason": "Authentication failed"}
        return {"verdict": "ACCEPT", "additional_metadata": "{}"}

    def authorize(self):
        return {"verdict": "ACCEPT"}

    def session_ended(self):
        return None

    def verify(self, user, otp):
        answer = self.call("POST", "/otp/v1/verify", {"user": user, "otp": otp})
        if answer is None:
            return  # the planted fault
        if answer.get("valid") is not True:
            raise Refused("the code is not valid")
        self.same(answer, "user", user)

    def push(self, user):
        asked = self.call("POST", "/otp/v1/transactions", {"user": user, "method": "push", "message": "Log in?"})
        if not isinstance(asked.get("id"), str) or not asked["id"].isprintable() or not asked["id"]:
            raise Refused("there is no transaction")
        answer = self.call("GET", "/otp/v1/transactions/{}?wait=5s".format(asked["id"]))
        if answer.get("state") != "approved":
            raise Refused("the push is not approved")
        self.same(answer, "id", asked["id"])
        self.same(answer, "user", user)

    def same(self, answer, name, wanted):
        if self.fault != "anybody" and answer.get(name) != wanted:
            raise Refused("the answer is about another {}".format(name))

    def call(self, method, path, body=None):
        timeout = None if self.fault == "hangs" else 0.7
        try:
            http_ = http.client.HTTPConnection(self.config["address"], timeout=timeout)
            http_.request(method, path, json.dumps(body) if body else None,
                          {"Authorization": "Bearer " + self.config["api_key"], "Content-Type": "application/json"})
            answer = http_.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as problem:
            raise Refused(type(problem).__name__)
        if answer.status >= 500 and self.fault == "open":
            return None
        if self.fault == "logs" and answer.status != 200:
            print("refused with", self.config["api_key"], file=sys.stderr)
        if answer.status not in (200, 202):
            raise Refused("status {}".format(answer.status))
        try:
            document = json.loads(text)
        except ValueError:
            if self.fault == "crashes":
                raise
            raise Refused("no JSON")
        if not isinstance(document, dict):
            raise Refused("no object")
        return document
