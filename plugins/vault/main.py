#!/usr/bin/env pluginwrapper3
"""A credential store plugin for Counterpart's native API.

It is an example: copy it to start a plugin of your own. An account is checked
out in the name of the gateway user when the first secret is wanted, and checked
in when the session ends or another asset is tried.

A check-out whose answer is lost may have taken place all the same, and a hook
that is killed takes its cookie with it. So what is about to be checked out is
written down first, and each check-out has a key of its own: asked again with
it, the server says which lease that was.
"""
import hashlib
import json
import os

import requests

from safeguard.sessions.plugin import CredentialStorePlugin
from safeguard.sessions.plugin.requests_tls import RequestsTLS


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        return {"passwords": self.fetch("password", lambda account: account.get("has_password") is True)}

    def do_get_private_key_list(self):
        keys = self.fetch("key?type=ssh-rsa", lambda account: "ssh-rsa" in (account.get("key_types") or []))
        return {"private_keys": [("ssh-rsa", key) for key in keys]}

    def do_check_in_credential(self):
        self.give_back()

    def do_session_ended(self):
        self.give_back()  # what a hook that failed has not told the SDK

    def fetch(self, secret, has):
        """The secret of the account that is asked for, in a list; an empty one without it."""
        person = self.connection.gateway_username
        try:
            with Counterpart(self.plugin_configuration, person) as api:
                account = api.find(self.asset, self.account)
                if not account or not has(account):
                    return []
                if not self.check_out(api, account["id"], person):
                    return []
                return [api.secret(account["id"], secret)]
        except Unusable as problem:
            self.logger.error("No secret of %s on %s: %s", self.account, self.asset, problem)
            return []

    def check_out(self, api, account, person):
        taken = Taken(self.connection.session_id)
        key = taken.begin(account, person)
        status, lease = api.check_out(account, key)
        if status != 201:
            self.logger.error("Check-out of %s was refused: %s", account, lease.get("code"))
            return False
        taken.got(key, sound(lease, account))
        return True

    def give_back(self):
        taken = Taken(self.connection.session_id)
        for key, (account, person, lease) in taken.all():
            try:
                with Counterpart(self.plugin_configuration, person) as api:
                    if lease is None:
                        status, answer = api.check_out(account, key)  # the one it was
                        lease = sound(answer, account) if status == 201 else None
                    if lease is not None:
                        api.check_in(lease)
                taken.end(key)
            except Unusable as problem:
                self.logger.error("Check-in of %s failed: %s", account, problem)


def sound(lease, account):
    """The ID of a lease that is one of that account."""
    if not isinstance(lease.get("id"), str) or not lease["id"] or lease.get("account") != account:
        raise Unusable("there is no lease of {}".format(account))
    return lease["id"]


class Unusable(Exception):
    """There is no answer, or one that is of no use."""


class Taken:
    """What a session may hold, on disk before it is asked for."""

    def __init__(self, session_id):
        self.session = hashlib.sha256(session_id.encode()).hexdigest()
        self.path = os.path.join(os.environ["EPHEMERAL_PLUGIN_STATE_DIRECTORY"], self.session + ".json")
        try:
            with open(self.path, encoding="utf-8") as f:
                self.state = json.load(f)
        except FileNotFoundError:
            self.state = {"asked": 0, "open": {}}

    def begin(self, account, person):
        self.state["asked"] += 1
        key = "{}-{}".format(self.session, self.state["asked"])
        self.state["open"][key] = [account, person, None]
        self.write()
        return key

    def got(self, key, lease):
        self.state["open"][key][2] = lease
        self.write()

    def end(self, key):
        self.state["open"].pop(key, None)
        self.write()

    def all(self):
        return list(self.state["open"].items())

    def write(self):
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            json.dump(self.state, f)
        os.replace(self.path + ".new", self.path)


class Counterpart:
    """The REST API in the name of a person. An answer is an object, or Unusable is raised."""

    def __init__(self, configuration, person):
        self.address = configuration.get("counterpart", "address", required=True).rstrip("/")
        self.timeout = configuration.getint("counterpart", "timeout", default=10)
        self.headers = {"Authorization": "Bearer " + configuration.get("counterpart", "api_key", required=True)}
        if person:
            self.headers["X-On-Behalf-Of"] = person
        self.tls = RequestsTLS.from_config(configuration)

    def __enter__(self):
        self.opened = self.tls.open_session()
        self.http = self.opened.__enter__()
        self.http.headers.update(self.headers)
        return self

    def __exit__(self, *args):
        return self.opened.__exit__(*args)

    def call(self, method, path, body=None, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = self.http.request(method, self.address + path, json=body, headers=headers, timeout=self.timeout)
            document = answer.json()
        except (requests.RequestException, ValueError) as problem:
            raise Unusable("{} {}: {}".format(method, path, type(problem).__name__))
        if not isinstance(document, dict):
            raise Unusable("{} {} answered {} with no object".format(method, path, answer.status_code))
        return answer.status_code, document

    def find(self, asset, name):
        """The account of that name on an asset that the person may use, or None."""
        status, found = self.call("GET", "/vault/v1/accounts?asset={}&name={}".format(quote(str(asset)), quote(str(name))))
        items = found.get("items") if status == 200 else None
        for account in items if isinstance(items, list) else []:
            if isinstance(account, dict) and account.get("may_use") is True and account.get("name") == name and isinstance(account.get("id"), str):
                return account
        return None

    def check_out(self, account, key):
        return self.call("POST", "/vault/v1/accounts/{}/checkout".format(quote(account)), {"reason": "a session of SPS"}, key)

    def check_in(self, lease):
        status, answer = self.call("POST", "/vault/v1/leases/{}/checkin".format(quote(lease)))
        if status not in (200, 404, 409):  # or it is over already
            raise Unusable("status {}: {}".format(status, answer.get("code")))

    def secret(self, account, which):
        status, found = self.call("GET", "/vault/v1/accounts/{}/{}".format(quote(account), which))
        if status != 200 or not isinstance(found.get("value"), str):
            raise Unusable("status {}, and no secret".format(status))
        return found["value"]


def quote(text):
    return requests.utils.quote(text if isinstance(text, str) else "", safe="")
