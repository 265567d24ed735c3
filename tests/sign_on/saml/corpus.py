"""Attacks on the reading of a response: each builds what is posted, and names the reasons that are right.

An attack is built for what a running sign-in says (`Says`), so the same table serves the function and the server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.sign_on.reasons import Reason
from tests.sign_on.saml.idp import Says, Signer, changed, encoded, respond, signer

FORGED = "admin@contoso.com"


@dataclass(frozen=True)
class Attack:
    """One attack; `build` returns XML, or the encoded field as it is posted where `raw` is set."""

    row: str
    title: str
    build: Callable[[Says], str | bytes]
    reasons: frozenset[Reason]
    known: tuple[Signer, ...] = (signer(),)
    raw: bool = False

    def __str__(self) -> str:
        return f"{self.row} {self.title}"

    def field(self, says: Says) -> str:
        """Return the field `SAMLResponse`."""
        built = self.build(says)
        if self.raw:
            assert isinstance(built, str)
            return built
        return encoded(built)


def attack(row: str, title: str, build: Callable[[Says], str | bytes], *reasons: Reason, **more: object) -> Attack:
    return Attack(row, title, build, frozenset(reasons), **more)  # type: ignore[arg-type]


def after(row: str, title: str, old: str, new: str, *reasons: Reason, what: str = "assertion") -> Attack:
    """Return the attack that replaces a text in a response that is signed already."""
    return attack(row, title, lambda says: changed(respond(says, what), (old, new)), *reasons)


def before(row: str, title: str, old: str, new: str, *reasons: Reason) -> Attack:
    """Return the attack that replaces a text in the assertion before it is signed."""
    return attack(row, title, lambda says: respond(says, change=(old, new)), *reasons)
