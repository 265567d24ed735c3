"""Why a credential was refused: the checks made, what each expected and what it received, but never a secret.

Operators read it in the provisioning log; the client learns only that the credential was refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn

from app.errors import Forbidden, TooManyRequests, Unauthorized
from app.schemas.validation.secrets import SECRET

AUTHENTICATE = "authenticate"
"""What the log calls the request of a provisioning client whose credential is refused."""
SUSPENDED = "This tenant is suspended."
"""The one sentence for every request to a suspended tenant."""
_LONGEST = 200
"""How many characters of a value sent by a client a refusal keeps."""
_FAR = 1e10
"""Times are cut to this many seconds; a client may send any number."""


_CAUSES = {
    "form": "malformed", "type": "malformed", "id": "unknown", "client_id": "unknown", "secret": "wrong-secret",
    "tenant": "other-tenant", "revocation": "revoked", "expiry": "expired", "issuer": "issuer", "directory": "issuer",
    "algorithm": "signature", "extensions": "signature", "key": "key", "signature": "signature",
    "audience": "audience", "subject": "subject", "app": "subject", "kind": "subject", "scope": "scope",
}
"""The cause of a refusal (`app.causes`) by the check that failed."""


@dataclass(frozen=True)
class Check:
    """One check: its name, what it expected, what it received."""

    name: str
    expected: str
    received: str
    passed: bool


@dataclass(frozen=True)
class Refusal:
    """A refused credential, and every check up to the one that failed."""

    kind: str
    """`token`, `access token`, `JWT`, `client` or `assertion`."""
    reason: str
    checks: tuple[Check, ...] = ()
    credential_id: str = ""
    label: str = ""
    cause: str = "malformed"
    """The word for the reason (`app.causes`)."""

    def __str__(self) -> str:
        """Return the refusal as one line, e.g. `token: expired 2 days ago (id 7f3a, label "entra-prod")`."""
        known = [f"id {self.credential_id}"] if self.credential_id else []
        if self.label:
            known.append(f'label "{self.label}"')
        return f"{self.kind}: {self.reason}" + (f" ({', '.join(known)})" if known else "")


class Refused(Exception):
    """A check has failed; the caller turns it into an error of its protocol."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass
class Inspection:
    """The checks of one credential, in the order in which they are made."""

    kind: str
    credential_id: str = ""
    label: str = ""
    checks: list[Check] = field(default_factory=list)

    def check(
        self, name: str, passed: bool, *, expected: str, received: object, reason: str, cause: str = ""
    ) -> None:
        """Record a check; raises Refused with `reason` if it failed. `cause` is given if the name does not say it."""
        if not passed:
            self.fail(name, expected=expected, received=received, reason=reason, cause=cause)
        self.checks.append(Check(name, expected, loggable(received), True))

    def fail(self, name: str, *, expected: str, received: object, reason: str, cause: str = "") -> NoReturn:
        """Record a failed check; raises Refused with `reason`."""
        self.checks.append(Check(name, expected, loggable(received), False))
        cause = cause or _CAUSES.get(name, "malformed")
        raise Refused(Refusal(self.kind, reason, tuple(self.checks), self.credential_id, self.label, cause))


class CredentialRefused(Unauthorized):
    """401: the same answer for every cause (D-109); `refusal` is None if nothing is to be logged."""

    def __init__(self, refusal: Refusal | None, *, sent: bool) -> None:
        # RFC 6750 section 3: at least one parameter; section 3.1: no error code if no credential was sent.
        challenge = 'Bearer error="invalid_token"' if sent else 'Bearer realm="scimd"'
        cause = refusal.cause if refusal else "no-credential"
        super().__init__("The request needs a credential that is valid here.", challenge=challenge, cause=cause)
        self.refusal = refusal


class AccessRefused(Forbidden):
    """403: the credential is valid but not for this request."""

    def __init__(self, detail: str, refusal: Refusal) -> None:
        super().__init__(detail, cause=refusal.cause)
        self.refusal = refusal


class RateRefused(TooManyRequests):
    """429: the credential is valid but used too often; `refusal` is None if nothing is to be logged."""

    def __init__(self, error: TooManyRequests, refusal: Refusal | None) -> None:
        retry_after = int(error.headers["Retry-After"])
        super().__init__(error.detail, retry_after=retry_after, tenant=error.tenant, limit=error.limit)
        self.refusal = refusal


def loggable(value: object) -> str:
    """Return a received value as one short line of printable characters, without anything that looks like a secret.

    What is no text is written as JSON. People mix up the fields of a form and send a secret as an id.
    """
    given = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "nothing" if value is None else given[: 5 * _LONGEST]  # the pattern takes quadratic time
    text = SECRET.sub("(a secret)", text)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def length_of(text: str) -> str:
    """Return how long a received text is, in words."""
    return "1 character" if len(text) == 1 else f"{len(text)} characters"


def ago(moment: datetime, now: datetime) -> str:
    """Return when `moment` was or will be in words, e.g. `2 days ago` or `in 5 minutes`."""
    return seconds_ago((now - moment).total_seconds())


def seconds_ago(seconds: float) -> str:
    """Return a number of seconds in words: positive ones are in the past, negative ones in the future."""
    whole = int(max(-_FAR, min(seconds, _FAR)))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count = abs(whole) // length
        if count:
            amount = f"{count} {unit}" + ("s" if count > 1 else "")
            return f"{amount} ago" if whole > 0 else f"in {amount}"
    return "just now"
