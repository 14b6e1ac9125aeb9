"""Fixtures for tests that talk to a fleet of Counterpart.

``fleet`` is a company of fiction with its vault, RADIUS, LDAP, MFA and ticketing servers, on ports
of its own, as new for every test. See :class:`pytest_counterpart.fleet.Fleet` for what it can do.
``fleet.session`` runs a session of an SPS plugin against it, and ``play`` one with a company of its own.
"""

from .fleet import Fleet, Refused, Server, Unreachable
from .play import Session, play
from .session import LiveSession

__all__ = ["Fleet", "LiveSession", "Refused", "Server", "Session", "Unreachable", "play"]
__version__ = "0.1.0"
