"""Users and groups, stored in MongoDB as scimd and the bare app would have stored them, and credentials."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern

from app.auth import TokenEndpoint, TokenRequest
from app.config import Config
from app.schemas.meta import first_meta, now
from app.schemas.resource_type import ResourceType
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.accounts.trusts import Conditions, Trusts
from app.store.directory.documents import encode
from app.store.mongo.database import Database
from app.store.open import collections
from bench import bare, people
from bench.people import Population
from bench.requests import CursorPage, IndexPage
from tests.auth.issuer import AUDIENCE, Issuer

BATCH = 5_000
Document = dict[str, Any]
Credentials = Mapping[str, str]
"""Tenant -> its token; `access-token`, `jwt` -> other credentials of one of them; `cursor` -> that of a late page."""


def load_scimd(database: Database, population: Population) -> str:
    """Make a tenant with a population, and return a token of it."""
    Tenants(database).create(population.name, "gallery")
    db = database.db
    insert(db[USER_TYPE.collection], (_encoded(u, USER_TYPE, population) for u in _users(population)))
    insert(db[GROUP_TYPE.collection], (_encoded(g, GROUP_TYPE, population) for g in _groups(population)))
    insert(db["memberships"], (
        {"tenant": population.name, "group": group, "member": member} | ({"type": "User"} if exists else {})
        for group, member, exists in memberships(population)
    ))
    numbers = {USER_TYPE.name: population.users, GROUP_TYPE.name: sum(1 for _ in _groups(population))}
    db["counts"].insert_many([
        {"_id": f"{population.name} {kind}", "tenant": population.name, "type": kind, "number": number, "disabled": 0}
        for kind, number in numbers.items()
    ])
    return Tokens(database).issue(population.name)[0]


def prepare(database: Database) -> None:
    """Make validators and indexes; earlier, each loaded document would cost several times as much."""
    database.prepare(collections(Config.from_environment({})))


def other_credentials(database: Database, tenant: str, issuer: Issuer) -> dict[str, str]:
    """Return an access token and a JWT of an issuer, which are as good as the tenant's token."""
    client, secret = Clients(database).create(tenant, lifetime=timedelta(days=1))
    body = f"grant_type=client_credentials&client_id={client.id}&client_secret={secret}".encode()
    access = TokenEndpoint(database).answer(TokenRequest(tenant, body)).body["access_token"]
    Trusts(database).add(tenant, Conditions("bearer", issuer=issuer.url, audiences=[AUDIENCE]))
    return {"access-token": access, "jwt": issuer.token()}


def walk(port: int, population: Population, token: str, pages: int) -> str:
    """Go from page to page and return the cursor of the last one; raises RuntimeError if the pages end before."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    cursor = ""
    for number in range(1, pages):
        line = CursorPage(population, token, cursor)(0, 0).split()[1].decode()
        connection.request("GET", line, headers={"Authorization": f"Bearer {token}"})
        page = json.loads(connection.getresponse().read())
        if not page.get("nextCursor"):
            raise RuntimeError(f"page {number} has no nextCursor: {str(page)[:300]}")
        cursor = page["nextCursor"]
    connection.close()
    return cursor


def read_to(port: int, population: Population, token: str, page: int) -> None:
    """Read the page by index before `page`, as a client does that reads page after page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line = IndexPage(population, token, page - 1)(0, 0).split()[1].decode()
    connection.request("GET", line, headers={"Authorization": f"Bearer {token}"})
    connection.getresponse().read()
    connection.close()


def load_bare(uri: str, population: Population) -> None:
    """Store a population for the bare app: documents are what a client sees, members are an array."""
    with MongoClient[Document](uri) as client:
        database = client[bare.DATABASE]
        members: dict[str, list[str]] = {group["id"]: [] for group in _groups(population)}
        for group, member, _ in memberships(population):
            members[group].append(member)
        insert(database["users"], (_bare_user(number, population) for number in range(population.users)))
        insert(database["groups"], (
            {"_id": group["id"], "displayName": group["displayName"], "members": members[group["id"]]}
            for group in _groups(population)
        ))
        database["users"].create_index("userName", unique=True)
        database["groups"].create_index("displayName", unique=True)


def memberships(population: Population) -> Iterator[tuple[str, str, bool]]:
    """Return each membership: group, member, and whether the member is a user of the population."""
    for number in population.connected:
        for group in population.circles_of(number):
            yield group, population.user_id(number), True
    for group in population.groups("ten", population.tens):
        yield from ((group, population.extra_id(number), False) for number in range(10))
    for place, size in enumerate(population.crowds):
        group = population.group_id("crowd", place)
        users = min(size, population.users)
        # The users with high numbers; the others are left to be added.
        for number in range(size):
            exists = number < users // 2
            member = population.user_id(population.users - 1 - number) if exists else population.extra_id(number)
            yield group, member, exists


def _users(population: Population) -> Iterator[Document]:
    for number in range(population.users):
        user = people.user(population.first + number)
        if number in population.connected:
            user[people.ENTERPRISE_URN]["manager"] = {"value": population.manager_of(number)}
        yield user | {"id": population.user_id(number)}


def _bare_user(number: int, population: Population) -> Document:
    user = people.user(population.first + number) | {"_id": population.user_id(number)}
    if number in population.connected:
        user[people.ENTERPRISE_URN]["manager"] = {"value": population.manager_of(number)}
        user["groups"] = [{"value": group, "type": "direct"} for group in population.circles_of(number)]
    return user


def _groups(population: Population) -> Iterator[Document]:
    kinds = {
        "circle": population.circles, "ten": population.tens, "empty": population.empties,
        "team": population.teams,
        "crowd": len(population.crowds),
    }
    for kind, number in kinds.items():
        for place, group in enumerate(population.groups(kind, number)):
            yield {"schemas": [GROUP_TYPE.schema.id], "id": group, "displayName": f"{kind} {place:04d}"}


def _encoded(resource: Document, resource_type: ResourceType, population: Population) -> Document:
    stored = resource | {"meta": first_meta(resource_type.name, _NOW)}
    return encode(stored, resource_type, tenant=population.name)


def insert(collection: Collection[Document], documents: Iterable[Document]) -> None:
    """Store documents in batches, without looking at them."""
    # Nothing is lost if loading fails: the measurement fails with it.
    loose = collection.with_options(write_concern=WriteConcern(w=1, j=False))
    left = iter(documents)
    while batch := list(islice(left, BATCH)):
        loose.insert_many(batch, ordered=False, bypass_document_validation=True)


_NOW = now()
