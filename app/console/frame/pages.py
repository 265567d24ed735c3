"""Pages as responses: what every template gets, and errors as pages."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response, render_template, request
from werkzeug.exceptions import HTTPException

from app.blueprints.exchange import current
from app.blueprints.request.body import discard
from app.blueprints.response.errors import error_for_client
from app.protocol.messages import HTML

_SENTENCES = {
    404: ("There is no such page, or it is not for you.", ""),
    405: ("That does not work here.", ""),
    413: ("What was sent is too long, so nothing was done.", ""),
    429: ("Too many requests.", "Wait a minute and try again."),
    503: ("The database does not answer at the moment.", "Nothing is lost. Try again in a minute."),
}
_FAILED = ("Something went wrong on our side.", "Try again. If it stays so, tell us the request id.")


class Wrong(Exception):
    """The request is answered with a page that says what is wrong, and what to try."""

    def __init__(self, status: int, sentence: str, advice: str = "", retry_after: str = "60") -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.advice = advice
        self.retry_after = retry_after


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page as a response."""
    html = render_template(f"console/{template}", **values)
    return Response(html, status, mimetype=HTML)


def page_of(error: Exception) -> Response:
    """Return the page for an error; a bug is logged under the request id that the page shows."""
    wrong = error if isinstance(error, Wrong) else _wrong(error)
    response = page("error.html", wrong.status, wrong=wrong, request_id=current().request_id)
    if wrong.status in (429, 503):
        response.headers["Retry-After"] = wrong.retry_after
    response.call_on_close(partial(discard, request.stream, request.environ.get("gunicorn.socket")))
    return response


def _wrong(error: Exception) -> Wrong:
    if isinstance(error, HTTPException) and (error.code or 500) < 500:
        return Wrong(error.code or 400, *_SENTENCES.get(error.code or 400, ("This request cannot be read.", "")))
    failure = error_for_client(error)
    current().error = failure
    if failure.status < 500 and failure.status not in _SENTENCES:
        return Wrong(failure.status, failure.detail)
    sentences = _SENTENCES.get(failure.status, _FAILED)
    return Wrong(failure.status, *sentences, failure.headers.get("Retry-After", "60"))

