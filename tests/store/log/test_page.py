"""Pages of a log: every line once, in both directions, whatever is filtered and however many have the same time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.log.reading import page
from app.store.log.reading.page import LogFilter, LogPage, Place, Window
from app.store.mongo.database import Database
from tests.examples import examples

START = datetime(2026, 11, 28, 9, tzinfo=UTC)
SETTINGS = settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def at(milliseconds: int) -> datetime:
    return START + timedelta(milliseconds=milliseconds)


def write(database: Database, rows: list[dict[str, Any]]) -> Events:
    """Write lines of the tenant `acme` with these facts, beside a line of another tenant for each."""
    database.db.events.delete_many({})
    documents = []
    for tenant in ("acme", "globex"):
        for row in rows:
            facts = {"operation": "patch", "credential": "c1", "keys": ["u1"], **row}
            facts["time"] = at(facts["time"])
            documents.append({
                "_id": f"{tenant}-{len(documents)}", "tenant": tenant, "status": 200, "resource": {"type": "User", "id": "u1"},
                **facts,
            })
    random.shuffle(documents)
    if documents:
        database.db.events.insert_many(documents)
    return Events(database, "acme", LogSettings(90))


def walk(events: Events, wanted: LogFilter, limit: int) -> Iterator[LogPage]:
    """Yield the pages from the newest to the oldest."""
    place = None
    while True:
        found = events.page(wanted, Window(place, limit))
        yield found
        if found.older is None:
            return
        place = Place.parse(str(found.older))
        assert place == found.older, "a place survives its way through a URL"


FACTS = st.fixed_dictionaries({"time": st.integers(0, 4)}, optional={
    "failed": st.just(True), "cause": st.sampled_from(["taken", "required"]), "attribute": st.sampled_from(["a", "b"]),
    "operation": st.sampled_from(["create", "delete"]), "credential": st.sampled_from(["c1", "c2"]),
    "keys": st.sampled_from([["u1"], ["u2", "ann"], ["g1", "member:u2"]]),
}).map(lambda row: row | ({"failed": True} if "cause" in row else {}))
WANTED = st.builds(
    LogFilter, failed=st.booleans(), cause=st.sampled_from(["", "taken"]), attribute=st.sampled_from(["", "a"]),
    operation=st.sampled_from(["", "create"]), credential=st.sampled_from(["", "c1"]), keys=st.sampled_from([(), ("u2",)]),
    since=st.sampled_from([None, at(1)]), until=st.sampled_from([None, at(4)]),
)


def matches(row: dict[str, Any], wanted: LogFilter) -> bool:
    facts = {"operation": "patch", "credential": "c1", "keys": ["u1"], **row}
    return all((
        not wanted.failed or facts.get("failed", False), wanted.cause in ("", facts.get("cause")),
        wanted.attribute in ("", facts.get("attribute")), wanted.operation in ("", facts["operation"]),
        wanted.credential in ("", facts["credential"]),
        not wanted.keys or {"u2", "member:u2"} & set(facts["keys"]),
        wanted.since is None or at(facts["time"]) >= wanted.since, wanted.until is None or at(facts["time"]) < wanted.until,
    ))


def in_order(lines: list[dict[str, Any]]) -> list[tuple[Any, str]]:
    """The times and ids of lines; those of one millisecond, which have no order, by their ids."""
    return sorted((line["time"], line["_id"]) for line in lines)


@SETTINGS
@given(st.lists(FACTS, max_size=30), WANTED, st.integers(1, 7), st.integers(3, 12))
def test_co_08_a_walk_has_each_line_once_in_both_directions(
    database: Database, rows: list[dict[str, Any]], wanted: LogFilter, limit: int, looked_at: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "MOST_LOOKED_AT", max(looked_at, 8))  # at most as many lines may have one time
        events = write(database, [row for n, row in enumerate(rows) if sum(r["time"] == row["time"] for r in rows[:n]) < 7])
        kept = [row for n, row in enumerate(rows) if sum(r["time"] == row["time"] for r in rows[:n]) < 7]
        pages = list(walk(events, wanted, limit))
        found = [line for each in pages for line in each.events]
        assert len({line["_id"] for line in found}) == len(found) == sum(matches(row, wanted) for row in kept)
        assert [line["time"] for line in found] == sorted((line["time"] for line in found), reverse=True)
        assert all(len(each.events) <= limit for each in pages)
        back, place = list[dict[str, Any]](), pages[-1].newer
        while place is not None:
            newer = events.page(wanted, Window(place, limit, newer=True))
            back = [*newer.events, *back]
            place = newer.newer
        if len(pages) > 1 and pages[-1].events:
            forth = [line for each in pages[:-1] for line in each.events]
            assert in_order(back) == in_order(forth)
            assert [line["time"] for line in back] == [line["time"] for line in forth]


def test_co_08_a_page_says_how_far_it_has_looked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_LOOKED_AT", 10)
    events = write(database, [{"time": number, "credential": "c2" if number == 3 else "c1"} for number in range(30)])
    first = events.page(LogFilter(credential="c2"))
    assert (first.events, first.looked_to) == ([], at(20))
    second = events.page(LogFilter(credential="c2"), Window(first.older))
    assert (second.events, second.looked_to) == ([], at(11))
    third = events.page(LogFilter(credential="c2"), Window(second.older))
    assert ([line["time"] for line in third.events], third.looked_to) == ([at(3)], at(2))
    last = events.page(LogFilter(credential="c2"), Window(third.older))
    assert (last.events, last.older, last.looked_to) == ([], None, None)


def test_co_08_more_lines_of_one_millisecond_than_are_looked_through_end_the_search_of_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_LOOKED_AT", 10)
    events = write(database, [{"time": 5, "credential": "c1"}] * 25 + [{"time": 1, "credential": "c2"}])
    pages = list(walk(events, LogFilter(credential="c2"), 5))
    assert [line["time"] for each in pages for line in each.events] == [at(1)]


def test_co_08_what_comes_later_is_in_front_of_the_page(database: Database) -> None:
    events = write(database, [{"time": 1}, {"time": 2}])
    first = events.page(LogFilter())
    assert first.newer is None
    assert events.page(LogFilter(), Window(first.front, newer=True)).events == []
    events.append(Event("create", "User", "u9", "new", status=201), Actor("c1"))
    [new] = events.page(LogFilter(), Window(first.front, newer=True)).events
    assert new["resource"]["name"] == "new"


@pytest.mark.parametrize(("stored", "late", "found"), [
    (3, 1, True), (3, -30_000, True), (3, -60_000, False), (5, 3, True), (5, 0, False), (0, 0, False),
])
def test_co_46_what_is_committed_late_is_in_front_of_the_page_though_others_are_newer(
    database: Database, stored: int, late: int, found: bool
) -> None:
    """The page has the newest three lines, of which there is one each ten milliseconds."""
    events = write(database, [{"time": 10 * number} for number in range(stored)])
    front = Place.parse(str(events.page(LogFilter(), Window(limit=3)).front))
    assert events.page(LogFilter(), Window(front, newer=True)).events == []
    database.db.events.insert_one({"_id": "late", "tenant": "acme", "time": at(10 * late if late > 0 else late), "resource": {}})
    newer = events.page(LogFilter(), Window(front, newer=True)).events
    assert [line["_id"] for line in newer] == ["late"] * found


def test_co_46_an_empty_log_has_a_front_too(database: Database) -> None:
    events = write(database, [])
    first = events.page(LogFilter(name="new"))
    assert first.front is not None and first.events == []
    events.append(Event("create", "User", "u9", "new", status=201), Actor("c1"))
    [new] = events.page(LogFilter(name="new"), Window(first.front, newer=True)).events
    assert new["resource"]["name"] == "new"


def test_co_08_a_name_leads_to_the_lines_under_other_names(database: Database) -> None:
    events = write(database, [])
    events.append(Event("create", "User", "u1", "ann", status=201), Actor("c1"))
    events.append(Event("patch", "User", "u1", "ann", status=200, known_by={"ann", "anna"}), Actor("c1"))
    events.append(Event("delete", "User", "u1", "anna", status=204), Actor("c1"))
    events.append(Event("patch", "Group", "g1", "Team", status=200, member_ids=("u1",)), Actor("c1"))
    events.append(Event("create", "User", "u2", "bob", status=201), Actor("c1"))
    assert len(events.page(LogFilter(name="ANN")).events) == 4
    assert len(events.page(LogFilter(name="anna", operation="delete")).events) == 1
    assert len(events.page(LogFilter(keys=("u1",))).events) == 4
    assert events.page(LogFilter(name="nobody")).events == []


@pytest.mark.parametrize("text", [
    "", "x", "2026-11-28", "2026-13-28T09:00:00.000Z", "2026-11-28T09:00:00.000Z~", "2026-11-28T09:00:00.000Z~{$gt:1}",
    "2026-11-28T09:00:00.000Z" + "~a" * 201, "2026-11-28T09:00:00.000Z\n", "9" * 100_000, "2026-11-28T09:00:00.000Z~" + "a" * 65,
])
def test_ca_12_a_place_that_nobody_gave_out_is_none(text: str) -> None:
    assert Place.parse(text) is None


def test_co_08_one_line_is_read_by_its_id_in_its_own_tenant_alone(database: Database) -> None:
    events = write(database, [{"time": 1}])
    assert events.one("acme-0") and events.one("globex-1") is None
