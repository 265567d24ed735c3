"""Pages as responses: those of templates, and errors."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template

from app.blueprints.exchange import current
from app.blueprints.pages.errors import answer, final
from app.console.frame.forms import form
from app.console.frame.wrong import Wrong
from app.protocol.messages import HTML

_SENTENCES = {
    404: ("There is no such page, or it is not for you.",),
    405: ("This page cannot do that.",),
    413: ("What was sent is too long, so nothing was done.",),
    429: ("Too many requests.", "Wait a minute and try again."),
    503: ("The database is not answering at the moment.", "Nothing is lost. Try again in a minute."),
}
_FAILED = ("Something went wrong on our side.", "Try again. If it happens again, tell us the request id.")


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page as a response; one with a form that something is wrong with has the status 422."""
    html = render_template(f"console/{template}", **values)
    return Response(html, 422 if form().faults and status == 200 else status, mimetype=HTML)


def page_of(error: Exception) -> Response:
    """Return the page for an error."""
    return final(_notice(error)) if isinstance(error, Wrong) else answer(error, _page)


def _page(status: int, detail: str) -> Response:
    sentences = (detail or "This request cannot be read.",) if status < 500 else _FAILED
    return _notice(Wrong(status, *_SENTENCES.get(status, sentences)))


def _notice(wrong: Wrong) -> Response:
    return page("notice.html", wrong.status, wrong=wrong, request_id=current().request_id)
