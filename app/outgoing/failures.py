"""Why an outgoing request failed."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http.client import HTTPException

from urllib3.exceptions import TimeoutError as TimedOut

REFUSED_ADDRESS, NOT_RESOLVED, NOT_CONNECTED = "refused address", "not resolved", "not connected"
TIMED_OUT, TLS, CLOSED, NOT_UNDERSTOOD = "timed out", "tls", "closed", "not understood"


class OutgoingError(Exception):
    """The request failed; the text is for the operator and never names the proxy, whose URL may have a password.

    `reason` is one of the constants above: it contains nothing of the answer, so it can be stored and shown.
    """

    def __init__(self, text: str, reason: str = CLOSED) -> None:
        super().__init__(text)
        self.reason = reason


class Unreachable(OutgoingError):
    """No connection could be made, or it was closed without an answer."""


def reason_of(error: BaseException) -> str:
    """Return the reason for an exception that requests, urllib3 or the socket has raised."""
    causes = list(_causes(error))
    if any(isinstance(each, (TimeoutError, TimedOut)) for each in causes):
        return TIMED_OUT
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return TLS
    if any(isinstance(each, HTTPException) and not isinstance(each, OSError) for each in causes):
        return NOT_UNDERSTOOD
    return CLOSED


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
