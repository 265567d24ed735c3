"""The body of a request: its media type, its length, and the JSON object in it.

Flask's own reader answers 500 to deep nesting, and accepts NaN and a body that was cut off (D-105).
"""

from __future__ import annotations

import logging
import time
from socket import socket
from typing import IO, Any

from flask import Request

from app.errors import InvalidSyntax, PayloadTooLarge, UnsupportedMediaType, describe
from app.protocol.messages import JSON, SCIM_JSON
from app.schemas.validation.json_object import object_in

log = logging.getLogger("scimd")
MOST_BYTES = 4 * 1024 * 1024
"""The size limit of a body: ten thousand members in one PATCH, or a thousand users in one Bulk request."""
MOST_DISCARDED = 4 * MOST_BYTES
"""Bytes of a refused request's body that are read at most."""
DISCARD_SECONDS = 10.0
DISCARD_PAUSE = 2.0
"""Seconds for reading all of it, and for waiting for the next piece."""
_PIECE = 64 * 1024
MEDIA_TYPES = (SCIM_JSON, JSON)


def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body of a request.

    Raises UnsupportedMediaType, PayloadTooLarge, InvalidSyntax; InvalidValue for text that cannot be stored.
    """
    _check_media_type(request)
    return object_in(_read(request), "The body")


def read_bytes(request: Request, most: int) -> bytes:
    """Return the body as it was sent, at most `most` bytes; raises PayloadTooLarge, InvalidSyntax."""
    data = _next(request.stream, most + 1)
    if len(data) > most:
        raise PayloadTooLarge(f"The body has more than {most} bytes.")
    return data


def read_at_most(request: Request, most: int) -> bytes | None:
    """Return the body as it was sent, or None if it has more than `most` bytes; raises InvalidSyntax."""
    try:
        return read_bytes(request, most)
    except PayloadTooLarge:
        return None


def discard(stream: IO[bytes], connection: socket | None) -> None:
    """Read and discard the rest of a refused request's body, up to a size and a time.

    Called when the response has been sent. Many clients send all of a body before they look for a response, and closing
    a connection while they send takes the response with it (RFC 9112 section 9.6). `connection` is what `stream` reads
    from: WSGI has no time limit for `read`.
    """
    if connection is not None:
        connection.settimeout(DISCARD_PAUSE)
    left, deadline = MOST_DISCARDED, time.monotonic() + DISCARD_SECONDS
    try:
        while left > 0 and time.monotonic() < deadline and (data := _next(stream, _PIECE)):
            left -= len(data)
    except InvalidSyntax as error:  # the client is gone, or was refused because its body cannot be read
        log.debug("a refused request ends early: %s", describe(error))


def _next(stream: IO[bytes], most: int) -> bytes:
    try:
        return stream.read(most)
    except Exception as error:  # malformed chunks, a client that is gone: PEP 3333 names no errors for them
        raise InvalidSyntax("The body cannot be read to its end.") from error


def _check_media_type(request: Request) -> None:
    given = request.headers.get("Content-Encoding")
    # A list may have empty elements (RFC 9110 section 5.6.1.2).
    if given and not {coding.strip().lower() for coding in given.split(",")} <= {"", "identity"}:
        error = UnsupportedMediaType("The body must have no Content-Encoding: none is supported.")
        error.headers["Accept-Encoding"] = "identity"  # RFC 9110 section 12.5.3
        raise error
    given = request.content_type
    if not given or given in MEDIA_TYPES:
        return  # a missing one is read as JSON (D-111)
    if request.mimetype not in MEDIA_TYPES:
        raise UnsupportedMediaType(f"The body must be {MEDIA_TYPES[0]}, not {request.mimetype}.")
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"The body must be UTF-8, not {charset}.")


def _read(request: Request) -> bytes:
    length = request.content_length
    if length is not None and length > MOST_BYTES:
        raise PayloadTooLarge(f"The body has more than {MOST_BYTES} bytes.")
    data = read_bytes(request, MOST_BYTES)
    if length is not None and len(data) < length:
        raise InvalidSyntax(f"The body ends after {len(data)} bytes; Content-Length says {length}.")
    if not data.strip():
        raise InvalidSyntax("The body is empty; a JSON object was expected.")
    return data
