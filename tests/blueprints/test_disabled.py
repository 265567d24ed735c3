"""Who is disabled stays disabled until somebody says `active: true`: in every profile, through every door (FA-30)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.config import Config
from app.export_import import Importer
from app.protocol.profile import PROFILES
from app.schemas.attribute import Attribute
from app.schemas.custom import all_types, load_catalogue
from app.schemas.resource_type import ResourceType
from app.store.accounts.tenants import Tenants
from app.store.log.changes import Request
from app.store.log.event import Actor
from app.store.mongo.database import Database
from app.store.open import open_directory
from tests.blueprints.conftest import GROUP_URN, USER_URN, Client
from tests.blueprints.test_bulk import BULK_URN
from tests.examples import examples, one_of_each

PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ANN = {"schemas": [USER_URN], "userName": "ann", "displayName": "A", "name": {"givenName": "G", "familyName": "F", "formatted": "F"}}
ABSENT = ({}, {"value": None}, {"value": []}, {"value": ""})
LENIENT = [name for name in PROFILES if name != "rfc"]
# `gallery` and `interop` read and clear `active` alike: `make test` takes one of them.
every_profile = pytest.mark.parametrize("profile", one_of_each(PROFILES, lambda profile: profile in LENIENT))
every_lenient_profile = pytest.mark.parametrize("profile", one_of_each(LENIENT, lambda profile: "lenient"))


def disabled(client: Client, name: str = "ann") -> str:
    """Create a disabled user and return their path."""
    return f"/Users/{client.user(name, active=False)['id']}"


def assert_disabled(client: Client, path: str) -> None:
    """Check that the user is shown, and found, as one who is disabled."""
    user = client("GET", path).get_json()
    assert user["active"] is False, user
    assert client.found("/Users?filter=active eq false") == [user["userName"]]
    assert client.found("/Users?filter=active eq true") == []
    assert client.found("/Users?filter=active pr") == [user["userName"]]


# PATCH


def clearing(op: str, more: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operations that could unassign `active`, with a path and without."""
    urn = f"{USER_URN}:active"
    named = [{"op": op, "path": path, **more} for path in ("active", "ACTIVE", urn)]
    if not more or op == "remove":
        return named
    inside = [{"active": more["value"]}, {"Active": more["value"]}, {urn: more["value"]}, {USER_URN: {"active": more["value"]}}]
    return [*named, *({"op": op, "value": value} for value in inside), {"op": op, "path": USER_URN, "value": inside[0]}]


CLEARING = [
    *(each for more in ABSENT for each in clearing("remove", more)),
    *(each for op in ("add", "replace") for more in ABSENT[1:] for each in clearing(op, more)),
]


@every_lenient_profile
def test_fa_30_a_patch_that_clears_leaves_the_value(profile: str, new_client: Callable[[str], Client]) -> None:
    client = new_client(profile)
    path = disabled(client)
    before = client("GET", path).get_json()
    for operation in CLEARING:
        assert client.patch(path, operation).status_code == 200, operation
        assert client("GET", path).get_json() == before, operation
        # and what else the message says is done
        title = {"op": "replace", "path": "title", "value": json.dumps(operation)}
        answer = client.patch(path, operation, title).get_json()
        assert (answer["active"], answer["title"]) == (False, title["value"])
        before = answer
    assert_disabled(client, path)


def test_fa_30_the_strict_profile_refuses_a_patch_that_clears(rfc: Client) -> None:
    path = disabled(rfc)
    before = rfc("GET", path).get_json()
    for operation in CLEARING:
        answer = rfc.patch(path, {"op": "replace", "path": "title", "value": "T"}, operation)
        blank = "value" in operation and ('""' in json.dumps(operation))
        if operation["op"] == "add" and not blank:  # adds nothing
            assert answer.status_code == 200, operation
            assert rfc.patch(path, {"op": "remove", "path": "title"}).get_json()["active"] is False
            before = rfc("GET", path).get_json()
            continue
        kind = "mutability" if operation["op"] == "remove" else "invalidValue"
        assert (answer.status_code, answer.get_json()["scimType"]) == (400, kind), operation
        assert rfc("GET", path).get_json() == before
    assert_disabled(rfc, path)


@every_profile
def test_fa_30_what_says_true_enables(profile: str, new_client: Callable[[str], Client]) -> None:
    client = new_client(profile)
    path = disabled(client)
    for value in (True, "True", "true"):
        assert client.patch(path, {"op": "replace", "path": "active", "value": value}).get_json()["active"] is True
        assert client.patch(path, {"op": "add", "path": "active", "value": False}).get_json()["active"] is False
    assert client("PUT", path, ANN).get_json()["active"] is False
    assert client("PUT", path, ANN | {"active": True}).get_json()["active"] is True


# POST and PUT

QUALIFIED = [
    {f"{USER_URN}:active": False}, {f"{USER_URN.upper()}:Active": "False"}, {USER_URN: {"active": False}},
    {USER_URN: {"ACTIVE": "FALSE"}}, {f"{USER_URN}.active": False},
]
"""RFC 7644 section 3.10 has the URN stand before any attribute; a PATCH takes all of these, too."""


@every_lenient_profile
@pytest.mark.parametrize("said", QUALIFIED)
def test_fa_30_a_body_that_disables_by_a_qualified_name(profile: str, said: dict[str, Any], new_client: Callable[[str], Client]) -> None:
    client = new_client(profile)
    created = client("POST", "/Users", ANN | said)
    assert (created.status_code, created.get_json()["active"]) == (201, False)
    path = f"/Users/{created.get_json()['id']}"
    assert client("PUT", path, ANN | {"active": True}).get_json()["active"] is True
    assert client("PUT", path, ANN | said).get_json()["active"] is False
    assert client("PUT", path, ANN | {"active": True} | said).get_json()["active"] is True  # the plain name counts
    for nothing in ({"active": None}, {"ACTIVE": ""}, {f"{USER_URN}:ACTIVE": None}, {USER_URN.upper(): {"Active": None}}):
        for body in (ANN | nothing | said, ANN | said | nothing):  # null says nothing, wherever it stands
            assert client("PUT", path, body).get_json()["active"] is False
            assert client("PUT", path, ANN | {"active": True}).get_json()["active"] is True
            created = client("POST", "/Users", body | {"userName": "bob"})
            assert (created.status_code, created.get_json()["active"]) == (201, False)
            assert client("DELETE", f"/Users/{created.get_json()['id']}").status_code == 204


@pytest.mark.parametrize("twice", [
    {USER_URN: {"active": False}, f"{USER_URN}:active": True}, {USER_URN: {"active": False, "Active": True}},
    {f"{USER_URN}:active": False, f"{USER_URN}:ACTIVE": True},
])
def test_fa_30_a_body_that_names_active_twice_by_its_urn_is_refused(twice: dict[str, Any], new_client: Callable[[str], Client]) -> None:
    client = new_client("interop")
    answer = client("POST", "/Users", ANN | twice)
    assert (answer.status_code, answer.get_json()["scimType"]) == (400, "invalidValue")
    assert client.found("/Users") == []


def test_fa_30_the_strict_profile_refuses_a_qualified_name(rfc: Client) -> None:
    for said in QUALIFIED:
        assert rfc("POST", "/Users", ANN | said).status_code == 400
    assert rfc.found("/Users") == []


# Any sequence of requests

SAYS_NOTHING_TRUE = [None, [], "", {}, [None], [[]], {"value": None}, {"value": ""}, False, "False", "false", "no", "null", 0, 1, "1", [False], {"value": False}]
values = st.sampled_from(SAYS_NOTHING_TRUE)
names = st.sampled_from(["active", "ACTIVE", f"{USER_URN}:active", f"{USER_URN}:Active", "title", "name", "emails", 'emails[type eq "work"].value', USER_URN])
ops = st.sampled_from(["add", "remove", "replace", "Add", "Remove", "Replace"])
operations = st.one_of(
    st.fixed_dictionaries({"op": ops, "path": names}, optional={"value": values}),
    st.fixed_dictionaries({"op": ops, "value": st.dictionaries(names, values, max_size=2)}, optional={"path": st.sampled_from([None, USER_URN])}),
    st.fixed_dictionaries({"op": ops, "value": values}),
)
patches = st.lists(operations, min_size=1, max_size=3).map(lambda some: ("PATCH", {"schemas": [PATCH_URN], "Operations": some}))
puts = st.dictionaries(st.sampled_from(["active", "ACTIVE", "title", "nickName"]), values, max_size=2).map(
    lambda more: ("PUT", ANN | more)
)
doors = st.tuples(st.one_of(patches, puts), st.booleans())
storage = st.tuples(st.sampled_from([("RESTORE", None), ("IMPORT", None), ("IMPORT", {"active": None})]), st.just(False))
sequences = st.lists(st.one_of(doors, doors, doors, storage), min_size=1, max_size=6)


class World:
    """A disabled user, and the doors to them."""

    def __init__(self, client: Client, database: Database, profile: str) -> None:
        self.client, self.database = client, database
        self.strict = profile == "rfc"
        self.path = disabled(client)
        self.id = self.path.rpartition("/")[2]
        tenant = Tenants(database).require(client.tenant)
        self.directory = open_directory(Config.from_environment({}), database, tenant)

    def request(self, method: str, body: Any, in_bulk: bool) -> None:
        if method == "RESTORE":
            assert self.client("DELETE", self.path).status_code == 204
            self.directory.restore(self.id, Request("restore", Actor("test")))
        elif method == "IMPORT":
            self.bring({"id": self.id, **ANN, **(body or {})})
        elif in_bulk:
            message = {"schemas": [BULK_URN], "Operations": [{"method": method, "path": self.path, "data": body}]}
            assert self.client("POST", "/Bulk", message).status_code == 200
        else:
            assert self.client(method, self.path, body).status_code in (200, 204, 400)

    def bring(self, resource: dict[str, Any]) -> list[str]:
        """Import one line, and return why it was refused."""
        refused: list[str] = []
        importer = Importer(
            self.directory, all_types=all_types(None), strict=self.strict, actor=Actor("test"),
            refused=lambda _, why: refused.append(why),
        )
        importer.run([(1, {"type": "User", "resource": resource})])
        return refused


@pytest.fixture
def new_world(new_client: Callable[[str], Client], http_database: Database) -> Callable[[str], World]:
    return lambda profile: World(new_client(profile), http_database, profile)


@every_profile
@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sequence=sequences)
def test_fa_30_no_sequence_of_requests_that_never_says_true_enables_anybody(
    profile: str, new_world: Callable[[str], World], sequence: list[Any]
) -> None:
    random.seed()  # Hypothesis seeds it the same for each example, and the ids of events would come again
    world = new_world(profile)
    for (method, body), in_bulk in sequence:
        world.request(method, body, in_bulk)
        assert_disabled(world.client, world.path)


@every_profile
def test_fa_30_an_import_neither_enables_who_is_there_nor_who_was_deleted(profile: str, new_world: Callable[[str], World]) -> None:
    world = new_world(profile)
    line = {"id": world.id, **ANN}
    for meta in ({}, {"meta": {"created": "2020-01-01T00:00:00Z"}}):
        assert world.bring(line | meta) == []
        assert_disabled(world.client, world.path)
    world.client("DELETE", world.path)
    assert "scimd restore" in world.bring(line)[0]
    world.directory.restore(world.id, Request("restore", Actor("test")))
    assert_disabled(world.client, world.path)


# Documents without a value, which the version before could write


@every_profile
def test_fa_30_who_is_stored_without_a_value_is_active_for_everybody(profile: str, new_world: Callable[[str], World]) -> None:
    world = new_world(profile)
    client, path = world.client, world.path
    users = world.database.db["users"]
    users.update_one({"_id": world.id}, {"$unset": {"active": ""}})
    for query in ("active eq true", "active ne false", "active pr", "active ne null", "not (active eq false)", 'userName eq "ann"', 'id pr and active eq "True"'):
        found = client("GET", f"/Users?filter={query}").get_json()["Resources"]
        assert [user["active"] for user in found] == [True], query
    for query in ("active eq false", "active ne true", "active eq null", "not (active pr)"):
        assert client.found(f"/Users?filter={query}") == [], query
    assert client("GET", path).get_json()["active"] is True
    assert client("GET", f"{path}?attributes=active").get_json()["active"] is True
    assert "active" not in client("GET", f"{path}?attributes=userName").get_json()
    assert "active" not in client("GET", f"{path}?excludedAttributes=active").get_json()
    unchanged = client.patch(path, {"op": "replace", "path": "active", "value": True})
    assert unchanged.headers["ETag"] == client("GET", path).headers["ETag"] == 'W/"1"'
    assert client.patch(path, {"op": "replace", "path": "active", "value": False}).get_json()["active"] is False
    assert_disabled(client, path)


def test_fa_30_what_has_a_default_is_a_single_value_of_a_type_itself(application: Flask) -> None:
    def rows(resource_type: ResourceType) -> list[Attribute]:
        inside = [sub for schema in resource_type.schemas for row in schema.attributes for sub in row.sub_attributes]
        return [*inside, *(row for schema in resource_type.extensions for row in schema.attributes)]

    types = [each for profile in PROFILES for each in load_catalogue(None, profile, "").types]
    assert {name for each in types for name in each.defaults} == {"active"}
    for each in types:
        assert [row.name for row in rows(each) if row.default is not None] == []
        assert [row.name for row in each.schema.attributes if row.default is not None and row.multi_valued] == []
    assert GROUP_URN in {each.schema.id for each in types}
