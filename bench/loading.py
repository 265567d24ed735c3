"""The people and groups, put straight into MongoDB as scimd and the bare app would have stored them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern

from app.config import Config
from app.schemas.group import GROUP_TYPE
from app.schemas.meta import first_meta, now
from app.schemas.resource_type import ResourceType
from app.schemas.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.directory.documents import encode
from app.store.directory.totals import Totals
from app.store.log.events import More
from app.store.mongo.database import connect
from app.store.open import collections
from bench import bare, people
from bench.people import Population

BATCH = 5_000
Document = dict[str, Any]


def load_scimd(uri: str, population: Population) -> None:
    """Store a population as a tenant's."""
    database = connect(uri)
    db = database.db
    _insert(db[USER_TYPE.collection], (_encoded(u, USER_TYPE, population) for u in _users(population)))
    _insert(db[GROUP_TYPE.collection], (_encoded(g, GROUP_TYPE, population) for g in _groups(population)))
    _insert(db["memberships"], (
        {"tenant": population.name, "group": group, "member": member} | ({"type": "User"} if exists else {})
        for group, member, exists in memberships(population)
    ))
    counts = Totals(database, population.name)
    counts.add(USER_TYPE.name, More(population.users))
    counts.add(GROUP_TYPE.name, More(sum(1 for _ in _groups(population))))
    database.close()


def tenant(uri: str, population: Population) -> str:
    """Make the tenant of a population and give a token that is good for it."""
    database = connect(uri)
    Tenants(database).create(population.name, "gallery")
    token, _ = Tokens(database).issue(population.name)
    database.close()
    return token


def prepare(uri: str) -> None:
    """Make validators and indexes; sooner, each document that is loaded would cost several times as much."""
    database = connect(uri)
    database.prepare(collections(Config.from_environment({})))
    database.close()


def load_bare(uri: str, population: Population) -> None:
    """Store a population as the bare app's: what a client sees is what is stored, members are an array."""
    with MongoClient[Document](uri) as client:
        database = client[bare.DATABASE]
        members: dict[str, list[str]] = {group["id"]: [] for group in _groups(population)}
        for group, member, _ in memberships(population):
            members[group].append(member)
        _insert(database["users"], (_bare_user(number, population) for number in range(population.users)))
        _insert(database["groups"], (
            {"_id": group["id"], "displayName": group["displayName"], "members": members[group["id"]]}
            for group in _groups(population)
        ))
        database["users"].create_index("userName", unique=True)


def memberships(population: Population) -> Iterator[tuple[str, str, bool]]:
    """Give who is in which group, and whether the member is a user of the population."""
    for number in population.connected:
        for group in population.circles_of(number):
            yield group, population.user_id(number), True
    for group in population.groups("ten", population.tens):
        yield from ((group, population.extra_id(number), False) for number in range(10))
    for place, size in enumerate(population.crowds):
        group = population.group_id("crowd", place)
        users = min(size, population.users)
        # Those with a high number: the others are left for being added.
        for number in range(size):
            exists = number < users // 2
            member = population.user_id(population.users - 1 - number) if exists else population.extra_id(number)
            yield group, member, exists


def _users(population: Population) -> Iterator[Document]:
    for number in range(population.users):
        user = people.user(number)
        if number in population.connected:
            user[people.ENTERPRISE_URN]["manager"] = {"value": population.manager_of(number)}
        yield user | {"id": population.user_id(number)}


def _bare_user(number: int, population: Population) -> Document:
    user = people.user(number) | {"_id": population.user_id(number)}
    if number in population.connected:
        user[people.ENTERPRISE_URN]["manager"] = {"value": population.manager_of(number)}
        user["groups"] = [{"value": group, "type": "direct"} for group in population.circles_of(number)]
    return user


def _groups(population: Population) -> Iterator[Document]:
    kinds = {
        "circle": population.circles, "ten": population.tens, "empty": population.empties,
        "crowd": len(population.crowds),
    }
    for kind, number in kinds.items():
        for place, group in enumerate(population.groups(kind, number)):
            yield {"schemas": [GROUP_TYPE.schema.id], "id": group, "displayName": f"{kind} {place:04d}"}


def _encoded(resource: Document, resource_type: ResourceType, population: Population) -> Document:
    stored = resource | {"meta": first_meta(resource_type.name, _NOW)}
    return encode(stored, resource_type, tenant=population.name)


def _insert(collection: Collection[Document], documents: Iterable[Document]) -> None:
    # Nothing is lost where loading fails: the measurement fails with it.
    loose = collection.with_options(write_concern=WriteConcern(w=1, j=False))
    left = iter(documents)
    while batch := list(islice(left, BATCH)):
        loose.insert_many(batch, ordered=False, bypass_document_validation=True)


_NOW = now()
