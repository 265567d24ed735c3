"""Requests of apps that get a page instead of an answer, because the app or its redirect URI is not known.

Only who runs the app can mend that, so the log says what came and what is registered.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from app.auth.limits.rate_limits import Limits, neighbourhood
from app.auth.refusal import Check, loggable
from app.sign_on.reasons import Reason
from app.store.accounts.tenants import Tenant
from app.store.log.event import Event
from app.store.sign_on.apps import App

LINES = 10
"""Lines of a tenant in a minute."""
LINES_OF_ADDRESS = 60
_MOST_NAMES = 1_000
_MOST_SHOWN = 5


@dataclass(frozen=True)
class NotAvailable:
    """There is nothing at this address; `why` is a sentence for the log, without what came."""

    why: str
    name: str = ""
    """The parameter that does not fit; "" if it is not about one."""
    expected: str = ""
    received: str = ""


def unknown_app(tenant: Tenant | None, app: App | None, client_id: str, *, connected: bool) -> NotAvailable:
    """Return why an app is not there for a tenant."""
    if tenant is None:
        return NotAvailable("There is no tenant with this name.")
    if not connected:
        return NotAvailable(f"{Reason.NOT_AVAILABLE}: The tenant has no connection that is on.")
    if app is None:
        return NotAvailable("There is no such app.", "client_id", "the id of an app", client_id)
    return NotAvailable(f"{named(app)} is not for this tenant.", "client_id", "the id of an app for it", client_id)


def unknown_redirect_uri(app: App, redirect_uri: str) -> NotAvailable:
    """Return why a redirect URI is not good."""
    why = f"The redirect_uri is none of those of {named(app)}."
    return NotAvailable(why, "redirect_uri", _listed(app.settings.redirect_uris), redirect_uri)


def repeated(name: str) -> NotAvailable:
    """Return why a parameter that is given more than once is not good."""
    return NotAvailable(f"The parameter {name} is given more than once.")


class Unanswered:
    """Makes the lines of the log about such requests: not more than are useful, those left out are counted.

    The log has what came only if `values` says so.
    """

    def __init__(self, limits: Limits, operation: str, *, values: bool) -> None:
        self._limits = limits
        self._operation = operation
        self._values = values
        self._left_out: Counter[str] = Counter()
        self._lock = threading.Lock()

    def line(self, tenant: str, address: str, found: NotAvailable) -> Event | None:
        """Return the line about a request, None if there were enough of them in this minute.

        `tenant` is the name in the path. All names are treated alike, so that they do not tell which tenants exist.
        """
        allowed = self._limits.may_log(f"apps from {neighbourhood(address)}", LINES_OF_ADDRESS)
        if not (allowed and self._limits.may_log(f"apps of {tenant}", LINES)):
            with self._lock:
                if tenant in self._left_out or len(self._left_out) < _MOST_NAMES:
                    self._left_out[tenant] += 1
            return None
        with self._lock:
            left_out = self._left_out.pop(tenant, 0)
        parts = [found.why]
        checks = []
        if found.name:
            received = (loggable(found.received) or "nothing") if self._values else ""
            checks.append(vars(Check(found.name, found.expected, received, False)))
            parts.append(f"Expected: {found.expected}." + (f" Received: {received}." if received else ""))
        if left_out:
            parts.append(f"At least {left_out} more requests like it have no line.")
        return Event(self._operation, status=404, detail=" ".join(parts), checks=checks)


def named(app: App) -> str:
    """Return an app as the log names it."""
    return f"{app.id} ({loggable(app.settings.name)})"


def _listed(uris: Iterable[str]) -> str:
    shown = [loggable(uri) for uri in uris]
    more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
    return ", ".join(shown[:_MOST_SHOWN]) + more
