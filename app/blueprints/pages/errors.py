"""Whatever fails on the way of a person is answered with a page; the SCIM Error message is for SCIM clients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Response, request
from werkzeug.exceptions import HTTPException

from app.blueprints.exchange import current
from app.blueprints.request.body import discard
from app.blueprints.response.errors import error_for_client


def answer(error: Exception, page: Callable[[int, str], Response]) -> Response:
    """Return the page for an error; a bug is logged under the request id that the page shows.

    `page` makes it of the status and of a sentence for clients, which is "" for what the framework refuses.
    """
    if isinstance(error, HTTPException) and (error.code or 500) < 500:
        return final(page(error.code or 400, ""))
    failure = error_for_client(error)
    current().error = failure
    response = page(failure.status, failure.detail)
    response.headers.update(failure.headers)
    return final(response)


def final(response: Response) -> Response:
    """Return a response after which the rest of the request's body is read and discarded."""
    if response.status_code in (429, 503):
        response.headers.setdefault("Retry-After", "60")
    response.call_on_close(partial(discard, request.stream, request.environ.get("gunicorn.socket")))
    return response
