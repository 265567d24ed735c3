"""Filters on members and groups: what the sub-queries find is what the resources, as they are shown, say."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.config import Config
from app.errors import TooMany, Unavailable
from app.schemas.meta import first_meta, now
from app.schemas.resource_type import ResourceType
from app.store.accounts.tenants import Tenants
from app.store.directory.directory import Directory
from app.store.directory.documents import encode
from app.store.mongo.database import Database
from app.store.open import collections, open_directory
from app.store.search import id_ranges
from app.store.search.order import Order, Position, rank
from app.store.search.pages import Window
from app.store.search.search import Search
from scim_filter import And, Comparison, Filter, Not, Or, Path, Present, ValuePath, matches, parse_filter
from tests.examples import examples

USERS = [f"u{number}" for number in range(8)]
GROUPS = [f"g{number}" for number in range(7)]
NOBODY = "nobody"
NAMES = ("", "Ann", "ann", "Ben", "Sales", "sales team", "All")


@pytest.fixture(scope="module")
def directory(mongod: Database) -> Iterator[tuple[Database, Directory]]:
    database = Database(mongod.client, f"test-{uuid.uuid4().hex}")
    config = Config.from_environment({})
    database.prepare(collections(config))
    for name in ("ours", "theirs"):
        Tenants(database).create(name, "entra")
    yield database, open_directory(config, database, Tenants(database).require("ours"))
    mongod.client.drop_database(database.db.name)


def populate(database: Database, directory: Directory, random: Random) -> dict[str, list[dict[str, Any]]]:
    """Store users, groups in groups, perhaps in circles, and members that do not exist; give the resources as shown."""
    for name in ("users", "groups", "memberships"):
        database.db[name].delete_many({})
    for kind, ids in (("User", USERS), ("Group", GROUPS)):
        resource_type = directory.catalogue.named(kind)
        assert resource_type
        for one in ids:
            resource = {
                "id": one, "schemas": [resource_type.schema.id], resource_type.identifier: f"{one} {random.choice(NAMES)}",
                "displayName": f"{random.choice(NAMES)} {one}", "meta": first_meta(kind, now()),
            }  # fmt: skip
            store = directory.resources(resource_type)
            store.insert_document(encode(resource, resource_type, tenant=store.tenant), [])
    rows = set()
    for group in GROUPS[: random.randint(0, len(GROUPS))]:
        for member in random.sample([*USERS, *GROUPS, NOBODY], random.randint(0, 6)):
            rows.add((group, member))
    database.db.memberships.insert_many([
        {"tenant": tenant, "group": group, "member": member, **_type(member)}
        for group, member in rows for tenant in ("ours", "theirs")
    ] or [{"tenant": "theirs", "group": GROUPS[0], "member": USERS[0], "type": "User"}])  # fmt: skip
    shown = {}
    for kind, ids in (("User", USERS), ("Group", GROUPS)):
        resource_type = directory.catalogue.named(kind)
        assert resource_type
        found = [directory.get(resource_type, one) for one in ids]
        directory.fill([one for one in found if one], resource_type, None)
        shown[kind] = [one for one in found if one]
    return shown


def _type(member: str) -> dict[str, str]:
    return {"u": {"type": "User"}, "g": {"type": "Group"}}.get(member[0], {})


VALUES = {
    "value": st.sampled_from([*USERS, *GROUPS, NOBODY, "U0", "u", "g"]),
    "display": st.sampled_from(["", "ANN", "ann u1", "a", "sales g0", "Sales", "e", "team", "u3"]),
    "type": st.sampled_from(["User", "user", "Group", "GROUP", "direct", "Indirect", "d", "r"]),
    "$ref": st.sampled_from([f"../Users/{USERS[0]}", f"/Groups/{GROUPS[0]}", "https://elsewhere.example/Users/u0"]),
}


def conditions(attribute: str) -> st.SearchStrategy[Filter]:
    def test(prefix: str) -> st.SearchStrategy[Filter]:
        def comparison(name: str) -> st.SearchStrategy[Filter]:
            operators = ("eq", "ne") if name == "$ref" else ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le")
            path = Path(prefix + name)
            return st.one_of(
                st.builds(Comparison, st.just(path), st.sampled_from(operators), VALUES[name]),
                st.builds(Comparison, st.just(path), st.sampled_from(("eq", "ne")), st.none()),
                st.just(Present(path)),
            )

        return st.sampled_from(sorted(VALUES)).flatmap(comparison)

    inside = _logic(test("")).map(lambda term: ValuePath(Path(attribute), term))
    whole = st.builds(Comparison, st.just(Path(attribute)), st.sampled_from(("eq", "ne", "sw")), VALUES["value"])
    return _logic(st.one_of(inside, inside, test(f"{attribute}."), whole, st.just(Present(Path(attribute)))))


def _logic(leaf: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            inner.map(Not), st.tuples(inner, inner).map(And), st.tuples(inner, inner).map(Or)
        ),
        max_leaves=4,
    )  # fmt: skip


ORDERS = {
    "User": (Order(), Order(descending=True), Order("_folded.userName"), Order("_folded.nickName", always=False)),
    "Group": (Order(), Order(descending=True), Order("_folded.displayName"), Order("externalId", descending=True, always=False)),
}  # fmt: skip


def check(world: tuple[Database, Directory], seed: int, attribute: str, drawn: list[Filter], most: int) -> None:
    """Compare what is found with what is shown, where one query names at most so many ids."""
    database, directory = world
    shown = populate(database, directory, Random(seed))
    resource_type = directory.catalogue.named("Group" if attribute == "members" else "User")
    assert resource_type
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_ranges, "MOST_IDS", most)
        for condition in drawn:
            expected = {one["id"] for one in shown[resource_type.name] if matches(condition, one, Search(directory).resolve(resource_type))}
            assert (str(condition), found(directory, resource_type, condition)) == (str(condition), expected)
        pages(directory, resource_type, condition, ORDERS[resource_type.name][seed % 4], expected)


def found(directory: Directory, resource_type: ResourceType, condition: Filter) -> set[str]:
    search = Search(directory)
    positions = search.results(resource_type, search.query(resource_type, condition)).positions(Order(), 100)
    assert len(positions) == len({position.id for position in positions})
    return {position.id for position in positions}


def pages(directory: Directory, resource_type: ResourceType, condition: Filter, order: Order, expected: set[str]) -> None:
    """Check that every way to page through gives each resource once, in the order."""
    search = Search(directory)
    results = search.results(resource_type, search.query(resource_type, condition))
    assert results.count() == len(expected), str(condition)
    whole = results.positions(order, 100)
    assert whole == sorted(whole, key=rank, reverse=order.descending)
    assert {position.id for position in whole} == expected, str(condition)
    walked: list[Position] = []
    while read := results.page(order, Window(2, after=walked[-1] if walked else None), frozenset()):
        assert [one["id"] for one, _ in read] == [position.id for _, position in read]
        walked += [position for _, position in read]
    assert walked == whole
    for skip in range(len(whole) + 1):
        read = results.page(order, Window(3, skip), frozenset())
        assert [position for _, position in read] == whole[skip : skip + 3], (str(condition), skip)


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
CASES = st.sampled_from(("members", "groups")).flatmap(
    lambda name: st.tuples(
        st.just(name), st.lists(conditions(name), min_size=4, max_size=4), st.sampled_from((1, 2, 3, id_ranges.MOST_IDS))
    )
)


@given(st.integers(0, 1_000), CASES)
@settings(max_examples=examples(3), deadline=None, suppress_health_check=QUIET)
def test_joins_agree_with_what_is_shown(directory, seed, case):
    check(directory, seed, *case)


@pytest.mark.long
@given(st.integers(0, 1_000), CASES)
@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
def test_joins_agree_with_what_is_shown_for_long(directory, seed, case):
    check(directory, seed, *case)


@pytest.fixture
def everybody(directory: tuple[Database, Directory]) -> tuple[Database, Directory]:
    """Return a tenant whose users are all called Ann, and where each group has one of them: g0 u0, g1 u1, ..."""
    database, ours = directory
    populate(database, ours, Random(0))
    database.db.users.update_many({"tenant": "ours"}, {"$set": {"displayName": "Ann", "_folded.displayName": "ann"}})
    database.db.memberships.delete_many({})
    database.db.memberships.insert_many([
        {"tenant": "ours", "group": group, "member": user, "type": "User"} for group, user in zip(GROUPS, USERS, strict=False)
    ])  # fmt: skip
    return directory


@pytest.mark.parametrize(("kind", "text", "names"), [
    ("Group", 'members.display eq "ann"', GROUPS), ("Group", 'members.display sw "a" and not (members.display eq "x")', GROUPS),
    ("Group", "not (members pr)", []), ("User", "groups pr", USERS[:7]), ("User", "not (groups pr)", USERS[7:]),
    ("User", 'groups.type ne "indirect"', USERS), ("User", f'groups ne "{GROUPS[3]}"', [*USERS[:3], *USERS[4:]]),
])  # fmt: skip
def test_none_is_left_out_where_one_query_cannot_name_them_all(everybody, monkeypatch, kind, text, names):
    monkeypatch.setattr(id_ranges, "MOST_IDS", 2)
    ours = everybody[1]
    assert found(ours, ours.catalogue.named(kind), parse_filter(text)) == set(names)


EVERYTHING = [
    ("User", "groups pr"), ("User", "not (groups pr)"), ("User", 'groups.type eq "direct"'), ("User", 'groups[type eq "indirect" and value eq "g1"]'),
    ("User", 'groups.value eq "g2" and userName sw "u"'), ("User", 'groups.display co "g" or groups.value eq "g0"'), ("User", 'groups ne "g0"'),
    ("Group", "members pr"), ("Group", 'members[display eq "ann" and value sw "u"]'), ("Group", 'members[not (display eq "ann") and type eq "user"]'),
    ("Group", 'members[display ne "ann"]'), ("Group", "members.type eq null"), ("Group", 'not (members.display eq "ann")'),
]  # fmt: skip


@pytest.mark.parametrize("most", [1, *(pytest.param(number, marks=pytest.mark.long) for number in (2, 3))])
def test_where_everybody_is_in_everything(everybody, monkeypatch, most):
    """Members that are no users, members that do not exist and several groups for each: all come before the last user."""
    database, ours = everybody
    database.db.memberships.insert_many([
        {"tenant": "ours", "group": group, "member": member, **_type(member)}
        for group in GROUPS[:3] for member in (*GROUPS[3:6], NOBODY, *USERS[3:])
    ])  # fmt: skip
    monkeypatch.setattr(id_ranges, "MOST_IDS", most)
    for kind, text in EVERYTHING:
        resource_type, condition = ours.catalogue.named(kind), parse_filter(text)
        resources = [ours.get(resource_type, one) for one in (USERS if kind == "User" else GROUPS)]
        ours.fill(resources, resource_type, None)
        expected = {one["id"] for one in resources if matches(condition, one, Search(ours).resolve(resource_type))}
        assert (text, found(ours, resource_type, condition)) == (text, expected)


def test_sc_04_what_takes_too_long_is_too_many_where_no_index_answers_and_an_outage_elsewhere(everybody, fault):
    database, ours = everybody
    search = Search(ours)
    user = ours.catalogue.named("User")
    for text, expected in (("groups pr", TooMany), ("groups pr and title pr", TooMany), ("title pr", TooMany), ("userName sw \"a\"", Unavailable)):
        results = search.results(user, search.query(user, parse_filter(text)))
        reads = (results.count, lambda: results.positions(Order(), 1), lambda: results.page(Order(), Window(1), None))  # noqa: B023
        with fault(["find", "aggregate"], "alwaysOn", errorCode=50):
            for read in reads:
                with pytest.raises(expected), database.budget():
                    read()
