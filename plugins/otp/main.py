#!/usr/bin/env pluginwrapper3
"""An authentication and authorization plugin for Counterpart's native API.

It is an example: copy it to start a plugin of your own. One-time passwords and
pushes are checked while the user logs in; a ticket, if wanted, when the target
is known, and its session is closed at the end.
"""
import requests

from safeguard.sessions.plugin import AAPlugin, AAResponse
from safeguard.sessions.plugin.mfa_client import (
    MFAAuthenticationFailure, MFAClient, MFACommunicationError, MFAServiceUnreachable)
from safeguard.sessions.plugin.requests_tls import RequestsTLS

# What is wrong with an answer, or with a person. MFAClient knows what to make of it; whoever calls the API elsewhere has to.
PROBLEMS = (MFAAuthenticationFailure, MFACommunicationError, MFAServiceUnreachable)


def listed(value):
    """The objects of a list; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class Plugin(AAPlugin):
    def do_authenticate(self):
        with Counterpart(self.plugin_configuration) as api:
            return Factors(api).execute_authenticate(self.username, self.mfa_identity, self.mfa_password)

    def do_authorize(self):
        if not self.plugin_configuration.getboolean("counterpart", "ticket", default=False):
            return AAResponse.accept("No ticket is needed")
        ticket = self.session_cookie.get("questions", {}).get("ticket", "")
        try:
            with Counterpart(self.plugin_configuration) as api:
                decision = api.call("POST", "/tickets/v1/tickets/{}/validate".format(requests.utils.quote(ticket, safe="")), self.access())
        except PROBLEMS as problem:
            return AAResponse.deny("Ticket {}: {}".format(ticket, problem), deny_reason="The ticket could not be checked")
        if decision.get("allowed") is not True:
            codes = ", ".join(str(reason.get("code")) for reason in listed(decision.get("reasons")))
            return AAResponse.deny("Ticket {}: {}".format(ticket, codes), deny_reason="The ticket does not permit this access")
        about = decision.get("ticket")
        if not isinstance(about, dict) or about.get("id") != ticket:
            return AAResponse.deny("Ticket {}: the answer is about another one".format(ticket), deny_reason="The ticket could not be checked")
        self.cookie["ticket"] = ticket
        return AAResponse.accept("Ticket {}".format(ticket))

    def do_session_ended(self):
        ticket = self.cookie.get("ticket")
        if not ticket:
            return
        path = "/tickets/v1/tickets/{}/sessions/{}/end".format(
            requests.utils.quote(ticket, safe=""), requests.utils.quote(self.connection.session_id, safe=""))
        try:
            with Counterpart(self.plugin_configuration) as api:
                api.call("POST", path, {"outcome": "closed", "close_ticket": "never"})
        except PROBLEMS as problem:
            self.logger.error("The end of the session was not noted on ticket %s: %s", ticket, problem)

    def access(self):
        """What the user wants to reach, in the terms of the ticket API."""
        to = self.connection
        return {
            "user": self.username,
            "asset": {"name": to.server_hostname or "", "address": to.server_ip or "", "port": to.server_port or 0},
            "account": {"name": to.server_username or ""},
            "protocol": to.protocol,
            "client": {"address": to.client_ip},
            "session_id": to.session_id,
            "open_session": True,
        }


class Factors(MFAClient):
    """Second factors; an empty password means push."""

    def __init__(self, api):
        super().__init__("Counterpart")
        self.api = api

    def otp_authenticate(self, mfa_identity, otp):
        verdict = self.api.call("POST", "/otp/v1/verify", {"user": mfa_identity, "otp": otp})
        if verdict.get("valid") is not True:
            raise MFAAuthenticationFailure("one-time password refused: {}".format(verdict.get("reason")))
        self.about(verdict, "user", mfa_identity)
        return True

    def push_authenticate(self, mfa_identity):
        asked = self.api.call("POST", "/otp/v1/transactions", {"user": mfa_identity, "method": "push", "message": "Log in?"})
        transaction = asked.get("id")
        if not isinstance(transaction, str) or not transaction:
            raise MFACommunicationError("the push has no transaction")
        answer = self.api.call("GET", "/otp/v1/transactions/{}?wait={}s".format(requests.utils.quote(transaction, safe=""), self.api.push_timeout))
        if answer.get("state") != "approved":
            raise MFAAuthenticationFailure("push {}".format(answer.get("state")))
        self.about(answer, "id", transaction)
        self.about(answer, "user", mfa_identity)
        return True

    @staticmethod
    def about(answer, name, wanted):
        """An answer that says yes to somebody or something else proves nothing."""
        if str(answer.get(name)).lower() != wanted.lower():
            raise MFACommunicationError("the answer is about another {}".format(name))


class Counterpart:
    """The REST API: one connection per hook, errors as the SDK wants them."""

    def __init__(self, configuration):
        self.address = configuration.get("counterpart", "address", required=True).rstrip("/")
        self.key = configuration.get("counterpart", "api_key", required=True)
        self.push_timeout = configuration.getint("counterpart", "push_timeout", default=30)
        self.tls = RequestsTLS.from_config(configuration)

    def __enter__(self):
        self.opened = self.tls.open_session()
        self.http = self.opened.__enter__()
        self.http.headers["Authorization"] = "Bearer " + self.key
        return self

    def __exit__(self, *args):
        return self.opened.__exit__(*args)

    def call(self, method, path, body=None):
        try:
            answer = self.http.request(method, self.address + path, json=body, timeout=self.push_timeout + 10)
        except requests.RequestException as problem:
            raise MFAServiceUnreachable("{}: {}".format(self.address, type(problem).__name__))
        try:
            document = answer.json()
        except ValueError:
            raise MFACommunicationError("{} {} answered {} without JSON".format(method, path, answer.status_code))
        if not isinstance(document, dict):
            raise MFACommunicationError("{} {} answered {} with no object".format(method, path, answer.status_code))
        if answer.status_code in (404, 409):
            raise MFAAuthenticationFailure(str(document.get("code", "refused")))
        if not answer.ok:
            raise MFACommunicationError("{} {} answered {}".format(method, path, document.get("code", answer.status_code)))
        return document
