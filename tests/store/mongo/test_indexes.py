"""Which index answers a filter, and which attributes have none (SC-02, SC-04)."""

from __future__ import annotations

import pytest
from pymongo.errors import OperationFailure

from app.config import Config
from app.schemas.storage.collection import indexed_fields
from app.schemas.storage.columns import columns
from app.schemas.tables.user import ENTERPRISE_URN as ENT
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.directory.membership_reader import MembershipReader
from app.store.log.event import Actor, Event, More
from app.store.mongo.database import Database
from app.store.mongo.indexes import BY_ID, Reach, access, by_index, unindexed
from app.store.open import collections, open_directory
from app.store.search.order import Order
from app.store.search.pages import Window
from app.store.search.search import Search
from scim_filter import parse_filter, to_mongo
from tests.store.test_explain import person

CONFIG = Config.from_environment({})

POINT, RANGE, SCAN, ALL = Reach


def query(text: str) -> dict:
    return to_mongo(parse_filter(text), columns(USER_TYPE), absent_if_unknown=True) if text else {}


@pytest.mark.parametrize(("text", "reach", "field"), [
    ('userName eq "a"', POINT, "_folded.userName"), ('id eq "a"', POINT, "_id"), ('emails eq "a"', POINT, "_folded.emails.value"),
    ('emails[type eq "work" and value eq "a"]', POINT, "_folded.emails.value"), (f'{ENT}:manager eq "a"', POINT, "enterprise.manager.value"),
    ('title eq "a" and userName eq "b"', POINT, "_folded.userName"), ('userName sw "a"', RANGE, "_folded.userName"),
    ('userName sw "a" and externalId eq "b"', POINT, "externalId"), ('meta.lastModified gt "2026-01-01T00:00:00Z"', RANGE, "meta.lastModified"),
    ('displayName co "a"', SCAN, "_folded.displayName"), ('displayName ew "a"', SCAN, "_folded.displayName"),
    ('emails[type eq "work" and value sw "a"]', RANGE, "_folded.emails.value"), ('displayName pr', RANGE, "_folded.displayName"),
    ('userName eq "a" or externalId eq "b"', POINT, ""), ('userName eq "a" and externalId eq "b"', POINT, ""),
    ('title eq "a"', ALL, ""), ("active eq false", ALL, ""), ('userName ne "a"', SCAN, "_folded.userName"), ("displayName eq null", SCAN, "_folded.displayName"), ('emails co "a"', ALL, ""), ('userName eq "a" or title eq "b"', ALL, ""),
    ('not (userName eq "a")', SCAN, "_folded.userName"), ('userName co "a" or userName ew "b"', SCAN, "_folded.userName"),
    ('userName co "a" or displayName co "b"', ALL, ""), ('userName co "a" or externalId eq "b"', ALL, ""), ("", ALL, ""),
])  # fmt: skip
def test_sc_02_the_most_selective_condition_with_an_index_counts(text: str, reach: Reach, field: str) -> None:
    found = access(query(text), indexed_fields(USER_TYPE))
    assert (found.reach, found.field) == (reach, field)


@pytest.mark.parametrize(("text", "attributes"), [
    ("", []), ('userName eq "a"', []), ('displayName co "a"', []), ('userName ne "a"', []), ('nothing eq "a"', []),
    ('title eq "a"', ["title"]), ("title pr", ["title"]), ('emails co "a"', ["emails.value"]), ('userName co "a" or displayName co "b"', ["displayName", "userName"]), ("not (title pr)", ["title"]), ('title eq "a" and nickName co "b"', ["nickName", "title"]),
    ('title eq "a" and userName eq "b"', []), ('title eq "a" and displayName co "b"', []), ('title eq "a" or userName eq "b"', ["title"]),
    ("active eq false", ["active"]), (f'{ENT}:department eq "a"', [f"{ENT}:department"]), ('emails.type eq "work"', ["emails.type"]),
    ('emails[type eq "work"]', ["emails.type"]), ('emails[not (type eq "work")]', ["emails.type"]), ('meta.created gt "2026-01-01T00:00:00Z"', ["meta.created"]),
    ('not (userName eq "a" and title eq "b")', ["title"]), ('roles.value eq "a" and addresses[country eq "b" or region eq "c"]', ["addresses.country", "addresses.region", "roles.value"]),
])  # fmt: skip
def test_sc_04_the_attributes_that_no_index_answers(text: str, attributes: list[str]) -> None:
    assert list(unindexed(query(text), USER_TYPE)) == attributes


@pytest.mark.parametrize(("text", "field", "attributes"), [
    ("", "_folded.title", ["title"]), ("", "", []), ("", "_folded.emails.value", ["emails.value"]),
    ('userName eq "a"', "_folded.title", []), ('userName sw "a"', "_folded.title", ["title"]), ('nickName eq "a"', "_folded.title", ["nickName", "title"]),
])  # fmt: skip
def test_sc_04_a_sort_counts_where_many_are_left(text: str, field: str, attributes: list[str]) -> None:
    assert list(unindexed(query(text), USER_TYPE, field)) == attributes


def test_sc_02_a_query_is_answered_without_its_index_where_an_operator_has_dropped_it(database: Database) -> None:
    database.prepare(collections(CONFIG))
    directory = open_directory(CONFIG, database, Tenants(database).create("ours", "rfc"))
    event = Event("create", "User", "1", "ann", status=201, more=More(1))
    directory.resources(USER_TYPE).insert(person(1, "ours"), directory.events.pending(event, Actor()))
    for collection in ("users", "events", "memberships"):
        database.db[collection].drop_indexes()
    name = query('userName eq "user00001@example.com"')
    users, search = directory.resources(USER_TYPE), Search(directory)
    named, titled = (search.results(USER_TYPE, each) for each in (name, query("title pr")))
    assert users.count(name) == len(named.page(Order(), Window(2), None)) == len(users.ids(name, 2)) == 1
    assert titled.first_positions(Order(), 5)[1] == 1
    assert len(users.find_with(name, None, MembershipReader(database, "ours").lookup, 1)) == 1
    assert users.id_after(None, 0) == person(1, "ours")["id"]
    assert len(directory.events.find(name="ann")) == len(directory.events.find()) == 1
    assert directory.count(USER_TYPE) == 1


def test_a_hint_that_is_wrong_for_another_reason_is_a_failure(database: Database) -> None:
    database.db.users.insert_one({})
    with pytest.raises(OperationFailure, match="unknown operator"):
        by_index(database.db.users, BY_ID, lambda **named: list(database.db.users.find({"a": {"$nonsense": 1}})))
