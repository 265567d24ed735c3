"""What `bench.console` fills a database with: one large customer, many small ones, a long log, and the rest of a page.

Users, groups and memberships are those of the other measurements. Of the rest, one document is written by the store
itself and copied, so that all have its shape.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.schemas.tables.user import USER_TYPE
from app.store.accounts.activity import CONTACTS, DAYS, PULSES, Activity, AnsweredRequest, PendingActivity
from app.store.accounts.tokens import Tokens
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import PutAside, PutAsides
from app.store.delivery.touched import Touched
from app.store.directory.deleted import Deleted
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.operators.audit import AuditLog, Operator
from app.store.operators.links import Links
from app.store.sign_on.sessions import Session, Sessions
from bench import loading, sign_on
from bench.console_log import LOG, lines
from bench.people import Population

BIG = "contoso"
"""The customer with all the users and most of the log."""
SMALL = 50
"""Users of each other customer."""
KINDS = 30
"""Customers with a history of their own; the others have copies of these."""
_CYCLE = timedelta(minutes=40)
"""Between two contacts of a running job."""
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Sizes:
    """How much there is; the defaults are what the pages have to be fast with."""

    users: int = 1_000_000
    """Of the large customer, and members of its largest group."""
    customers: int = 2_000
    events: int = 5_000_000


def large(sizes: Sizes) -> Population:
    """Return the large customer."""
    return Population(BIG, sizes.users, empties=max(400, sizes.users // 100), crowds=(sizes.users,))


def small(sizes: Sizes) -> list[Population]:
    """Return the other customers."""
    return [
        Population(f"customer-{place:04}", SMALL, circles=2, tens=0, empties=1) for place in range(sizes.customers - 1)
    ]


def fill(database: Database, sizes: Sizes, say: Callable[[str], None]) -> None:
    """Fill an empty database; `say` gets what is done next."""
    say(f"storing {sizes.users:,} users and {sizes.customers:,} customers")
    for population in (large(sizes), *small(sizes)):
        loading.load_scimd(database, population)
    say(f"storing {sizes.events:,} events")
    loading.insert(database.db.events, lines(sizes.events, large(sizes), small(sizes)))
    say("building the indexes")
    loading.prepare(database)
    say("storing the rest")
    _store_activity(database, [each.name for each in (*small(sizes), large(sizes))])
    _store_credentials(database, small(sizes))
    _store_deleted(database, sizes.users // 50)
    _store_sessions(database, large(sizes), sizes.users // 50)
    _store_acts(database, 50 * sizes.customers)
    _store_deliveries(database)
    sign_on.connect(database, BIG)


def _store_activity(database: Database, names: list[str]) -> None:
    """Store 90 days of activity: a third has refusals every day, and of thirty, one is silent and one is locked out."""
    activity, moment, models = Activity(database), now(), names[:KINDS]
    for back in reversed(range(90)):
        activity.write({name: _day(place, moment - back * _DAY) for place, name in enumerate(models)})
    for back in reversed(range(CONTACTS)):
        activity.write({name: _contact(place, moment - back * _CYCLE) for place, name in enumerate(models)})
    for spec in (PULSES, DAYS):
        collection = database.db[spec.name]
        rows: list[list[dict[str, Any]]] = [list(collection.find({"tenant": name})) for name in models]
        loading.insert(collection, (
            row | {"_id": row["_id"].replace(row["tenant"], name), "tenant": name}
            for place, name in enumerate(names[KINDS:]) for row in rows[place % KINDS]
        ))


def _day(place: int, moment: Any) -> PendingActivity:
    """Return the sums of the day that ends at a moment."""
    sums = PendingActivity()
    sums.add(AnsweredRequest(moment - 20 * _HOUR, "PATCH", "User", 200, "token", "done"))
    for hour in range(20):
        key = f"{moment - hour * _HOUR:%Y-%m-%dT%H}"
        sums.hours |= {(key, "reads"): 60, (key, "done"): 25 + place}
    if place % 3 == 0:
        sums.hours[f"{moment - 2 * _HOUR:%Y-%m-%dT%H}", "refused"] = 2 + place
        sums.causes[f"{moment - 2 * _HOUR:%Y-%m-%d}", "required name.givenName"] = 2 + place
    return sums


def _contact(place: int, moment: Any) -> PendingActivity:
    """Return the sums of one cycle of a job, which in one customer of thirty stopped, in another lost its token."""
    sums = PendingActivity()
    if place % KINDS == 1:
        moment -= 5 * _HOUR
    if place % KINDS == 2:
        sums.add(AnsweredRequest(moment, "GET", "User", 401, "", "denied", "The token has expired.", "expired"))
    for number in range(5):
        if place % KINDS != 2:
            time = moment + number * timedelta(seconds=1)
            sums.add(AnsweredRequest(time, "GET", "User" if number % 2 else "Group", 200, "token", "reads"))
    return sums


def _store_credentials(database: Database, others: list[Population]) -> None:
    for number in range(20):
        Tokens(database).issue(BIG, lifetime=(90 + number) * _DAY, label=f"entra {number}")
    for population in others[::KINDS]:
        Tokens(database).issue(population.name, lifetime=20 * _DAY)
    for _ in range(3):
        Links(database).make_setup(BIG, "setup", "alice", _DAY)


def _store_deleted(database: Database, number: int) -> None:
    document = database.db[USER_TYPE.collection].find_one({"tenant": BIG}) or {}
    Deleted(database, BIG, days=30).keep(USER_TYPE, document, [], [])
    database.db.deleted.update_one({}, {"$unset": {"unsettled": ""}})
    moment = now()

    def vary(place: int) -> dict[str, Any]:
        name = f"deleted.{place:07}@bench.example"
        return {"name": name, "keys": [name], "deleted": moment - place * timedelta(seconds=90)}

    _copy(database.db.deleted, number, vary)


def _store_sessions(database: Database, people: Population, number: int) -> None:
    moment = now()
    Sessions(database).open(Session(
        tenant=BIG, user=people.user_id(0), connection="c", auth_time=moment, expires=moment + 7 * _DAY,
    ))

    def vary(place: int) -> dict[str, Any]:
        times = dict.fromkeys(("created", "authTime"), moment - place * timedelta(seconds=1))
        return {"sid": f"{place:032x}", "user": people.user_id(place)} | times

    _copy(database.db.sessions, number, vary)


def _store_acts(database: Database, number: int) -> None:
    with AuditLog(database).begin(Operator("alice", "console"), "token issue", tenant=BIG, object_="f0c4a7e9d1b2"):
        """The act is its line."""
    moment = now()
    _copy(database.db.acts, number, lambda place: {"time": moment - place * LOG / number} | (
        {"tenant": f"customer-{place // 2:04}"} if place % 2 else {}
    ))


def _store_deliveries(database: Database) -> None:
    """Store an endpoint that is off, since nobody is there who would take what is sent, and what waits for it."""
    moment = now()
    endpoint = Endpoints(database).create(BIG, place=0, url="https://app.example.com/webhooks")
    Endpoints(database).disable(endpoint.id, "turned off")
    waiting = PutAside(
        endpoint=endpoint.id, event="-", seq=0, tenant=BIG, type="scimd.user.updated", time=moment,
        touched=Touched(BIG), next=moment + _HOUR,
    )
    PutAsides(database).put(waiting)
    _copy(database.db.deliveries, 1_000, lambda place: {"event": f"event-{place}", "seq": place + 1})


def _copy(collection: Any, number: int, vary: Callable[[int], dict[str, Any]]) -> None:
    """Store copies of a collection's only document in its place; `vary` returns what each has of its own."""
    [model] = collection.find()
    collection.delete_one({"_id": model["_id"]})
    copies: Iterator[dict[str, Any]] = (model | {"_id": str(uuid.uuid4())} | vary(place) for place in range(number))
    loading.insert(collection, copies)
