"""The README's table of limits has the numbers of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.auth.limits import rate_limits as limits
from app.blueprints.request import body
from app.protocol import bulk_message, search_request
from app.protocol.patch import message
from app.schemas.validation import fields
from app.store.directory import membership_plan
from app.store.search import results, time_limit
from scim_filter import scan
from tests.docs import pages

ROWS = dict(re.findall(r"^\| (.+?) \| (.+?) \|$", pages.text("README.md#Limits"), re.MULTILINE)[2:])
GUNICORN = (Path(__file__).parents[2] / "gunicorn.conf.py").read_text()
URL = int(re.search(r"^limit_request_line = ([\d_]+)$", GUNICORN, re.MULTILINE)[1])  # type: ignore[index]
LIMITS = {
    "a request body": [body.MOST_BYTES // 2**20],
    "a URL": [URL, search_request.LONGEST_IN_URL, search_request.LONGEST_IN_BODY],
    "a filter or a PATCH path": [scan.MOST_TERMS, scan.DEEPEST],
    "a page": [search_request.DEFAULT_COUNT, search_request.MOST_RESULTS],
    "a query": [int(time_limit.SEARCH_SECONDS)],
    "`startIndex` across several resource types (`GET /`)": [results.MOST_POSITIONS + 1],
    "operations in a PATCH, in a Bulk request": [message.MAX_OPERATIONS],
    "members that one request names, to add or remove": [membership_plan.MOST_NAMED, 413],
    "different filters on members in one PATCH, other than `value eq`": [membership_plan.MOST_FILTERS],
    "members of a group, where a PATCH removes members by a filter other than `value eq`": [membership_plan.MOST_LOOKED_AT],
    "values of any other multi-valued attribute": [fields.MAX_VALUES],
    "a string; a string that is unique or indexed": [fields.MAX_TEXT, fields.MAX_KEY_TEXT],
    "requests of a tenant, where each operation of a Bulk request counts": [limits.ROOM, 429],
}
"""Row -> the numbers in it."""
WITHOUT_NUMBERS = {"members of a group", "concurrent requests of a tenant"}


def test_every_row_is_compared() -> None:
    assert set(ROWS) == {*LIMITS, *WITHOUT_NUMBERS}
    assert bulk_message.MOST_OPERATIONS == message.MAX_OPERATIONS


@pytest.mark.parametrize("row", LIMITS)
def test_a_row_has_the_numbers_of_the_code(row: str) -> None:
    assert [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", ROWS[row])] == LIMITS[row]
