"""The SCIM errors: one class for each scimType of RFC 7644 section 3.12, table 9, and for each other status.

This is the only place with the status codes of errors. Raise the narrowest class; its detail names the attribute and
what was expected, and never repeats a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from app.causes import cause_of

_INDEX = re.compile(r"\[\d+\]")


class Problem(NamedTuple):
    """One thing that is wrong: the path of the attribute, what was expected there, and what was received."""

    path: str
    expected: str
    received: str = "nothing"


class ScimError(Exception):
    """A failure that the client is told about (RFC 7644 section 3.12)."""

    status = 500
    scim_type: str | None = None

    def __init__(self, detail: str, *problems: Problem, cause: str = "") -> None:
        """Make the error; `problems` are for operators, `cause` is given if the status and scimType do not say it."""
        super().__init__(detail)
        self.detail = detail
        self.problems = problems
        self.cause = cause or cause_of(self.status, self.scim_type)
        self.headers: dict[str, str] = {}

    @property
    def attribute(self) -> str:
        """The path of the attribute that it is about, without indexes; "" if that is not known."""
        return _INDEX.sub("", self.problems[0].path) if self.problems else ""


class BadRequest(ScimError):
    """400 of RFC 7644 table 9; the subclasses are its scimTypes."""

    status = 400


class InvalidFilter(BadRequest):
    """The filter's syntax is wrong, or the operator does not suit the attribute."""

    scim_type = "invalidFilter"


class TooMany(BadRequest):
    """The filter matches more than the server is willing to process."""

    scim_type = "tooMany"


class InvalidSyntax(BadRequest):
    """The body is not a JSON object or does not have the structure of the message."""

    scim_type = "invalidSyntax"


class InvalidPath(BadRequest):
    """The path of a PATCH operation is malformed or names no attribute."""

    scim_type = "invalidPath"


class NoTarget(BadRequest):
    """The path of a PATCH operation yields nothing to operate on."""

    scim_type = "noTarget"


class InvalidValue(BadRequest):
    """A required value is missing, or a value does not fit its attribute."""

    scim_type = "invalidValue"


class InvalidVersion(BadRequest):
    """The protocol version in the URL is not supported."""

    scim_type = "invalidVers"


class Mutability(BadRequest):
    """The attribute's mutability does not allow the change."""

    scim_type = "mutability"


class InvalidCursor(BadRequest):
    """The cursor was not made by this server, or is for another query (RFC 9865 section 2.1)."""

    scim_type = "invalidCursor"


class ExpiredCursor(InvalidCursor):
    """The cursor is too old (RFC 9865 section 2.1)."""

    scim_type = "expiredCursor"


class InvalidCount(InvalidCursor):
    """The count does not fit the cursor (RFC 9865 section 2.1)."""

    scim_type = "invalidCount"


class Unauthorized(ScimError):
    """No credential, or one that is not valid here; always with `WWW-Authenticate` (RFC 6750 section 3)."""

    status = 401

    def __init__(self, detail: str, *, challenge: str, cause: str = "no-credential") -> None:
        super().__init__(detail, cause=cause)
        self.headers["WWW-Authenticate"] = challenge


class Forbidden(ScimError):
    """The credential is valid, but not for this request."""

    status = 403


class NotFound(ScimError):
    """No such resource, or no such endpoint."""

    status = 404


class MethodNotAllowed(ScimError):
    """The endpoint does not have this method; `Allow` names those that it has."""

    status = 405

    def __init__(self, detail: str, *, allow: str) -> None:
        super().__init__(detail)
        self.headers["Allow"] = allow


class NotAcceptable(ScimError):
    """The client accepts none of SCIM's media types."""

    status = 406


class Uniqueness(ScimError):
    """Another resource has this value already."""

    status = 409
    scim_type = "uniqueness"


class Conflict(ScimError):
    """The change conflicts with the current state."""

    status = 409


class Gone(ScimError):
    """What the client asks for is no longer kept; the client has to begin anew."""

    status = 410


class PreconditionFailed(ScimError):
    """`If-Match` does not name the stored version (RFC 7644 section 3.14)."""

    status = 412


class PayloadTooLarge(ScimError):
    """The body, or the number of its operations or members, is over the limit."""

    status = 413


class UriTooLong(PayloadTooLarge):
    """The request line is over the limit."""

    status = 414


class UnsupportedMediaType(ScimError):
    """The body is not JSON."""

    status = 415


class TooManyRequests(ScimError):
    """A tenant, or an address if `tenant` is "", is over a limit: `rate`, `share`, `scans` or `credentials`."""

    status = 429

    def __init__(self, detail: str, *, retry_after: int, tenant: str = "", limit: str = "credentials") -> None:
        super().__init__(detail)
        self.tenant = tenant
        self.limit = limit
        self.headers["Retry-After"] = str(retry_after)


class InternalError(ScimError):
    """A bug of ours; the detail has only a reference to the log."""


class NotImplementedHere(ScimError):
    """An optional feature of the RFC that is not offered."""

    status = 501


class Unavailable(ScimError):
    """The database does not answer at the moment; the client may try again after `Retry-After` seconds."""

    status = 503
    for_operators = True

    def __init__(self, detail: str, *, retry_after: int = 5, cause: str = "") -> None:
        super().__init__(detail, cause=cause)
        self.headers["Retry-After"] = str(retry_after)


def is_failure(status: int) -> bool:
    """Return whether a status says that the server has failed; 501 refuses what it does not offer (D-707)."""
    return status >= 500 and status != NotImplementedHere.status


def describe(error: BaseException) -> str:
    """Return what a log may say of an exception: its type and codes, and its text only if we wrote it for operators.

    Any other may repeat what a client sent, MongoDB's whole documents. A class whose text never does: `for_operators`.
    """
    name = type(error).__qualname__
    if getattr(error, "for_operators", False):
        return f"{name}: {error}"
    facts = [getattr(error, "code", None), getattr(error, "strerror", None)]
    details = getattr(error, "details", None)
    if isinstance(details, Mapping):  # of a PyMongoError
        facts += [details.get("codeName"), *(each.get("code") for each in details.get("writeErrors", ()))]
    known = dict.fromkeys(str(fact) for fact in facts if isinstance(fact, (int, str)))
    return f"{name} ({', '.join(known)})" if known else name
