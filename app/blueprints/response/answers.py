"""Responses: their media type, their headers, their body (RFC 7644 sections 3.1, 3.8 and 3.14)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson
from flask import Request, Response
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.blueprints.exchange import current, service
from app.blueprints.response.streaming import Stream, is_streamed, json_blocks
from app.errors import NotAcceptable, ScimError
from app.protocol.messages import JSON, SCIM_JSON, error_message
from app.provider import Shown, Statuses

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

STATUSES = Statuses(created=201, shown=200, not_shown=204)
"""The statuses of successful writes, for the provisioning log."""
# Responses contain personal data: no cache may store them, and no browser may guess another type.
_NOT_STORED = "private, no-store"
_BARE_QUALITY = re.compile(r"(?<=[qQ])=\.")
"""A quality without its first digit, `q=.2`, which Werkzeug passes over with its media type."""
_BLANKS = re.compile(r"[ \t]+")
"""Werkzeug's own pattern takes the square of their number: 16 headers of 8 KB took 5.5 seconds (D-701)."""
_LONGEST_ACCEPT = 8_190
"""Characters of Accept that are read: as many as one header may have."""
_ALWAYS = [("Vary", "Accept, Authorization"), ("X-Content-Type-Options", "nosniff")]


class _Response(Response):
    """A response whose headers are sent as they are, with those that all responses have in common.

    Werkzeug would copy the headers to encode URIs that are not ASCII; ours are. That takes 6 % of the instructions of a
    GET of one user.
    """

    default_mimetype = None
    """A response without a body has no media type."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        return self.headers

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        content, status, headers = super().get_wsgi_response(environ)
        return content, status, headers + _ALWAYS


def media_type(request: Request) -> str:
    """Return the media type of the response, SCIM's own if the client accepts it; raises NotAcceptable (D-110)."""
    header = request.headers.get("Accept")
    if not header or header == "*/*" or header == SCIM_JSON:
        return SCIM_JSON
    wanted = accepted(header)
    for candidate in (SCIM_JSON, JSON):
        if wanted.quality(candidate) > 0:
            return candidate
    raise NotAcceptable(f"The response can only be {SCIM_JSON} or {JSON}.")


def accepted(header: str) -> MIMEAccept:
    """Return the media types in an Accept header, without their parameters (D-690)."""
    kept = _BARE_QUALITY.sub("=0.", _BLANKS.sub(" ", header)[:_LONGEST_ACCEPT])
    # Without parameters such as `charset`: Werkzeug matches no type that has one, and not a `*` alone either.
    kinds = ((kind.partition(";")[0].rstrip(), quality) for kind, quality in parse_accept_header(kept, MIMEAccept))
    return MIMEAccept(("*/*" if kind == "*" else kind, quality) for kind, quality in kinds)


def json_response(body: Any, status: int = 200, *, mimetype: str = SCIM_JSON) -> Response:
    """Return a JSON response; an iterator anywhere in `body` is read while the response is sent."""
    content: bytes | Stream
    try:
        content = orjson.dumps(body)
    except orjson.JSONEncodeError:
        if not is_streamed(body):
            raise
        exchange = current()
        content = Stream(json_blocks(body), exchange.request_id, service().budget)
        content.on_close, exchange.release = exchange.release, None
    return _private(_Response(content, status, mimetype=mimetype))


def public_response(body: dict[str, Any]) -> Response:
    """Return a response that anybody may read and keep for an hour, pages of other origins included."""
    response = json_response(body, mimetype=JSON)
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def resource_response(shown: Shown, status: int = 200, *, mimetype: str = SCIM_JSON) -> Response:
    """Return the response that contains one resource, with its version and location."""
    response = json_response(shown.resource, status, mimetype=mimetype)
    return _located(response, shown)


def empty_response(status: int = 204, shown: Shown | None = None) -> Response:
    """Return a response without a body."""
    response = _private(_Response(status=status))
    if status not in (204, 304):  # RFC 9110 section 8.6
        response.headers.add("Content-Length", "0")
    return _located(response, shown) if shown else response


def error_response(error: ScimError) -> Response:
    """Return the response with the SCIM Error message (RFC 7644 section 3.12)."""
    response = json_response(error_message(error), error.status)
    response.headers.update(error.headers)
    return response


def _located(response: Response, shown: Shown) -> Response:
    response.headers.add("ETag", shown.version)
    response.headers.add("Content-Location", shown.location)
    if response.status_code == 201:
        response.headers.add("Location", shown.location)
    return response


def _private(response: Response) -> Response:
    response.headers.add("Cache-Control", _NOT_STORED)
    return response
