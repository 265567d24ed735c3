"""Pages as responses: those of templates, and errors."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template

from app.advice.words import FAILED, SENTENCES
from app.blueprints.exchange import current
from app.blueprints.pages.errors import answer, final
from app.console.frame.forms import form
from app.console.frame.wrong import Wrong
from app.protocol.messages import HTML


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page as a response, with the status 422 if something is wrong with its form."""
    html = render_template(f"console/{template}", **values)
    return Response(html, 422 if form().faults and status == 200 else status, mimetype=HTML)


def page_of(error: Exception) -> Response:
    """Return the page for an error."""
    return final(_notice(error)) if isinstance(error, Wrong) else answer(error, _page)


def _page(status: int, detail: str) -> Response:
    sentences = (detail or "This request cannot be read.",) if status < 500 else FAILED
    return _notice(Wrong(status, *SENTENCES.get(status, sentences)))


def _notice(wrong: Wrong) -> Response:
    form().faults.clear()  # they are about fields, and a notice has none
    return page("notice.html", wrong.status, wrong=wrong, request_id=current().request_id)
