"""The pages for what fails on the way of a person who signs in."""

from __future__ import annotations

from flask import Blueprint, Response

from app.blueprints.pages.errors import answer
from app.blueprints.sign_on.pages import FAILED, NOT_ALLOWED, PAGES, page_response

_PAGES = {404: PAGES["A"], 405: NOT_ALLOWED, 429: PAGES["F"], 503: PAGES["F"]}


def install(blueprint: Blueprint) -> None:
    """Answer all errors of a blueprint's views with pages."""
    blueprint.register_error_handler(Exception, lambda error: answer(error, _page))


def _page(status: int, _: str) -> Response:
    return page_response(_PAGES.get(status, FAILED if status >= 500 else NOT_ALLOWED), status)
