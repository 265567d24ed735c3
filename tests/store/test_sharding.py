"""A cluster sharded as docs/operating.md says: what MongoDB would refuse there is refused nowhere here.

There is no cluster to try it on (the wheel has no mongos). So the rules that MongoDB's manual states for one are held
against the indexes, and against every command that the life of a tenant sends.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient, monitoring

from app.assembly import assemble
from app.cli import run
from app.cli.connection import Connection
from app.config import Config
from app.schemas.storage.collection import CollectionSpec
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import Client
from tests.docs import pages

SECTION = "docs/operating.md#Sharding"
(CODE,) = pages.blocks(SECTION, "js")
LOOP = re.compile(r"for \(const name of (\[.*?\])\) (?:\{ )?(.*)")
SHARDED = {
    name: tuple(re.findall(r"(\w+): 1", call[1]))
    for names, body in LOOP.findall(CODE) for name in json.loads(names)
    if (call := re.search(r'sh\.shardCollection\("scimd\." \+ name, \{(.*?)\}\)', body))
}
INDEXED_FIRST = {
    name: tuple(re.findall(r"(\w+): 1", call[1]))
    for names, body in LOOP.findall(CODE) for name in json.loads(names)
    if (call := re.search(r"db\.getSiblingDB\(\"scimd\"\)\[name\]\.createIndex\(\{(.*?)\}\)", body))
}
FILTERS = {"find": "filter", "findAndModify": "query", "count": "query", "distinct": "query"}


class Sent(monitoring.CommandListener):
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing to keep."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing to keep."""


@pytest.fixture(scope="module")
def sent(mongod_uri: str) -> Iterator[tuple[Database, list[dict[str, Any]]]]:
    """Yield what the life of a tenant sends to the database, from its creation to its end."""
    listener = Sent()
    client: MongoClient[dict[str, Any]] = MongoClient(mongod_uri, tz_aware=True, event_listeners=[listener])
    database = Database(client, f"shards-{uuid.uuid4().hex}")
    app = assemble(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), database)
    listener.commands.clear()  # what makes indexes goes to every shard
    gone = live(Client(app, "demo", credentials(database)))
    for command in (["restore", "demo", gone], ["events", "demo", "--user", "jane@x"], ["events", "demo", "--failed"], ["deleted", "list", "demo"],
                    ["export", "demo", "--output", "/dev/null"], ["tenant", "show", "demo"], ["tenant", "delete", "demo", "--yes"]):
        assert run(command, Connection({}, database)) == 0
    yield database, listener.commands
    client.drop_database(database.db.name)
    client.close()


def credentials(database: Database) -> str:
    Tenants(database).create("demo", "entra")
    return Tokens(database).issue("demo")[0]


def live(client: Client) -> str:
    """Do to users and groups whatever can be done to them; give the id of a user that was deleted."""
    jane, john = client.user("jane@x", externalId="e1", emails=[{"value": "jane@x", "type": "work"}]), client.user("john@x")
    inner = client.group("Inner", john["id"])
    sales = client.group("Sales", jane["id"], inner["id"])
    client("POST", "/Users", {"userName": "JANE@x"})
    for query in ('userName eq "jane@x"', 'externalId eq "e1"', 'emails[type eq "work"].value eq "jane@x"', 'displayName pr',
                  f'groups.value eq "{sales["id"]}"'):
        assert client("GET", "/Users", None).status_code == 200
        client.found(f"/Users?filter={query}")
    client.found(f'/Groups?filter=members.value eq "{jane["id"]}"')
    client.found("/Users?sortBy=userName&startIndex=2&count=1")
    for operation in ({"op": "remove", "path": f'members[value eq "{jane["id"]}"]'}, {"op": "add", "path": "members", "value": [jane["id"]]},
                      {"op": "replace", "path": "members", "value": [{"value": john["id"]}]},
                      {"op": "replace", "path": "displayName", "value": "Sellers"}):
        client.patch(f"/Groups/{sales['id']}", operation)
    client.patch(f"/Users/{jane['id']}", {"op": "replace", "path": "active", "value": False},
                 {"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": john["id"]})
    client("PUT", f"/Users/{john['id']}", {"userName": "johnny@x"})
    for resource in (f"/Users/{jane['id']}", f"/Groups/{sales['id']}", f"/Groups/{inner['id']}"):
        assert client("GET", resource).status_code == 200
        assert client("DELETE", resource).status_code == 204
    return str(jane["id"])


def specs(database: Database) -> dict[str, CollectionSpec]:
    return {spec.name: spec for spec in database._specs}


def test_the_page_names_every_collection(sent: tuple[Database, Any]) -> None:
    kept_whole = set(re.findall(r"`(\w+)`", re.search(r"^The remaining.*?\.", pages.text(SECTION), re.MULTILINE)[0]))  # type: ignore[index]
    assert {*SHARDED} | kept_whole == {*specs(sent[0])}
    assert {*SHARDED} & kept_whole == set()


@pytest.mark.parametrize("name", SHARDED)
def test_every_unique_index_begins_with_the_shard_key(sent: tuple[Database, Any], name: str) -> None:
    key = SHARDED[name]
    for index in specs(sent[0])[name].indexes:
        if index.unique:
            assert tuple(field for field, _ in index.keys)[: len(key)] == key, index.name


@pytest.mark.parametrize("name", SHARDED)
def test_a_collection_that_is_not_empty_has_an_index_that_begins_with_the_shard_key(sent: tuple[Database, Any], name: str) -> None:
    key = SHARDED[name]
    ours = [tuple(field for field, _ in index.keys) for index in specs(sent[0])[name].indexes if not index.partial]
    assert any(each[: len(key)] == key for each in [*ours, INDEXED_FIRST.get(name, ())])


def filters(command: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the collection that a command is for, and what it looks for there."""
    verb = next(iter(command))
    if verb in ("update", "delete"):
        return command[verb], [each["q"] for each in command[f"{verb}s"]]
    if verb == "aggregate":
        return command[verb], [next(iter(command["pipeline"])).get("$match", {})]
    if verb in FILTERS:
        return command[verb], [command.get(FILTERS[verb], {})]
    return "", []


def names_a_tenant(query: dict[str, Any]) -> bool:
    return isinstance(query.get("tenant"), str) or any(names_a_tenant(part) for part in query.get("$and", ()))


OF_ALL_TENANTS = {"_outbox.time", "_outbox._id", "disabled", "uncounted.number"}
"""What is looked for in all tenants at once: by the relay, and by a start what an older version has left to be counted."""


def test_every_command_on_a_sharded_collection_names_the_tenant(sent: tuple[Database, list[dict[str, Any]]]) -> None:
    seen = set()
    for command in sent[1]:
        collection, queries = filters(command)
        if collection in SHARDED:
            seen.add((next(iter(command)), collection))
            assert all(names_a_tenant(query) or OF_ALL_TENANTS & query.keys() for query in queries), command
    assert {("find", "users"), ("update", "users"), ("delete", "users"), ("find", "memberships")} <= seen
    assert {collection for _, collection in seen} == {*SHARDED}


def test_what_is_inserted_has_its_shard_key(sent: tuple[Database, list[dict[str, Any]]]) -> None:
    inserted = [(command["insert"], row) for command in sent[1] if "insert" in command for row in command["documents"]]
    assert {name for name, _ in inserted} >= {"users", "groups", "memberships", "events", "deleted"}
    assert all(field in row for name, row in inserted for field in SHARDED.get(name, ()))


def test_no_transaction_looks_up_in_a_sharded_collection(sent: tuple[Database, list[dict[str, Any]]]) -> None:
    inside = [command for command in sent[1] if command.get("autocommit") is False]
    assert inside
    assert not [command for command in inside if "$lookup" in str(command.get("pipeline", ""))]
