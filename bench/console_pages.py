"""The addresses that `bench.console` asks for: each page of the console and of the setup pages, and each live part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.store.log.events import NO_TENANT
from app.store.log.reading.page import Place
from app.store.mongo.database import Database
from app.store.mongo.moments import aware, now
from app.store.operators.visits import CONSOLE, SETUP
from app.store.search.order import Position
from bench import people
from bench.console_data import BIG, Sizes, large, small
from bench.console_log import BUSY, LOG

VARIED = 50
"""Different addresses of one page, so that not the same documents are read each time."""
HERE = f"/console/customers/{BIG}"


@dataclass(frozen=True)
class Page:
    """A page, with the addresses that are asked for in turn."""

    name: str
    paths: Sequence[str]
    kind: str = CONSOLE
    """Whose visit it needs."""


def pages(database: Database, sizes: Sizes) -> list[Page]:
    """Return all pages of a database that was filled."""
    return [*_of_all(sizes), *_of_logs(database), *_of_people(sizes), *_of_a_customer(sizes), *_of_setup(database)]


def quiet_log() -> str:
    """Return the address of the live part of a log in which nothing is new."""
    return f"{HERE}/log?live={Place(now())}"


def _of_all(sizes: Sizes) -> list[Page]:
    names = [each.name for each in small(sizes)]
    return [
        Page("overview", ["/console"]),
        Page("overview, next", [f"/console?after={name}" for name in names[::max(1, len(names) // VARIED)]]),
        Page("overview, previous", [f"/console?before={name}" for name in names[::max(1, len(names) // VARIED)]]),
        Page("find, exact", [f"/console/find?q={name}" for name in _names(sizes)]),
        Page("find, beginning", ["/console/find?q=Person.00"]),
        Page("find, nobody", [f"/console/find?q=nobody-{number}" for number in range(VARIED)]),
        Page("acts", ["/console/acts"]),
        Page("acts, far back", [f"/console/acts?before={_plain(now() - LOG / 2)}"]),
        Page("acts of a customer", [f"/console/acts?customer={BIG}"]),
        Page("health", ["/console/health"]),
        Page("new customer", ["/console/customers/new"]),
    ]


def _of_logs(database: Database) -> list[Page]:
    day = now() - LOG / 2
    refused, changed = _events(database, {"failed": True, "cause": "required"}), _events(database, {})
    members = _events(database, {"members.addedCount": {"$gt": 1}}, limit=1)
    return [
        Page("log", [f"{HERE}/log"]),
        Page("log, far back", [f"{HERE}/log?older={Place(now() - LOG * part / 100)}" for part in range(50, 100)]),
        Page("log, newer", [f"{HERE}/log?newer={Place(now() - LOG * part / 100)}" for part in range(50, 100)]),
        Page("log of a person", [f"{HERE}/log?person={_name(BUSY)}"]),
        Page("log of nobody", [f"{HERE}/log?person=nobody"]),
        Page("log, refused", [f"{HERE}/log?failed=1"]),
        Page("log, one cause", [f"{HERE}/log?cause=required"]),
        Page("log, cause and attribute", [f"{HERE}/log?cause=required&attribute=name.givenName"]),
        Page("log, cause without matches", [f"{HERE}/log?cause=required&attribute=title"]),
        Page("log, operation", [f"{HERE}/log?operation=delete"]),
        Page("log, credential", [f"{HERE}/log?credential=nobody"]),
        Page("log, a day", [f"{HERE}/log?from={day:%Y-%m-%d}&to={day:%Y-%m-%d}"]),
        Page("log, live, nothing new", [quiet_log()]),
        Page("log, live, something new", [f"{HERE}/log?live={_before_the_last(database)}"]),
        Page("log of no customer", ["/console/log"]),
        Page("event of no customer", [f"/console/log/{each}" for each in _events(database, {}, NO_TENANT)]),
        Page("event, refused", [f"{HERE}/log/{each}" for each in refused]),
        Page("event, changed", [f"{HERE}/log/{each}" for each in changed]),
        Page("event, a thousand members", [f"{HERE}/log/{each}" for each in members or changed]),
    ]


def _of_people(sizes: Sizes) -> list[Page]:
    who = large(sizes)
    far = [Position(who.user_id(number), _name(number).lower()) for number in _numbers(sizes)]
    million = f"{HERE}/groups/{who.group_id('crowd', 0)}"
    circles = [f"{HERE}/groups/{group}" for group in who.groups("circle", who.circles)]
    return [
        Page("people", [f"{HERE}/people"]),
        Page("people, far", [f"{HERE}/people?after={place}" for place in far]),
        Page("people, back", [f"{HERE}/people?before={place}" for place in far]),
        Page("people, exact", [f"{HERE}/people?q={name}" for name in _names(sizes)]),
        Page("people, beginning", [f"{HERE}/people?q={name[:11]}" for name in _names(sizes)]),
        Page("people, nobody", [f"{HERE}/people?q=nobody-{number}" for number in range(VARIED)]),
        Page("person", [f"{HERE}/people/{who.user_id(number)}" for number in _numbers(sizes)]),
        Page("person with a long log", [f"{HERE}/people/{who.user_id(BUSY)}"]),
        Page("groups", [f"{HERE}/groups"]),
        Page("groups, beginning", [f"{HERE}/groups?q=circle"]),
        Page("group", circles),
        Page("group of everybody", [million]),
        Page("group of everybody, far", [f"{million}?after={who.user_id(number)}" for number in _numbers(sizes)]),
        Page("group of everybody, back", [f"{million}?before={who.user_id(number)}" for number in _numbers(sizes)]),
        Page("group of everybody, is X in it", [f"{million}?is={name}" for name in _names(sizes)]),
        Page("group of everybody, groups in it", [f"{million}?only=groups"]),
        Page("deleted", [f"{HERE}/deleted"]),
        Page("deleted, far", [f"{HERE}/deleted?older={Place(now() - timedelta(seconds=90) * sizes.users / 100)}"]),
    ]


def _of_a_customer(sizes: Sizes) -> list[Page]:
    others = small(sizes)[:VARIED]
    names = ("credentials", "links", "state", "feed", "sign-on")
    return [
        Page("customer", [HERE]),
        Page("customer, small", [f"/console/customers/{each.name}" for each in others] or [HERE]),
        *(Page(name, [f"{HERE}/{name}"]) for name in names),
    ]


def _of_setup(database: Database) -> list[Page]:
    refused = _events(database, {"failed": True})
    lately = _plain(now() - timedelta(minutes=5))
    names = ("provider", "values", "done", "refused", "tokens")
    return [
        Page("setup", ["/setup"], SETUP),
        *(Page(f"setup, {name}", [f"/setup/{name}"], SETUP) for name in names),
        Page("setup, refused event", [f"/setup/refused/{each}" for each in refused], SETUP),
        Page("setup, test", [f"/setup/test?since={lately}"], SETUP),
        Page("setup, test, live", [f"/setup/test?since={lately}&live=1"], SETUP),
    ]


def _numbers(sizes: Sizes) -> list[int]:
    """Return the numbers of users from all over the large customer."""
    return [place * sizes.users // VARIED for place in range(VARIED)]


def _names(sizes: Sizes) -> list[str]:
    return [_name(number) for number in _numbers(sizes)]


def _name(number: int) -> str:
    return people.user_name(number)


def _events(database: Database, query: dict[str, object], tenant: str = BIG, limit: int = VARIED) -> list[str]:
    """Return the ids of the newest lines of a tenant that match a query."""
    newest = database.db.events.find({"tenant": tenant} | query, {"_id": 1}, sort=[("time", -1)], limit=limit)
    return [row["_id"] for row in newest]


def _before_the_last(database: Database) -> Place:
    """Return a place with a few newer lines."""
    newest = list(database.db.events.find({"tenant": BIG}, {"time": 1}, sort=[("time", -1)], limit=5))
    return Place(aware(newest[-1]["time"]), (newest[-1]["_id"],))


def _plain(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
