"""Whatever fails on the way of a person is answered with a page; the SCIM Error message is for SCIM clients."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from app.blueprints.exchange import current
from app.blueprints.request.body import discard
from app.blueprints.response.errors import error_for_client
from app.blueprints.sign_on.pages import FAILED, NOT_ALLOWED, PAGES, Page, page_response
from app.errors import ScimError

_PAGES = {404: PAGES["A"], 405: NOT_ALLOWED, 429: PAGES["F"], 503: PAGES["F"]}
_RETRY_AFTER = "Retry-After"


def install(blueprint: Blueprint) -> None:
    """Answer all errors of a blueprint's views with pages."""
    blueprint.register_error_handler(Exception, page_of)


def page_of(error: Exception) -> Response:
    """Return the page for an error; a bug is logged under the reference that the page shows."""
    status = (error.code or 500) if isinstance(error, HTTPException) else 500
    if status < 500:
        response = page_response(_page(status), status)
    else:
        failure = error_for_client(error)
        current().error = failure
        response = page_response(_page(failure.status), failure.status)
        response.headers.update(_headers(failure))
    response.call_on_close(partial(discard, request.stream, request.environ.get("gunicorn.socket")))
    return response


def _page(status: int) -> Page:
    return _PAGES.get(status, FAILED if status >= 500 else NOT_ALLOWED)


def _headers(failure: ScimError) -> dict[str, str]:
    again = {_RETRY_AFTER: "60"} if failure.status in (429, 503) else {}
    return again | dict(failure.headers)
