"""What a response shows (RFC 7643 section 7, RFC 7644 section 3.9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.errors import InvalidValue
from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.returned import Projection, requested_by
from app.schemas.schema import Schema
from app.schemas.tables.group import GROUP_TYPE, GROUP_URN
from app.schemas.tables.user import ENTERPRISE_URN, USER_TYPE, USER_URN

USER = USER_TYPE.for_profile("rfc")
ANN: dict[str, Any] = {
    "schemas": [USER_URN, ENTERPRISE_URN], "id": "1", "userName": "ann", "password": "hash",
    "name": {"givenName": "Ann", "familyName": "A"},
    "emails": [{"value": "a", "type": "work", "primary": True}, {"type": "home"}],
    ENTERPRISE_URN: {"department": "IT", "manager": {"value": "m", "$ref": "Users/m"}},
    "meta": {"resourceType": "User", "location": "x"},
}
SHOWN = {key: value for key, value in ANN.items() if key != "password"}
ALWAYS = {"schemas": ANN["schemas"], "id": "1"}


def returned(attributes: list[str] | None = None, excluded: list[str] | None = None) -> dict[str, Any]:
    return Projection.parse(USER, attributes, excluded).apply(ANN)


@pytest.mark.parametrize("none", [None, [], [""], [" ", ""]])
def test_without_a_wish_all_but_secrets(none: list[str] | None) -> None:
    assert returned(none, none) == SHOWN
    assert Projection.parse(USER, none, none).top_level() is None
    assert list(returned()) == list(SHOWN)  # in the order of the resource


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (["userName"], {"userName": "ann"}),
        ([" USERNAME "], {"userName": "ann"}),
        ([f"{USER_URN}:userName"], {"userName": "ann"}),
        ([f"{USER_URN.upper()}:USERNAME"], {"userName": "ann"}),
        (["name"], {"name": ANN["name"]}),
        (["NAME.givenname"], {"name": {"givenName": "Ann"}}),
        (["name.givenName", "name"], {"name": ANN["name"]}),
        (["name", "name.givenName"], {"name": ANN["name"]}),
        (["emails.value"], {"emails": [{"value": "a"}]}),
        (["emails.type", "emails.primary"], {"emails": [{"type": "work", "primary": True}, {"type": "home"}]}),
        (['emails[type eq "work"]'], {"emails": ANN["emails"]}),
        (['emails[value eq "a]b"].value'], {"emails": [{"value": "a"}]}),
        ([f"{ENTERPRISE_URN}:department"], {ENTERPRISE_URN: {"department": "IT"}}),
        ([f"{ENTERPRISE_URN}:manager.value"], {ENTERPRISE_URN: {"manager": {"value": "m"}}}),
        ([ENTERPRISE_URN.lower()], {ENTERPRISE_URN: ANN[ENTERPRISE_URN]}),
        ([USER_URN], {}),
        (["meta.location"], {"meta": {"location": "x"}}),
        (["password", "title", "bogus", "department", "name.bogus", "urn:x:y:z", "[", "."], {}),
    ],
)
def test_attributes(attributes: list[str], expected: dict[str, Any]) -> None:
    assert returned(attributes) == ALWAYS | expected


@pytest.mark.parametrize(
    ("excluded", "gone"),
    [
        (["id", "schemas", "SCHEMAS"], {}),
        (["emails", "meta"], {"emails": None, "meta": None}),
        (["NAME.familyname"], {"name": {"givenName": "Ann"}}),
        (["name.familyName", "name.givenName"], {"name": None}),
        (["emails.type", "emails.primary"], {"emails": [{"value": "a"}]}),
        ([f"{ENTERPRISE_URN}:manager.$ref"], {ENTERPRISE_URN: {"department": "IT", "manager": {"value": "m"}}}),
        ([f"{ENTERPRISE_URN}:manager"], {ENTERPRISE_URN: {"department": "IT"}}),
        ([ENTERPRISE_URN.lower()], {ENTERPRISE_URN: None}),
        (["bogus", USER_URN], {}),
        (['emails[type eq "work"]'], {"emails": None}),
    ],
)
def test_excluded_attributes(excluded: list[str], gone: dict[str, Any]) -> None:
    assert returned(None, excluded) == {key: value for key, value in (SHOWN | gone).items() if value is not None}


def test_both_at_once_are_refused() -> None:
    with pytest.raises(InvalidValue, match="^attributes and excludedAttributes cannot be used together.$"):
        Projection.parse(USER, ["userName"], ["emails"])


def test_what_need_not_be_read() -> None:
    group = GROUP_TYPE.for_profile("rfc")
    without = Projection.parse(group, None, ["Members"])
    assert not without.wants("members") and without.wants("displayName")
    assert without.top_level() == {"schemas", "id", "externalId", "meta", "displayName"}
    assert Projection.parse(group, ["displayName"]).top_level() == {"schemas", "id", "displayName"}
    assert Projection.parse(group, None, ["members.display"]).wants("members")
    assert Projection.parse(group, [f"{GROUP_URN}:members.value"]).wants("members")
    assert Projection.parse(USER, [f"{ENTERPRISE_URN}:department"]).top_level() == {"schemas", "id", ENTERPRISE_URN}
    assert Projection.parse(USER, ["bogus"]).top_level() == {"schemas", "id"}
    assert Projection.parse(USER).wants("anything")


def test_members_are_returned_while_they_are_read() -> None:
    taken = []

    def members() -> Iterator[dict[str, str]]:
        for number in range(3):
            taken.append(number)
            yield {"value": str(number), "type": "User"}

    group = {"schemas": [GROUP_URN], "id": "1", "members": members()}
    answer = Projection.parse(GROUP_TYPE, ["members.value"]).apply(group)
    assert taken == [] and next(answer["members"]) == {"value": "0"} and taken == [0]
    assert list(answer["members"]) == [{"value": "1"}, {"value": "2"}]
    assert "members" not in Projection.parse(GROUP_TYPE, None, ["members"]).apply(group)


EXTENSION = Schema("urn:x:more:Thing", "More", "", (
    Attribute(name="tag", returned="always"), Attribute(name="hint", returned="request"), Attribute(name="size"),
), "more")
THING = ResourceType("Thing", "/Things", "", Schema("urn:x:Thing", "Thing", "", (
    Attribute(name="key", returned="request"),
    Attribute(name="pin", returned="never"),
    Attribute(name="plan", type="complex", sub_attributes=(
        Attribute(name="kind", returned="always"), Attribute(name="cost"), Attribute(name="note", returned="request"),
        Attribute(name="code", returned="never"),
    )),
    Attribute(name="parts", type="complex", multi_valued=True, sub_attributes=(
        Attribute(name="value"), Attribute(name="note", returned="request"),
    )),
)), (EXTENSION,))
PLAN = {"kind": "a", "cost": "b", "note": "c", "code": "d"}
IT = {
    "schemas": ["urn:x:Thing"], "id": "1", "key": "k", "pin": "p", "plan": PLAN, "parts": [{"value": "v", "note": "n"}],
    EXTENSION.id: {"tag": "t", "hint": "h", "size": "s"},
}
BASE = {"schemas": ["urn:x:Thing"], "id": "1"}
TAG = {EXTENSION.id: {"tag": "t"}}


@pytest.mark.parametrize(
    ("attributes", "excluded", "expected"),
    [
        (None, None, {"plan": {"kind": "a", "cost": "b"}, "parts": [{"value": "v"}], EXTENSION.id: {"tag": "t", "size": "s"}}),
        (["key", "pin"], None, {"key": "k", **TAG}),
        (["plan"], None, {"plan": {"kind": "a", "cost": "b"}, **TAG}),
        (["plan.note", "plan.code"], None, {"plan": {"kind": "a", "note": "c"}, **TAG}),
        (["parts.note"], None, {"parts": [{"note": "n"}], **TAG}),
        ([f"{EXTENSION.id}:hint"], None, {EXTENSION.id: {"tag": "t", "hint": "h"}}),
        ([EXTENSION.id], None, {EXTENSION.id: {"tag": "t", "size": "s"}}),
        (None, ["plan.kind", "plan.cost", "parts", f"{EXTENSION.id}:tag"],
         {"plan": {"kind": "a"}, EXTENSION.id: {"tag": "t", "size": "s"}}),
        (None, ["plan", "parts", EXTENSION.id], TAG),
    ],
)
def test_always_never_and_on_request(
    attributes: list[str] | None, excluded: list[str] | None, expected: dict[str, Any]
) -> None:
    assert Projection.parse(THING, attributes, excluded).apply(IT) == BASE | expected


def test_a_write_shows_what_was_sent_even_if_on_request_only() -> None:
    sent = {"key": "k", "plan": {"note": "c"}, "parts": [{"value": "v"}, {"note": "n"}], EXTENSION.id: {"hint": "h"}}
    requested = requested_by(THING, sent)
    assert requested == {"key", "plan.note", "parts.note", f"{EXTENSION.id}.hint"}
    everything = {
        "key": "k", "plan": {"kind": "a", "cost": "b", "note": "c"}, "parts": IT["parts"], EXTENSION.id: IT[EXTENSION.id]
    }
    assert Projection.parse(THING).apply(IT, requested) == BASE | everything
    without = {key: value for key, value in everything.items() if key not in ("key", "parts")}
    assert Projection.parse(THING, None, ["key", "parts"]).apply(IT, requested) == BASE | without
    assert Projection.parse(THING, ["plan.cost"]).apply(IT, requested) == BASE | TAG | {"plan": {"kind": "a", "cost": "b"}}
    assert requested_by(USER, ANN) == frozenset()


def test_a_patch_shows_of_those_only_what_it_changed() -> None:
    after = IT | {"key": "new", "parts": [{"note": "n"}], EXTENSION.id: {"tag": "t", "hint": "h"}}
    assert requested_by(THING, after, IT) == {"key", "parts.note"}
    assert requested_by(THING, after | {EXTENSION.id: {"hint": "new"}}, after) == {f"{EXTENSION.id}.hint"}
    assert requested_by(THING, IT, IT) == frozenset()
    assert requested_by(THING, after, {}) == requested_by(THING, after)


def test_a_client_cannot_fill_the_memory_with_wishes() -> None:
    name = "x" * 2_000
    assert Projection.parse(USER, [name]) is not Projection.parse(USER, [name])
    assert Projection.parse(USER, ["title"]) is Projection.parse(USER, ["title"])
