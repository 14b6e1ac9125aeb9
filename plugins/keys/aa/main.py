#!/usr/bin/env pluginwrapper3
"""An Authentication and Authorization plugin for the examples of scenario keys. It
needs nothing but Python: what it does, its configuration says."""
import configparser
import hashlib
import json
import os
import socket
import struct
import urllib.error
import urllib.request


class Plugin:
    def __init__(self, configuration=""):
        parser = configparser.ConfigParser()
        parser.read_string(configuration)
        self.wanted = parser["keys"] if parser.has_section("keys") else {}

    def authenticate(self, session_id, cookie, session_cookie, client_ip, client_port, key_value_pairs, gateway_user=None, server_username=None):
        print("{} from {}:{} on {}".format(gateway_user or server_username, client_ip, client_port, socket.gethostname()))
        if "otp" not in key_value_pairs:
            return {"verdict": "NEEDINFO", "question": ["otp", "Code: ", True]}
        if self.wanted.get("speaks") == "radius":
            accepted = self.radius(gateway_user, key_value_pairs["otp"])
        else:
            accepted = self.verify(gateway_user, key_value_pairs["otp"])
        answer = {"verdict": "ACCEPT" if accepted else "DENY", "reason": "The code was looked at", "additional_metadata": "123456",
                  "cookie": {"asked": True}, "session_cookie": {"by": "authenticate"}}
        if self.wanted.get("becomes"):
            answer.update(gateway_user=self.wanted["becomes"], gateway_groups=["dba"])
        return answer

    def authorize(self, session_id, cookie, session_cookie, gateway_groups=None, server_hostname=None):
        print("groups", gateway_groups, "to", server_hostname)
        for path in self.wanted.get("reads", "").split():
            with open(path) as f:
                print(path, "has", f.read().strip())
        if self.wanted.get("imports"):
            print("imported", __import__(self.wanted["imports"]).__name__)
        if self.wanted.get("divides"):
            1 / 0
        return {"verdict": "ACCEPT"}

    def session_ended(self, session_id, cookie, session_cookie):
        print("ended", json.dumps(cookie, sort_keys=True))

    def verify(self, user, code):
        body = json.dumps({"user": user, "otp": code}).encode()
        request = urllib.request.Request(self.wanted["address"] + "/otp/v1/verify", body, {
            "Content-Type": "application/json", "Authorization": "Bearer " + self.wanted["secret"]})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)["valid"]
        except urllib.error.URLError as refused:
            print("no answer:", refused)
            return False

    def radius(self, user, password):
        """One Access-Request with a hidden password (RFC 2865, section 5.2)."""
        secret, authenticator = self.wanted["secret"].encode(), os.urandom(16)
        hidden, last = b"", authenticator
        for i in range(0, len(password), 16):
            block = password.encode()[i:i + 16].ljust(16, b"\0")
            last = bytes(a ^ b for a, b in zip(block, hashlib.md5(secret + last).digest()))
            hidden += last
        attributes = b"".join(bytes([kind, len(value) + 2]) + value for kind, value in [
            (1, user.encode()), (2, hidden), (6, struct.pack(">I", 1))])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(10)
            s.connect((self.wanted["host"], int(self.wanted["port"])))
            s.send(struct.pack(">BBH", 1, 7, 20 + len(attributes)) + authenticator + attributes)
            return s.recv(4096)[0] == 2
