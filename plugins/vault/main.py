#!/usr/bin/env pluginwrapper3
"""A credential store plugin for Counterpart's native API.

It is an example: copy it to start a plugin of your own. An account is checked
out in the name of the gateway user when the first secret is wanted, and checked
in when the session ends or another asset is tried.
"""
import requests

from safeguard.sessions.plugin import CredentialStorePlugin
from safeguard.sessions.plugin.requests_tls import RequestsTLS


class Plugin(CredentialStorePlugin):
    def do_get_password_list(self):
        with self.api() as api:
            account = api.find(self.asset, self.account)
            if not account or not account["has_password"]:
                return {"passwords": []}
            secret = self.checked_out(api, account, "password")
            return {"passwords": [secret] if secret else []}

    def do_get_private_key_list(self):
        with self.api() as api:
            account = api.find(self.asset, self.account)
            if not account or "ssh-rsa" not in account["key_types"]:
                return {"private_keys": []}
            key = self.checked_out(api, account, "key?type=ssh-rsa")
            return {"private_keys": [("ssh-rsa", key)] if key else []}

    def do_check_in_credential(self):
        lease = self.cookie.pop("lease", None)
        if lease:
            with self.api() as api:
                status, document = api.call("POST", "/vault/v1/leases/{}/checkin".format(lease))
                if status != 200:
                    self.logger.error("Check-in of %s was refused: %s", lease, document.get("code"))

    def api(self):
        """The API in the gateway user's name. SPS tells it to the fetching hooks only, so it is kept."""
        person = self.connection.gateway_username or self.cookie.get("person")
        self.cookie["person"] = person
        return Counterpart(self.plugin_configuration, person)

    def checked_out(self, api, account, secret):
        """Check the account out, remember the lease, and fetch the secret."""
        path = "/vault/v1/accounts/" + account["id"]
        status, lease = api.call("POST", path + "/checkout", {"reason": "SPS session {}".format(self.connection.session_id)})
        if status != 201:
            self.logger.error("Check-out of %s was refused: %s", account["id"], lease.get("code"))
            return None
        self.cookie["lease"] = lease["id"]
        status, found = api.call("GET", path + "/" + secret)
        return found["value"] if status == 200 else None


class Counterpart:
    """The REST API in the name of a person."""

    def __init__(self, configuration, person):
        self.address = configuration.get("counterpart", "address", required=True).rstrip("/")
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

    def call(self, method, path, body=None):
        answer = self.http.request(method, self.address + path, json=body, timeout=30)
        return answer.status_code, answer.json()

    def find(self, asset, name):
        """The account of that name on an asset that the person may use, or None."""
        status, found = self.call("GET", "/vault/v1/accounts?asset={}&name={}".format(
            requests.utils.quote(str(asset), safe=""), requests.utils.quote(str(name), safe="")))
        usable = [a for a in found.get("items", []) if a["may_use"]] if status == 200 else []
        return usable[0] if usable else None
