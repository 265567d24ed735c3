"""docs/consumers.md: its tables and its event match the code and the OpenAPI document."""

from __future__ import annotations

import json
import re

import pytest

from app.auth.limits import rate_limits
from app.feed import elements, parameters, snapshot, waiting
from app.feed.parameters import ChangesRequest
from app.openapi.feed import EVENT
from app.protocol import cursor, search_request
from app.schemas.storage.collection import indexed_fields
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.search import time_limit
from tests.docs import pages
from tests.openapi.test_responses import DOCUMENT, fits
from tests.test_readme import rows, section

PAGE = "docs/consumers.md"
PARAMETERS = dict(rows(pages.text(PAGE).split("### Then the feed")[1])[1:6])


def test_the_page_has_the_parameters_of_the_feed() -> None:
    described = DOCUMENT["paths"]["/changes"]["get"]["parameters"]
    assert [name.strip("`").partition("=")[0] for name in PARAMETERS] == [each["name"] for each in described]
    assert numbers(PARAMETERS["`limit`"]) == [1, parameters.MOST, ChangesRequest.limit]
    assert numbers(PARAMETERS["`wait`"]) == [0, parameters.LONGEST_WAIT, ChangesRequest.wait]


def numbers(text: str) -> list[int]:
    """Return the numbers in a text."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def test_the_event_of_the_page_is_one() -> None:
    (event,) = [block for block in map(json.loads, pages.blocks(PAGE, "json")) if "specversion" in block]
    fits(event, "components", "schemas", EVENT)


def test_the_types_of_events_are_those_of_the_document() -> None:
    known = DOCUMENT["components"]["schemas"][EVENT]["properties"]["type"]["examples"]
    assert {kind for kind in known if kind.startswith(("scimd.user.", "scimd.tenant."))} <= types_of_the_page() <= set(known)


def types_of_the_page() -> set[str]:
    """Return the types in the table of events: each row has a whole one, and others by their ends."""
    table = section(pages.text(PAGE), "Follow the changes").split("| type | when |")[1].split("\n\n")[0]
    firsts = [re.findall(r"`([\w.]+)`", row[0]) for row in rows(table)]
    return {first for first, *_ in firsts} | {first.rpartition(".")[0] + end for first, *ends in firsts for end in ends}


LIMITS = dict(rows(section(pages.text(PAGE), "Limits"))[1:9])
NUMBERS = {
    "a page": [search_request.DEFAULT_COUNT, search_request.MOST_RESULTS, search_request.MOST_RESULTS],
    "a cursor": [cursor.TIMEOUT],
    "requests of a tenant": [rate_limits.DEFAULT, rate_limits.ROOM],
    "a filter in a URL": [search_request.LONGEST_IN_URL, search_request.LONGEST_IN_BODY],
    "a page of the feed, or of a snapshot": [parameters.MOST, elements.MOST_BYTES // 2**20],
    "requests that wait for an event": [waiting.MOST_WAITING],
    "a page of a snapshot, to be continued": [snapshot.SECONDS // 3_600],
    "a query": [int(time_limit.SEARCH_SECONDS), 400],
}
"""Row -> the numbers in it."""


@pytest.mark.parametrize("row", NUMBERS)
def test_a_limit_has_the_numbers_of_the_code(row: str) -> None:
    assert LIMITS.keys() == NUMBERS.keys()
    assert numbers(LIMITS[row]) == NUMBERS[row]


def test_the_page_names_the_attributes_with_an_index() -> None:
    (sentence,) = re.findall(r"by these attributes use an index.*?: (.*?)\. Others", pages.text(PAGE))
    fields = {field.removeprefix("_folded.") for kind in (USER_TYPE, GROUP_TYPE) for field in indexed_fields(kind)}
    assert "the manager's id" in sentence
    named = set(re.findall(r"`([\w.]+)`", sentence))
    assert named == fields - {"_id", "enterprise.manager.value"} | {"id", "groups.value", "members.value"}
