"""Why a person was not signed in: a closed list of reasons, each with the status and the page that the person sees."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from app.auth.refusal import Check


class Reason(StrEnum):
    """A reason, as it is spelled in the log and in metrics."""

    NOT_AVAILABLE = "not-available"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    OTHER_BROWSER = "other-browser"
    IDP_ERROR = "idp-error"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    STRUCTURE = "structure"
    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad-signature"
    WEAK_ALGORITHM = "weak-algorithm"
    UNKNOWN_CERTIFICATE = "unknown-certificate"
    CERTIFICATE_EXPIRED = "certificate-expired"
    ENCRYPTED = "encrypted"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    RECIPIENT = "recipient"
    DESTINATION = "destination"
    IN_RESPONSE_TO = "in-response-to"
    NOT_YET = "not-yet"
    TOO_LATE = "too-late"
    CONDITION = "condition"
    CONFIRMATION = "confirmation"
    REPLAY = "replay"
    NONCE = "nonce"
    TOKEN_ENDPOINT = "token-endpoint"  # noqa: S105
    ID_TOKEN = "id-token"  # noqa: S105
    NOT_REAUTHENTICATED = "not-reauthenticated"
    NO_MFA = "no-mfa"
    NO_IDENTIFIER = "no-identifier"
    NOT_PROVISIONED = "not-provisioned"
    INACTIVE = "inactive"
    DELETED = "deleted"
    AMBIGUOUS = "ambiguous"
    NOT_IN_GROUP = "not-in-group"
    OTHER_SUBJECT = "other-subject"
    LINKED_ELSEWHERE = "linked-elsewhere"
    TOO_MANY = "too-many"
    UNAVAILABLE = "unavailable"


class Shown(NamedTuple):
    """What the person sees: the HTTP status, and the letter of the page."""

    status: int
    page: str


_REFUSED = Shown(403, "D")
_NO_ACCESS = Shown(403, "E")
_OTHERS = {
    Reason.NOT_AVAILABLE: Shown(404, "A"),
    Reason.SUSPENDED: Shown(403, "B"),
    Reason.EXPIRED: Shown(400, "C"),
    Reason.OTHER_BROWSER: Shown(400, "C"),
    Reason.NO_IDENTIFIER: _NO_ACCESS,
    Reason.NOT_PROVISIONED: _NO_ACCESS,
    Reason.INACTIVE: _NO_ACCESS,
    Reason.DELETED: _NO_ACCESS,
    Reason.AMBIGUOUS: _NO_ACCESS,
    Reason.NOT_IN_GROUP: _NO_ACCESS,
    Reason.OTHER_SUBJECT: _NO_ACCESS,
    Reason.LINKED_ELSEWHERE: _NO_ACCESS,
    Reason.TOO_MANY: Shown(429, "F"),
    Reason.UNAVAILABLE: Shown(503, "F"),
}
SHOWN = {reason: _OTHERS.get(reason, _REFUSED) for reason in Reason}


class SignOnRefused(Exception):
    """A person is not signed in."""

    def __init__(self, reason: Reason, detail: str, checks: tuple[Check, ...] = ()) -> None:
        """Make the refusal.

        `detail` is one sentence for the operator's log, which the person never sees; `checks` say what was expected and
        what was received.
        """
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.checks = checks
