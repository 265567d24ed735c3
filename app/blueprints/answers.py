"""The answer: its media type, its headers, its body (RFC 7644 sections 3.1, 3.8 and 3.14)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson
from flask import Request, Response
from werkzeug.datastructures import MIMEAccept

from app.blueprints.exchange import current
from app.blueprints.service import service
from app.blueprints.streaming import Stream, is_streamed
from app.errors import NotAcceptable, ScimError
from app.protocol.messages import JSON, SCIM_JSON, error_message
from app.provider import Shown, Statuses

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

STATUSES = Statuses(created=201, shown=200, not_shown=204)
"""What a write that succeeds is answered with, as the provisioning log has it."""
# What is answered is personal data: kept by no cache, guessed into no other type.
_NOT_KEPT = "private, no-store"
_ALWAYS = [("Vary", "Accept, Authorization"), ("X-Content-Type-Options", "nosniff")]


class _Answer(Response):
    """A response whose headers go out as they are, and those that all answers have unlooked at.

    Werkzeug would copy them and rewrite URIs with what is not ASCII in them; none of ours has that.
    """

    default_mimetype = None
    """An answer without a body has no type."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        return self.headers

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        content, status, headers = super().get_wsgi_response(environ)
        return content, status, headers + _ALWAYS


def media_type(request: Request) -> str:
    """Give the media type that the client takes: SCIM's own wherever it can be; raises NotAcceptable (D-110)."""
    header = request.headers.get("Accept")
    if not header or header == "*/*" or header == SCIM_JSON:
        return SCIM_JSON
    # Parameters such as `charset` tell apart none of what we have; Werkzeug would take no type that has one.
    wanted = MIMEAccept((kind.partition(";")[0].rstrip(), quality) for kind, quality in request.accept_mimetypes)
    for candidate in (SCIM_JSON, JSON):
        if wanted.quality(candidate) > 0:
            return candidate
    raise NotAcceptable(f"The answer can only be {SCIM_JSON} or {JSON}.")


def answer(body: Any, status: int = 200, *, mimetype: str = SCIM_JSON) -> Response:
    """Give a JSON answer; what `body` holds as an iterator, however deep, is written while it is read."""
    content: bytes | Stream
    try:
        content = orjson.dumps(body)
    except orjson.JSONEncodeError:
        if not is_streamed(body):
            raise
        exchange = current()
        content = Stream(body, exchange.request_id, service().budget)
        content.on_close, exchange.release = exchange.release, None
    return _private(_Answer(content, status, mimetype=mimetype))


def resource_answer(shown: Shown, status: int = 200, *, mimetype: str = SCIM_JSON) -> Response:
    """Give the answer that shows one resource, with its version and its place."""
    response = answer(shown.resource, status, mimetype=mimetype)
    return _located(response, shown)


def empty_answer(status: int = 204, shown: Shown | None = None) -> Response:
    """Give an answer without a body."""
    response = _private(_Answer(status=status))
    if status not in (204, 304):  # RFC 9110 section 8.6
        response.headers.add("Content-Length", "0")
    return _located(response, shown) if shown else response


def error_answer(error: ScimError) -> Response:
    """Give the SCIM Error message (RFC 7644 section 3.12)."""
    response = answer(error_message(error), error.status)
    response.headers.update(error.headers)
    return response


def _located(response: Response, shown: Shown) -> Response:
    response.headers.add("ETag", shown.version)
    response.headers.add("Content-Location", shown.location)
    if response.status_code == 201:
        response.headers.add("Location", shown.location)
    return response


def _private(response: Response) -> Response:
    response.headers.add("Cache-Control", _NOT_KEPT)
    return response
