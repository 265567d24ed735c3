"""Sorted pages against a sort written down plainly (RFC 7644 section 3.4.2.3; standards SO-01 to SO-12, CU-21)."""

import uuid
from datetime import UTC, datetime
from typing import Any

import mongomock
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store.mongo.database import Database
from app.store.search.order import Order, Position
from app.store.search.pages import Found, Pages, Plan, Window
from tests.examples import examples

KEYS = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d"]))
DOCUMENTS = st.lists(KEYS, max_size=12).map(
    lambda keys: [{"_id": f"{n:02}", "t": 1, **({"k": key} if key is not None else {})} for n, key in enumerate(keys)]
)
EMAILS = st.lists(
    st.lists(st.fixed_dictionaries({"value": st.sampled_from("abcd")}, optional={"primary": st.booleans()}), max_size=3),
    max_size=10,
).map(lambda lists: [{"_id": f"{n:02}", "t": 1, "_folded": {"emails": emails}} for n, emails in enumerate(lists)])


def collection(documents: list[dict[str, Any]]) -> Any:
    made = mongomock.MongoClient().db.c
    if documents:
        made.insert_many(documents)
    return made


def plainly(documents: list[dict[str, Any]], key: Any, *, descending: bool) -> list[str]:
    def rank(document: dict[str, Any]) -> tuple:
        value = key(document)
        return (value is None, value or "", document["_id"])

    return [document["_id"] for document in sorted(documents, key=rank, reverse=descending)]


def preferred(document: dict[str, Any]) -> str | None:
    emails = document["_folded"]["emails"]
    primary = [email for email in emails if email.get("primary") is True]
    return (primary or emails or [{"value": None}])[0]["value"]


def page(made: Any, order: Order, after: Position | None, skip: int, limit: int, *, in_order: bool) -> list[Found]:
    return Pages(made, {"t": 1}, order, Plan(None, in_order)).page(Window(limit, skip, after), {"t": 0})


def walk(made: Any, order: Order, size: int, *, in_order: bool) -> list[str]:
    ids: list[str] = []
    after: Position | None = None
    while found := page(made, order, after, 0, size, in_order=in_order):
        ids += [item.document["_id"] for item in found]
        after = found[-1].position
    return ids


@given(DOCUMENTS, st.booleans(), st.integers(1, 4), st.booleans())
@settings(deadline=None, max_examples=examples(40))
def test_walking_gives_everybody_once_in_the_order(documents: list, descending: bool, size: int, in_order: bool) -> None:
    order = Order("k", descending=descending, always=False)
    expected = plainly(documents, lambda d: d.get("k"), descending=descending)
    assert walk(collection(documents), order, size, in_order=in_order) == expected


@given(DOCUMENTS, st.booleans(), st.integers(0, 14), st.integers(1, 5), st.booleans())
@settings(deadline=None, max_examples=examples(40))
def test_a_page_by_index_is_a_slice_of_the_order(
    documents: list, descending: bool, skip: int, limit: int, in_order: bool
) -> None:
    order = Order("k", descending=descending, always=False)
    found = page(collection(documents), order, None, skip, limit, in_order=in_order)
    expected = plainly(documents, lambda d: d.get("k"), descending=descending)[skip : skip + limit]
    assert [item.document["_id"] for item in found] == expected


@given(documents=EMAILS, descending=st.booleans(), size=st.integers(1, 4))
@settings(deadline=None, max_examples=examples(20))
def test_a_multi_valued_attribute_counts_with_its_primary_value(
    mongod: Database, documents: list, descending: bool, size: int
) -> None:
    made = mongod.client["test-pages"][uuid.uuid4().hex]  # mongomock has no $map over what $filter leaves
    if documents:
        made.insert_many(documents)
    order = Order("_folded.emails.value", "_folded.emails", descending, always=False)
    assert walk(made, order, size, in_order=False) == plainly(documents, preferred, descending=descending)
    made.drop()


@given(DOCUMENTS, st.booleans(), st.integers(0, 14), st.integers(1, 5))
@settings(deadline=None, max_examples=examples(20))
def test_a_page_and_its_total_come_from_one_reading(
    mongod: Database, documents: list, descending: bool, skip: int, limit: int
) -> None:
    made = mongod.client["test-pages"][uuid.uuid4().hex]  # mongomock has no $facet that sorts
    if documents:
        made.insert_many(documents)
    order = Order("k", descending=descending, always=False)
    positions, total = Pages(made, {"t": 1}, order, Plan(None, in_order=False)).page_and_total(skip=skip, limit=limit)
    expected = plainly(documents, lambda d: d.get("k"), descending=descending)[skip : skip + limit]
    assert ([position.id for position in positions], total) == (expected, len(documents))
    made.drop()


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("descending", [False, True])
def test_the_way_back_is_the_way_forth_reversed(descending: bool, in_order: bool) -> None:
    documents = [{"_id": f"{n:02}", "t": 1, **({"k": "x" * (n % 3)} if n % 4 else {})} for n in range(20)]
    order = Order("k", descending=descending, always=False)
    forth = walk(collection(documents), order, 7, in_order=in_order)
    assert walk(collection(documents), order.reversed(), 3, in_order=in_order) == forth[::-1]


@pytest.mark.parametrize("in_order", [True, False])
def test_the_times_of_positions_are_in_utc(in_order: bool) -> None:
    moment = datetime(2011, 5, 13, 4, 42, 34, tzinfo=UTC)
    made = collection([{"_id": "a", "t": 1, "k": moment}])
    naive = made.with_options(made.codec_options.with_options(tz_aware=False))
    [found] = page(naive, Order("k", always=False), None, 0, 1, in_order=in_order)
    assert found.position == Position("a", moment)
