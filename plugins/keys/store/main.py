#!/usr/bin/env pluginwrapper3
"""A Credential Store plugin for the examples of scenario keys, without the Plugin
SDK. The first line of its configuration is the address of the vault, the second the
key of its API."""
import json
import urllib.error
import urllib.parse
import urllib.request


class Plugin:
    def __init__(self, configuration=""):
        self.address, self.key = configuration.split()[:2]

    def call(self, method, path, body=None, person=None):
        request = urllib.request.Request(self.address + path, None if body is None else json.dumps(body).encode(), {
            "Content-Type": "application/json", "Authorization": "Bearer " + self.key, "X-On-Behalf-Of": person}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def checked_out(self, account, person, secret):
        path = "/vault/v1/accounts/" + urllib.parse.quote(account)
        try:
            lease = self.call("POST", path + "/checkout", {"reason": "session"}, person)
            return lease["id"], self.call("GET", path + secret, None, person)["value"]
        except urllib.error.HTTPError as refused:
            print("refused:", refused.code)
            return None, None

    def get_password_list(self, cookie, session_cookie, server_username, server_hostname, gateway_username):
        lease, password = self.checked_out("{}@{}".format(server_username, (server_hostname or "").partition(".")[0]), gateway_username, "/password")
        return {"passwords": [password] if password else [], "cookie": {"lease": lease, "person": gateway_username}}

    def get_private_key_list(self, cookie, session_cookie, server_username, server_hostname, gateway_username):
        lease, key = self.checked_out("{}@{}".format(server_username, (server_hostname or "").partition(".")[0]), gateway_username, "/key?type=ssh-rsa")
        keys = [("ssh-dss", "no key at all")] + ([("ssh-rsa", key)] if key else [])
        return {"private_keys": keys, "cookie": {"lease": lease, "person": gateway_username}}

    def authentication_completed(self, cookie, session_cookie):
        print("logged in")

    def get_remote_app_credentials(self, cookie, session_cookie, asset=None):
        account = session_cookie.get("account")
        if not account:
            return {"passwords": [], "account": None, "asset": asset, "need_info": True}
        return {"passwords": ["app-secret-of-" + account], "account": account, "asset": asset or session_cookie.get("asset"), "need_info": False}

    def get_totp_codes(self, cookie, session_cookie):
        return {"totp_codes": [{"unix_time": 0, "period": 30, "code": "755224"}]}

    def session_ended(self, cookie, session_cookie):
        if cookie.get("lease"):
            self.call("POST", "/vault/v1/leases/{}/checkin".format(cookie["lease"]), {}, cookie["person"])
