"""Lists for pages: a stretch of a search, of a group's members and of what was deleted, without any total."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.protocol.search_request import SearchRequest
from app.queries import Queries
from app.store.accounts.tenants import Tenants
from app.store.directory.directory import Directory
from app.store.log.reading.page import Window
from app.store.mongo.database import Database
from app.store.search.order import Position
from tests.blueprints.conftest import Client, application, gallery, http_database, new_client
from tests.relay import relay
from tests.store.test_costs import profiled

__all__ = ["application", "gallery", "http_database", "new_client"]


@pytest.fixture
def parts(application: Flask, http_database: Database, gallery: Client) -> tuple[Directory, Queries]:
    console = application.extensions["scimd-console"]
    tenant = Tenants(http_database).require(gallery.tenant)
    return console.directory(tenant), console.queries(tenant)


def search(**given: str) -> SearchRequest:
    return SearchRequest.from_query({name: [value] for name, value in ({"attributes": "userName"} | given).items()})


def walk(read: Callable[..., Any]) -> list[Any]:
    """Return the pages from the first to the last one."""
    pages, after = [], None
    while True:
        pages.append(read(after=after))
        if not pages[-1].more:
            return pages
        after = Position.parse(str(pages[-1].last))
        assert after == pages[-1].last


@pytest.mark.parametrize("more", [{"sortBy": "userName"}, {}, {"sortBy": "userName", "filter": 'userName sw "U"'}])
def test_co_09_a_walk_in_both_directions(gallery: Client, parts: tuple[Directory, Queries], more: dict[str, str]) -> None:
    directory, queries = parts
    names = [f"u{number:02d}" for number in range(11)]
    for name in reversed(names):
        gallery.user(name)
    users = directory.catalogue.named("User")

    def read(**where: Any) -> Any:
        return queries.stretch(users, search(**more), limit=4, **where)

    pages = walk(read)
    found = [resource["userName"] for each in pages for resource in each.resources]
    assert sorted(found) == names and (found == names or "sortBy" not in more)
    assert [len(each.resources) for each in pages] == [4, 4, 3]
    back = read(after=pages[2].first, backwards=True)
    assert back.resources == pages[1].resources and back.more
    assert not read(after=back.first, backwards=True).more
    assert read(after=pages[2].last).resources == []


def test_co_09_a_stretch_counts_nothing(gallery: Client, parts: tuple[Directory, Queries], http_database: Database) -> None:
    directory, queries = parts
    for number in range(60):
        gallery.user(f"u{number:02d}")
    users = directory.catalogue.named("User")
    first = queries.stretch(users, search(sortBy="userName"), limit=20)
    with profiled(http_database) as cost:
        second = queries.stretch(users, search(sortBy="userName"), first.last, 20)
    assert [row["userName"] for row in second.resources] == [f"u{number}" for number in range(20, 40)]
    assert len(cost.commands) == 1 and cost.documents <= 25, cost


def test_co_09_members_by_id_with_name_type_and_activity(gallery: Client, parts: tuple[Directory, Queries]) -> None:
    directory, _ = parts
    ids = sorted(gallery.user(f"u{number}")["id"] for number in range(7))
    inner = gallery.group("Inner")["id"]
    group = gallery.group("Team", *ids, inner, "gone")["id"]
    gallery.patch(f"/Users/{ids[3]}", {"op": "replace", "path": "active", "value": False})
    found, after, more = [], "", True
    while more:
        page, more = directory.members_page(group, after, 4)
        found += page
        after = page[-1].id
    assert [each.id for each in found] == sorted([*ids, inner, "gone"])
    by_id = {each.id: each for each in found}
    assert (by_id[inner].type, by_id[inner].name) == ("Group", "Inner")
    assert (by_id["gone"].type, by_id["gone"].name) == ("", "")
    assert [each.id for each in found if not each.active] == [ids[3]]
    assert by_id[ids[0]].type == "User" and by_id[ids[0]].name.startswith("u")
    page, more = directory.members_page(group, found[5].id, 4, backwards=True)
    assert (page, more) == (found[1:5], True)
    assert directory.members_page("nothing") == ([], False)


def test_co_09_members_of_a_group_that_was_emptied(
    gallery: Client, parts: tuple[Directory, Queries], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.directory.membership_plan.MOST_AT_ONCE", 3)
    directory, _ = parts
    ids = sorted(gallery.user(f"u{number}")["id"] for number in range(6))
    group = gallery.group("Team", *ids)["id"]
    gallery.patch(f"/Groups/{group}", {"op": "replace", "path": "members", "value": [{"value": ids[2]}]})
    page, more = directory.members_page(group)
    assert ([each.id for each in page], more) == ([ids[2]], False)


def test_co_09_what_was_deleted_with_who_did_it(
    gallery: Client, parts: tuple[Directory, Queries], http_database: Database
) -> None:
    directory, _ = parts
    ids = [gallery.user(f"u{number}")["id"] for number in range(5)]
    for each in ids:
        assert gallery("DELETE", f"/Users/{each}").status_code == 204
    relay(http_database)
    first = directory.deleted.page(Window(limit=3))
    second = directory.deleted.page(Window(first.older, 3))
    assert [row["_id"] for row in (*first.events, *second.events)] == ids[::-1]
    assert second.older is None
    assert directory.deleted.page(Window(second.newer, 3, newer=True)).events == first.events
    token = gallery.headers["Authorization"].split("_")[1]
    assert {row["by"] for row in first.events} == {token}
    assert set(first.events[0]) == {"_id", "type", "name", "deleted", "by", "expires", "memberships", "document"}


@pytest.mark.parametrize("text", ["", "x", "W10", "eyJhIjogMX0", "WzEsIDJd", "WyJhIl0", "WyJhIiwgeyIkZ3QiOiAiIn1d", "WyJhIiwgIlx1ZDgwMCJd", "ü", "A" * 9_000, "W" * 4_001])
def test_ca_12_a_position_that_nobody_gave_out_is_none(text: str) -> None:
    assert Position.parse(text) is None
