"""Why an outgoing request failed."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead

from requests import RequestException
from urllib3.exceptions import DecodeError, InvalidHeader, ProxyError
from urllib3.exceptions import TimeoutError as TimedOut

REFUSED_ADDRESS, NOT_RESOLVED, NOT_CONNECTED = "refused address", "not resolved", "not connected"
TIMED_OUT, TLS, CLOSED, NOT_UNDERSTOOD = "timed out", "tls", "closed", "not understood"

_WORDS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror,), "the name does not resolve"),
    ((ConnectionRefusedError,), "the connection is refused"),
    ((TimeoutError, TimedOut), "it takes too long"),
    ((ConnectionResetError, BrokenPipeError), "the connection is closed without an answer"),
    ((IncompleteRead,), "the answer is cut short"),
    ((HTTPException,), "the answer is not one of HTTP"),
)
"""What is said of exceptions, which libraries wrap in each other; the first row that fits counts."""


class OutgoingError(Exception):
    """The request failed; the text is for the operator and never names the proxy, whose URL may have a password.

    `reason` is one of the constants above: it contains nothing of the answer, so it can be stored and shown.
    """

    def __init__(self, text: str, reason: str = CLOSED) -> None:
        super().__init__(text)
        self.reason = reason


class Unreachable(OutgoingError):
    """No connection could be made, or no answer came: it was closed before, or that takes too long."""


def reason_of(error: BaseException) -> str:
    """Return the reason for an exception that requests, urllib3 or the socket has raised."""
    causes = list(_causes(error))
    if any(isinstance(each, (TimeoutError, TimedOut)) for each in causes):
        return TIMED_OUT
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return TLS
    if any(isinstance(each, (OSError, IncompleteRead)) and not isinstance(each, RequestException) for each in causes):
        return CLOSED
    if any(isinstance(each, (HTTPException, DecodeError, InvalidHeader, ValueError)) for each in causes):
        return NOT_UNDERSTOOD
    return CLOSED


def words_of(error: BaseException) -> str:
    """Return the same for an operator, as the end of a sentence.

    Of the texts of exceptions only what OpenSSL says is used: others may have the URL of the proxy.
    """
    causes = list(_causes(error))
    through = "at the proxy: " if any(isinstance(each, ProxyError) for each in causes) else ""
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"{through}TLS: its certificate is not accepted: {each.verify_message}"
        if isinstance(each, ssl.SSLError):
            return f"{through}TLS: {(each.reason or 'no reason is known').lower().replace('_', ' ')}"
    for kinds, words in _WORDS:
        if any(isinstance(each, kinds) for each in causes):
            return f"{through}{words}"
    numbers = [each.errno for each in causes if isinstance(each, OSError) and each.errno]
    return f"{through}{os.strerror(numbers[0]).lower() if numbers else type(error).__name__}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that it wraps, each once; urllib3 has some of them only as arguments."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            yield each
            waiting += (*each.args, each.__context__, each.__cause__)
