"""A visit of a browser, and what it is answered."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.sign_on.reasons import Reason
from app.store.accounts.tokens import hash_of

CONSOLE = "console"
"""The purpose of an operator's sign-in."""
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Visit:
    """A request of a browser."""

    tenant: str
    """The name in the path; the tenant may not exist."""
    address: str = ""
    request_id: str = ""
    browser: str = field(default="", repr=False)
    """The cookie that tells one browser from others, "" without."""
    session: str = field(default="", repr=False)
    """The cookie of its session with this tenant, "" without."""

    @property
    def known_browser(self) -> str:
        """The browser's cookie if it can be one of ours, else ""."""
        return self.browser if _COOKIE.fullmatch(self.browser) else ""

    @property
    def browser_hash(self) -> str:
        """What is stored of the browser's cookie."""
        return hash_of(self.browser)


def new_browser() -> str:
    """Return a cookie for a browser that has none."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Redirect:
    """The browser is sent elsewhere, with the cookies that it gets on the way, "" for none."""

    url: str
    browser: str = field(default="", repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True)
class Refused:
    """The person is not signed in; `back` is where the app that they come from takes the error, "" without one.

    Operators come from the console.
    """

    reason: Reason
    back: str = ""
    app: str = ""
    """The name of that app."""
    retry_after: int = 0
    """Seconds; 0 if it is not about time."""


@dataclass(frozen=True)
class SignedIn:
    """The person is signed in, and there is no app to go to."""

    tenant: str
    name: str


@dataclass(frozen=True)
class SignOut:
    """The page that asks whether to sign out, or says that nobody is signed in (any more)."""

    tenant: str
    is_signed_in: bool


@dataclass(frozen=True)
class Tested:
    """A test of a connection is over."""

    outcome: Mapping[str, Any]


Answer = Redirect | Refused | SignedIn | SignOut | Tested
