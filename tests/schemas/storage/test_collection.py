"""What MongoDB enforces by itself, held against a real one: it takes all that the API stores, and no more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import DuplicateKeyError, WriteError

from app.schemas.custom import all_types, load_catalogue
from app.schemas.meta import first_meta, now
from app.schemas.resource_type import ResourceType
from app.schemas.storage.collection import PENDING, collection_spec, collection_specs
from app.schemas.storage.columns import columns
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.schemas.validation.payload import with_defaults
from app.store.directory.documents import decode, encode
from app.store.mongo.database import Database
from tests.examples import examples, one_of_each
from tests.schemas.resources import resources

SAMPLES = Path(__file__).parents[2] / "samples" / "schemas"
TYPES = {
    f"{profile} {resource_type.name}": resource_type
    for directory, tenant in ((SAMPLES / "devices", "demo"), (SAMPLES / "badges", "acme"))
    for profile in ("gallery", "interop", "rfc")
    for resource_type in load_catalogue(directory, profile, tenant).types
}
ANN: dict[str, Any] = {"schemas": [USER_TYPE.schema.id], "userName": "Ann", "displayName": "Ann"}


@pytest.fixture(scope="module")
def prepared(mongod: Database) -> Iterator[Database]:
    fresh = Database(mongod.client, f"test-{uuid.uuid4().hex}")
    fresh.prepare(collection_specs([*all_types(SAMPLES / "devices"), *all_types(SAMPLES / "badges")]))
    yield fresh
    mongod.client.drop_database(fresh.db.name)


def document(resource: dict[str, Any], resource_type: ResourceType, tenant: str = "") -> dict[str, Any]:
    meta = first_meta(resource_type.name, now())
    return encode(resource | {"id": str(uuid.uuid4()), "meta": meta}, resource_type, tenant=tenant or uuid.uuid4().hex)


# `gallery` and `interop` differ in what is required, and both store the same.
@pytest.mark.parametrize("name", one_of_each(TYPES, lambda name: (name.split()[1], name.startswith("rfc"))))
@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_whatever_the_api_stores_is_taken_and_comes_back(name: str, data: st.DataObject, prepared: Database) -> None:
    resource_type = TYPES[name]
    resource = data.draw(resources(resource_type))
    memberships = {row.name for row in resource_type.schema.attributes if row.stored_in == "memberships"}
    resource = {key: value for key, value in resource.items() if key not in memberships}
    stored = document(with_defaults(resource_type, resource), resource_type)
    collection = prepared.db[resource_type.collection]
    collection.insert_one(stored)
    found = decode(collection.find_one({"_id": stored["_id"]}), resource_type)
    assert found == with_defaults(resource_type, resource) | {
        "id": stored["_id"], "meta": found["meta"], **({"password": found["password"]} if "password" in found else {})
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return a valid user with another value at a path; None removes it."""
    user = {**ANN, "emails": [{"value": "a"}], "name": {"givenName": "A"}, "active": True}
    whole = document(user, USER_TYPE)
    *way, last = path.split(".")
    place: Any = whole
    for key in way:
        place = place[int(key)] if key.isdigit() else place.setdefault(key, {})
    if value is None:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return whole


BY_HAND = [
    ("userName", None), ("userName", 5), ("userName", " "), ("userName", "x" * 1_025), ("extra", 1), ("tenant", None),
    ("schemas", []), ("schemas", None), ("meta", None), ("meta.version", "1"), ("meta.version", None),
    ("meta.created", "2026-01-01"), ("meta.extra", 1), ("active", "True"), ("emails", []), ("emails", {"value": "a"}),
    ("emails.0", {}), ("emails.0.label", "x"), ("emails.0.value", 5), ("emails.0.primary", "x"), ("name", {}),
    ("name.given", "x"), ("name.givenName", 5), ("members", []), ("groups", []), ("enterprise", {}),
    ("enterprise", {"departement": "x"}), ("enterprise", {"manager": "m"}), ("enterprise", {"manager": {"$x": 1}}),
    ("_folded", None), ("_folded.userName", None), ("_folded.userName", 5), ("_folded.title", 1), ("_folded.extra", "x"),
    ("_unique", None), ("_unique.userName", None), ("_unique.userName", 1.5), ("_unique.extra", "x"),
    ("emails", [{"value": "a"}] * 101), ("ext_example_desk_2_0_user", {"chair": "x"}), ("_id", 5),
]


@pytest.mark.parametrize(("path", "value"), BY_HAND, ids=[f"{path} {str(value)[:20]}" for path, value in BY_HAND])
def test_nobodys_hand_stores_what_the_api_could_not(path: str, value: Any, prepared: Database) -> None:
    prepared.db.users.insert_one(document(ANN, USER_TYPE))
    with pytest.raises(WriteError, match="Document failed validation"):
        prepared.db.users.insert_one(changed(path, value))


def test_unique_within_a_tenant_and_only_there(prepared: Database) -> None:
    gallery, rfc = GROUP_TYPE.for_profile("gallery"), GROUP_TYPE.for_profile("rfc")
    tenant = uuid.uuid4().hex
    users, groups = prepared.db.users, prepared.db.groups
    users.insert_one(document(ANN, USER_TYPE, tenant))
    with pytest.raises(DuplicateKeyError) as caught:
        users.insert_one(document({**ANN, "userName": "aNN"}, USER_TYPE, tenant))
    assert caught.value.details["keyPattern"] == {"tenant": 1, "_unique.userName": 1}
    users.insert_one(document(ANN, USER_TYPE, "another"))
    group = {"schemas": [GROUP_TYPE.schema.id], "displayName": "g"}
    for tenant, group_type, fails in (("one", gallery, True), ("two", rfc, False)):
        groups.insert_one(document(group, group_type, tenant))
        if fails:
            with pytest.raises(DuplicateKeyError):
                groups.insert_one(document(group, group_type, tenant))
        else:
            groups.insert_one(document(group, group_type, tenant))


def test_unique_in_an_extension(prepared: Database) -> None:
    acme = load_catalogue(SAMPLES / "badges", "rfc", "acme").types[0]
    for user, fails in (("a", False), ("b", True)):
        stored = document({**ANN, "userName": user, "urn:example:acme:2.0:User": {"badgeNumber": "X1"}}, acme, "acme")
        if fails:
            with pytest.raises(DuplicateKeyError):
                prepared.db.users.insert_one(stored)
        else:
            prepared.db.users.insert_one(stored)


def test_what_a_schema_file_left_behind_is_not_returned() -> None:
    before = load_catalogue(SAMPLES / "badges", "rfc", "acme").types[0]
    urns = [schema.id for schema in before.schemas]
    user = {**ANN, "schemas": urns, urns[-1]: {"badgeNumber": "X1"}, USER_TYPE.extensions[0].id: {"department": "IT"}}
    stored = document(user, before)
    stored["enterprise"]["shoeSize"] = 5
    after = decode(stored, USER_TYPE)
    assert after["schemas"] == urns[:2]
    assert after.keys() == {*ANN, *USER_TYPE.defaults, "id", "meta", USER_TYPE.extensions[0].id}
    assert after[USER_TYPE.extensions[0].id] == {"department": "IT"}


def test_every_index_is_where_the_columns_look() -> None:
    for resource_type in (USER_TYPE, GROUP_TYPE, *all_types(SAMPLES / "badges"), *all_types(SAMPLES / "devices")):
        resolve = columns(resource_type)
        paths = {
            f"{schema.id}:{row.name}{sub}"
            for schema in resource_type.schemas
            for row in schema.attributes
            for sub, indexed in [("", row.indexed), *((f".{s.name}", s.indexed) for s in row.sub_attributes)]
            if indexed
        }
        wanted = {column.field for path in {*paths, "meta.lastModified"} if (column := resolve(path))}
        wanted |= {".".join(part for part in (_short(resource_type, keys), keys[-1], "value") if part)
                   for _, keys in resource_type.links}
        keys = [index.keys for index in collection_spec(resource_type).indexes if index is not PENDING]
        assert all(key[0] == ("tenant", 1) for key in keys)
        assert {key[1][0] for key in keys if not key[1][0].startswith("_unique.")} == wanted | {"_id"}


def _short(resource_type: ResourceType, keys: tuple[str, ...]) -> str:
    extension = resource_type.extension(keys[0])
    return extension.stored_as if extension else ""


LOOKUPS = [
    ("_folded.userName", "u7"), ("externalId", "u7"), ("_folded.displayName", "u7"), ("_folded.emails.value", "u7"),
    ("_folded.emails", {"$elemMatch": {"type": "work", "value": "u7"}}), ("enterprise.manager.value", "u7"),
    ("meta.lastModified", {"$lt": datetime(2026, 1, 1, tzinfo=UTC)}), ("_folded.ext_example_acme_2_0_user.badgeNumber", "u7"),
]


def test_lookups_use_an_index(prepared: Database) -> None:
    acme = load_catalogue(SAMPLES / "badges", "rfc", "acme").types[0]
    extension, more = USER_TYPE.extensions[0].id, "urn:example:acme:2.0:User"
    for name in (f"u{number}" for number in range(50)):
        user = {
            **ANN, "userName": name, "displayName": name, "externalId": name, "emails": [{"value": name, "type": "work"}],
            extension: {"manager": {"value": name}}, more: {"badgeNumber": name},
        }
        prepared.db.users.insert_one(document(user, acme, "big"))
    for field, condition in LOOKUPS:
        plan = str(prepared.db.users.find({"tenant": "big", field: condition}).explain()["queryPlanner"]["winningPlan"])
        assert f"tenant_{field.removeprefix('_folded.')}" in plan, (field, plan)
    rows = prepared.db.users.find({"tenant": "big", "_folded.userName": {"$gt": "u3"}})
    plan = str(rows.sort([("_folded.userName", 1), ("_id", 1)]).explain()["queryPlanner"]["winningPlan"])
    assert "SORT" not in plan


def test_made_twice_is_made_once(prepared: Database) -> None:
    before = prepared.db.users.index_information()
    prepared.prepare(collection_specs([*all_types(SAMPLES / "devices"), *all_types(SAMPLES / "badges")]))
    assert prepared.db.users.index_information() == before
