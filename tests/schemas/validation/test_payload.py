"""Which payloads are valid, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.errors import BadRequest, InvalidSyntax, InvalidValue
from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.tables.group import GROUP_TYPE, GROUP_URN
from app.schemas.tables.user import ENTERPRISE_URN, USER_TYPE, USER_URN
from app.schemas.validation.fields import MAX_KEY_TEXT, MAX_TEXT, MAX_VALUES
from app.schemas.validation.payload import read_value, validate, with_defaults, with_read_only

SAMPLES = Path(__file__).parents[2] / "samples" / "rfc7643"
RFC, INTEROP, GALLERY = (USER_TYPE.for_profile(name) for name in ("rfc", "interop", "gallery"))
GROUP = GROUP_TYPE.for_profile("rfc")


def thing(*rows: Attribute, extension: Schema | None = None, required: bool = False) -> ResourceType:
    extensions = (extension,) if extension else ()
    needed = frozenset({extension.id}) if extension and required else frozenset()
    return ResourceType("Thing", "/Things", "", Schema("urn:x:Thing", "Thing", "", rows), extensions, needed)


def user(**values: Any) -> dict[str, Any]:
    return {"schemas": [USER_URN], "userName": "ann", **values}


def accepted(payload: dict[str, Any], resource_type: ResourceType = RFC, *, lenient: bool = False) -> dict[str, Any]:
    return validate(resource_type, payload, ignore_unknown=lenient)


def refused(
    kind: type[BadRequest], payload: Any, resource_type: ResourceType = RFC, *, lenient: bool = False
) -> list[str]:
    with pytest.raises(BadRequest) as caught:
        validate(resource_type, payload, ignore_unknown=lenient)
    assert type(caught.value) is kind, caught.value.detail
    return caught.value.detail.split("; ")


# A changed form of a stored resource


def changed(before: dict[str, Any], **values: Any) -> dict[str, Any]:
    payload = {name: value for name, value in (before | values).items() if value is not None}
    return validate(RFC, payload, ignore_unknown=False, before=before)


def test_a_change_of_each_attribute_gives_what_the_whole_payload_gives() -> None:
    full = accepted(json.loads((SAMPLES / "user_enterprise.json").read_text()))
    others = {**full, "title": "Other", "active": False, "emails": [{"value": "new@x.example"}], ENTERPRISE_URN: {"department": "Other"}}
    for name, value in others.items():
        payload = full | {name: value}
        assert validate(RFC, payload, ignore_unknown=False, before=full) == accepted(payload), name
    without = {name: value for name, value in full.items() if name != ENTERPRISE_URN}
    assert validate(RFC, without, ignore_unknown=False, before=full) == accepted(without)
    assert without.keys() < full.keys() and changed(full)["schemas"] == [USER_URN, ENTERPRISE_URN]


def test_a_change_is_not_refused_for_what_it_leaves_as_it_is() -> None:
    before = accepted(user()) | {"title": 5}  # a stored value that its attribute no longer takes
    assert changed(before, displayName="Ann") == {**before, "displayName": "Ann"}
    for wrong in ({"title": 6}, {"displayName": 6}, {"userName": None}, {"userName": " "}):
        with pytest.raises(BadRequest):
            changed(before, **wrong)


def test_what_only_equals_a_stored_value_does_not_take_its_place() -> None:
    before = accepted(user(active=True, emails=[{"value": "a@x.example", "primary": True}]))
    after = changed(before, displayName="Ann", active=1, emails=[{"value": "a@x.example", "primary": 1.0}])
    assert after["active"] is True
    assert after["emails"][0]["primary"] is True


# The RFC's own examples


@pytest.mark.parametrize(
    ("name", "resource_type"),
    [("user_minimal", RFC), ("user_full", RFC), ("user_enterprise", RFC), ("group", GROUP)],
)
def test_the_examples_of_the_rfc_come_out_as_they_went_in(name: str, resource_type: ResourceType) -> None:
    payload = json.loads((SAMPLES / f"{name}.json").read_text())
    expected = {key: value for key, value in payload.items() if key not in ("id", "meta", "groups")}
    if ENTERPRISE_URN in expected:
        expected[ENTERPRISE_URN]["manager"] = {"value": expected[ENTERPRISE_URN]["manager"]["value"]}
    for member in expected.get("members", []):
        del member["$ref"], member["display"]
    assert accepted(payload, resource_type) == expected


# Names and structure


def test_names_are_case_insensitive() -> None:
    payload = {
        "SCHEMAS": [USER_URN.upper(), ENTERPRISE_URN], "USERNAME": "Ann", "Emails": [{"VALUE": "A@b", "Primary": True}],
        ENTERPRISE_URN.lower(): {"Department": "IT", "MANAGER": {"Value": "m"}},
    }
    assert accepted(payload) == {
        "schemas": [USER_URN, ENTERPRISE_URN], "userName": "Ann", "emails": [{"value": "A@b", "primary": True}],
        ENTERPRISE_URN: {"department": "IT", "manager": {"value": "m"}},
    }


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (user(USERNAME="ann"), "userName"),
        (user(username=None), "userName"),
        (user(emails=[{"value": "a", "Value": "b"}]), "emails[0].value"),
        (user(id="1", ID="2"), "id"),
        ({**user(), ENTERPRISE_URN: {}, ENTERPRISE_URN.upper(): {}}, ENTERPRISE_URN),
    ],
)
def test_a_name_twice_is_a_mistake(payload: dict[str, Any], path: str, lenient: bool) -> None:
    assert refused(InvalidSyntax, payload, lenient=lenient) == [f"{path}: is there more than once"]


UNKNOWN = user(
    dispalyName="x", name={"given": "x", "givenName": "Ann"}, emails=[{"value": "a"}, {"value": "b", "label": "x"}],
    **{ENTERPRISE_URN: {"departement": "x", "manager": {"value": "m", "name": "x"}}, "urn:x:y": {"a": 1}, "": 1,
       "_folded": {}, "a.b": 1, "$set": {}, "tenant": "other", "_id": "1"},
)


def test_unknown_names_are_refused_all_at_once() -> None:
    paths = [
        "dispalyName", "urn:x:y", "", "_folded", "a.b", "$set", "tenant", "_id", "name.given", "emails[1].label",
        f"{ENTERPRISE_URN}:departement", f"{ENTERPRISE_URN}:manager.name",
    ]
    assert sorted(refused(InvalidSyntax, UNKNOWN)) == sorted(f"{path}: is not an attribute here" for path in paths)


def test_unknown_names_are_left_out_where_they_are_tolerated() -> None:
    assert accepted(UNKNOWN, lenient=True) == {
        "schemas": [USER_URN, ENTERPRISE_URN], "userName": "ann", "name": {"givenName": "Ann"},
        "emails": [{"value": "a"}, {"value": "b"}], ENTERPRISE_URN: {"manager": {"value": "m"}},
    }


@pytest.mark.parametrize("payload", [[], "x", None, 5])
def test_a_body_is_an_object(payload: Any) -> None:
    assert refused(InvalidSyntax, payload) == ["The body must be a JSON object."]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, f"schemas: is required and must have {USER_URN}"),
        ([], f"schemas: must have {USER_URN}"),
        (USER_URN, "schemas: must be an array of URNs"),
        ([1], "schemas: must be an array of URNs"),
        ([USER_URN, "urn:x"], "schemas[1]: is not a schema of this resource type"),
        ([ENTERPRISE_URN], f"schemas: must have {USER_URN}"),
        ([USER_URN, USER_URN], "schemas: must not have a URN more than once"),
    ],
)
def test_schemas(given: Any, problem: str) -> None:
    payload = {"schemas": given, "userName": "ann"}
    assert refused(InvalidSyntax, payload) == [problem]
    assert accepted(payload, lenient=True) == {"schemas": [USER_URN], "userName": "ann"}


def test_schemas_say_what_there_is() -> None:
    assert accepted(user(schemas=[ENTERPRISE_URN, USER_URN]))["schemas"] == [USER_URN]
    assert accepted({**user(), ENTERPRISE_URN: {"department": "IT"}})["schemas"] == [USER_URN, ENTERPRISE_URN]
    assert accepted({**user(), ENTERPRISE_URN: {"department": None, "manager": {}}}) == user()
    assert accepted({**user(), ENTERPRISE_URN: {"schemas": [ENTERPRISE_URN]}}) == user()


def test_null_and_nothing_are_no_value() -> None:
    payload = user(
        nickName=None, emails=[], roles=[None, {}], name={}, addresses=[{"country": None}, {"country": "US"}],
        phoneNumbers=[{"value": None, "type": None}], externalId=None,
    )
    assert accepted(payload) == user(addresses=[{"country": "US"}])


def test_read_only_values_are_left_out_whatever_they_are() -> None:
    payload = user(id=5, meta="x", groups={"a": 1}, **{ENTERPRISE_URN: {"manager": {"value": "m", "displayName": 5}}})
    assert accepted(payload) == {
        **user(schemas=[USER_URN, ENTERPRISE_URN]), ENTERPRISE_URN: {"manager": {"value": "m"}}
    }


# Values


def test_strings_are_kept_as_they_are() -> None:
    text = "  é e\u0301 \u200b 日本 😀 <b>  "
    payload = user(title=text, nickName="", phoneNumbers=[{"value": " 1-2 ", "type": "carrier-pigeon"}])
    assert accepted(payload) == payload


WRONG = [
    (user(title=4.5), "title: must be a string"),
    (user(title={"$gt": ""}), "title: must be a string"),
    (user(title=True), "title: must be a string"),
    (user(active="yes"), "active: must be true or false"),
    (user(active=1), "active: must be true or false"),
    (user(active="TRUE "), "active: must be true or false"),
    (user(active=[True]), "active: must be true or false"),
    (user(name="Ann"), "name: must be an object"),
    (user(name=[{"givenName": "Ann"}]), "name: must be an object"),
    (user(emails={"value": "a"}), "emails: must be an array"),
    (user(emails="a"), "emails: must be an array"),
    (user(emails=["a"]), "emails[0]: must be an object"),
    (user(emails=[{"value": "a"}, {"value": 1.5}]), "emails[1].value: must be a string"),
    (user(emails=[[{"value": "a"}]]), "emails[0]: must be an object"),
    (user(title="a\x00b"), "title: must not have NUL or half of a surrogate pair in it"),
    (user(title="a\ud800b"), "title: must not have NUL or half of a surrogate pair in it"),
    (user(userName="x" * (MAX_KEY_TEXT + 1)), f"userName: must have at most {MAX_KEY_TEXT} characters"),
    (user(title="x" * (MAX_TEXT + 1)), f"title: must have at most {MAX_TEXT} characters"),
    (user(emails=[{"value": str(i)} for i in range(MAX_VALUES + 1)]), f"emails: must have at most {MAX_VALUES} values"),
    (user(x509Certificates=[{"value": "###"}]), "x509Certificates[0].value: must be base64"),
    (user(x509Certificates=[{"value": "a"}]), "x509Certificates[0].value: must be base64"),
    (user(x509Certificates=[{"value": "ab=c"}]), "x509Certificates[0].value: must be base64"),
    (user(password=""), "password: must not be blank"),
    (
        user(emails=[{"value": "a", "primary": True}, {"value": "b", "primary": "True"}]),
        "emails: must have at most one value with primary true",
    ),
    ({**user(), ENTERPRISE_URN: "x"}, f"{ENTERPRISE_URN}: must be an object"),
    ({**user(), ENTERPRISE_URN: {"manager": "m"}}, f"{ENTERPRISE_URN}:manager: must be an object"),
    ({**user(), ENTERPRISE_URN: {"manager": {"value": 1.5}}}, f"{ENTERPRISE_URN}:manager.value: must be a string"),
    ({**user(), ENTERPRISE_URN: {"department": 1.5}}, f"{ENTERPRISE_URN}:department: must be a string"),
]


@pytest.mark.parametrize("lenient", [True, False])
@pytest.mark.parametrize(("payload", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_a_wrong_value_is_named(payload: dict[str, Any], problem: str, lenient: bool) -> None:
    assert refused(InvalidValue, payload, lenient=lenient) == [problem]


def test_all_faults_are_named_at_once_and_no_value_is_repeated() -> None:
    payload = {
        "schemas": [USER_URN], "title": 4.5, "password": ["s3cret"], "name": {"givenName": True, "familyName": {"s3cret": 1}},
        "emails": [{"value": "fine"}, {"value": 1e3, "primary": "s3cret"}], ENTERPRISE_URN: {"manager": {"value": True}},
    }
    problems = refused(InvalidValue, payload, GALLERY, lenient=True)
    assert sorted(problem.partition(":")[0] for problem in problems if not problem.startswith("urn")) == [
        "displayName", "emails[1].primary", "emails[1].value", "name.familyName", "name.formatted", "name.givenName",
        "password", "title", "userName",
    ]
    assert [problem for problem in problems if problem.endswith("is required")] == [
        "userName: is required", "name.formatted: is required", "displayName: is required"
    ]
    assert "s3cret" not in str(problems)


def test_a_thousand_faults_make_no_endless_detail() -> None:
    members = [{"value": 1}] * 1_000
    problems = refused(InvalidValue, {"schemas": [GROUP_URN], "displayName": "g", "members": members}, GROUP)
    assert problems[-1] == "and 980 more" and len(problems) == 21
    assert len(refused(InvalidSyntax, user(**{"x" * 100_000: 1}))[0]) < 300


@pytest.mark.parametrize(
    ("given", "kept"), [(True, True), ("True", True), ("true", True), (False, False), ("False", False), ("false", False)]
)
def test_booleans_are_taken_as_text_too(given: Any, kept: bool) -> None:
    assert accepted(user(active=given, roles=[{"value": "r", "primary": given}])) == user(
        active=kept, roles=[{"value": "r", "primary": kept}]
    )


def one(row_type: str, value: Any, *, lenient: bool = False) -> Any:
    return read_value(Attribute(name="a", type=row_type), value, path="a", ignore_unknown=lenient)


@pytest.mark.parametrize("value", [0, 5, -1, 2**63 - 1, -(2**63)])
def test_integers(value: int) -> None:
    assert one("integer", value) == one("decimal", value) == value


class Stored(int):
    """An integer as PyMongo reads one of 64 bits: of a class of its own, which a `range` looks for one by one."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("it is compared with each integer")

    __hash__ = int.__hash__


@pytest.mark.parametrize("kind", ["integer", "decimal"])
def test_a_stored_integer_of_64_bits_costs_no_more_than_another(kind: str) -> None:
    assert str(one(kind, Stored(2**40))) == str(2**40)
    with pytest.raises(InvalidValue, match="64 bits"):
        one(kind, Stored(2**63))


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("integer", "12", 12), ("integer", "-7", -7), ("integer", "0", 0), ("decimal", "12", 12), ("decimal", "1.50", 1.5),
        ("decimal", "1e3", 1000.0), ("string", 42, "42"), ("string", -1, "-1"), ("string", 0, "0"), ("reference", 42, "42"),
        ("string", 10**30, "1" + "0" * 30),
    ],
)
def test_n_28_tolerant_profiles_read_numbers_as_text_and_text_as_numbers(kind: str, given: Any, kept: Any) -> None:
    read = one(kind, given, lenient=True)
    assert (read, type(read)) == (kept, type(kept))
    with pytest.raises(InvalidValue, match="^a: must be "):
        one(kind, given)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        # more than one spelling, or no number at all
        ("string", 4.0), ("string", 1e3), ("string", True), ("string", False), ("string", [1]), ("string", {"a": 1}),
        ("integer", "12.0"), ("integer", "1e3"), ("integer", "007"), ("integer", "+1"), ("integer", " 1"), ("integer", ""),
        ("integer", "x"), ("integer", str(2**63)), ("integer", "1" * 5_000), ("integer", "１"), ("integer", "true"), ("integer", True),
        ("decimal", "1,5"), ("decimal", ".5"), ("decimal", "NaN"), ("decimal", "Infinity"), ("decimal", "1e999"), ("decimal", "0x1"),
        ("boolean", 1), ("boolean", "1"), ("dateTime", 5), ("binary", 5),
    ],
)
def test_n_28_what_has_no_one_spelling_is_refused(kind: str, given: Any) -> None:
    for lenient in (False, True):
        with pytest.raises(InvalidValue, match="^a: must be "):
            one(kind, given, lenient=lenient)


@pytest.mark.parametrize("value", [1.0, 1e2, True, "1", 2**63, -(2**63) - 1, 10**400, [], {"a": 1}])
def test_no_integers(value: Any) -> None:
    with pytest.raises(InvalidValue, match="^a: must be an integer"):
        one("integer", value)


@pytest.mark.parametrize("value", [1.5, -0.1, 3, 1e300])
def test_decimals(value: float) -> None:
    assert one("decimal", value) == value


@pytest.mark.parametrize("value", [True, "1.5", float("nan"), float("inf"), 2**63])
def test_no_decimals(value: Any) -> None:
    with pytest.raises(InvalidValue, match="^a: must be a number"):
        one("decimal", value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2011-05-13T04:42:34Z", "2011-05-13T04:42:34.000Z"),
        ("2015-10-10T14:38:21.8617979-07:00", "2015-10-10T21:38:21.861Z"),
        ("2011-05-13T04:42:34", "2011-05-13T04:42:34.000Z"),
        ("2011-05-13T04:42:34.1+05:30", "2011-05-12T23:12:34.100Z"),
        ("2011-12-31T24:00:00Z", "2012-01-01T00:00:00.000Z"),
        ("2011-12-31T24:00:00.000", "2012-01-01T00:00:00.000Z"),
        ("2011-05-13T04:42:34+14:00", "2011-05-12T14:42:34.000Z"),
        ("2011-05-13T04:42:34-13:59", "2011-05-13T18:41:34.000Z"),
        ("0001-01-03T00:00:00.0000000Z", "0001-01-03T00:00:00.000Z"),
    ],
)
def test_moments_are_kept_in_utc_to_the_millisecond(given: str, kept: str) -> None:
    assert one("dateTime", given) == kept
    assert one("dateTime", kept) == kept


@pytest.mark.parametrize(
    "value",
    ["2008-01-23", "10:00Z", "2008-13-01T00:00:00Z", "2008-01-32T00:00:00Z", "2008-01-01T25:00:00Z", "now", "",
     "2008-01-01 00:00:00Z", "2008-01-01T00:00:00+24:00", "0001-01-01T00:00:00+05:00", "9999-12-31T24:00:00Z",
     "2008-01-01T24:00:01Z", "2008-01-01T24:00:00.0000001Z", "2008-02-30T00:00:00Z", "2016-12-31T23:59:60Z",
     "2008-01-01T00:00:00+05:99", "2008-01-01T00:00:00+25:00", "2008-01-01T00:00:00+14:01", "2008-01-01T00:00:00-15:00",
     "2008-01-01T00:00:00+0500", "08-01-01T00:00:00Z", "2008-01-01t00:00:00Z", "2008-01-01T00:00:00z", "２008-01-01T00:00:00Z", 5, True],
)
def test_fa_35_no_moments(value: Any) -> None:
    with pytest.raises(InvalidValue, match="^a: must be "):
        one("dateTime", value)


@pytest.mark.parametrize("value", ["aGk=", "aGk", "a-_k", "a+/k", "", "QUJDRA=="])
def test_base64(value: str) -> None:
    assert one("binary", value) == value


@pytest.mark.parametrize("value", ["https://example.com/a?b#c", "../Users/x", "B", "urn:a:b", "https://exämple.com/"])
def test_uris(value: str) -> None:
    assert one("reference", value) == value


@pytest.mark.parametrize("value", ["not a uri", "http://x/<y>", "a\nb", "{x}"])
def test_no_uris_but_entra_sends_any_word(value: str) -> None:
    with pytest.raises(InvalidValue, match="^a: must be a URI$"):
        one("reference", value)
    assert one("reference", value, lenient=True) == value


def test_the_same_value_of_the_same_type_is_kept_once() -> None:
    emails = [
        {"value": "a", "type": "work"}, {"value": "a", "type": "home"}, {"value": "a", "type": "work", "primary": True},
        {"value": "b", "type": "work"},
    ]
    assert accepted(user(emails=emails))["emails"] == [
        {"value": "a", "type": "work", "primary": True}, {"value": "a", "type": "home"}, {"value": "b", "type": "work"}
    ]
    addresses = [{"country": "US"}, {"country": "US"}]
    assert accepted(user(addresses=addresses))["addresses"] == addresses  # they have no value to compare


# Required values


@pytest.mark.parametrize("name", [None, "", "  ", "\t"])
def test_a_user_has_a_name(name: str | None) -> None:
    for resource_type in (RFC, INTEROP):
        problem = "is required" if name is None else "must not be blank"
        assert refused(InvalidValue, user(userName=name), resource_type) == [f"userName: {problem}"]
    assert refused(InvalidValue, {"schemas": [GROUP_URN]}, GROUP) == ["displayName: is required"]


def test_the_gallery_requires_what_the_articles_table_says() -> None:
    problems = refused(InvalidValue, {}, GALLERY, lenient=True)
    assert sorted(problems) == [
        f"{path}: is required" for path in ("displayName", "name.familyName", "name.formatted", "name.givenName", "userName")
    ]
    name = {"givenName": "A", "familyName": "B", "formatted": " "}
    assert refused(InvalidValue, user(displayName="x", name=name), GALLERY) == ["name.formatted: must not be blank"]
    name["formatted"] = "A B"
    assert with_defaults(GALLERY, accepted(user(displayName="x", name=name), GALLERY))["active"] is True


def test_defaults_are_for_what_is_not_there() -> None:
    assert with_defaults(RFC, {"userName": "ann"}) == {"userName": "ann", "active": True}
    assert with_defaults(RFC, {"active": False}) == {"active": False}
    assert with_defaults(GROUP, {"displayName": "g"}) == {"displayName": "g"}


def test_required_parts_of_values_and_extensions() -> None:
    part = Attribute(name="kind", required=True)
    rows = (
        Attribute(name="one", type="complex", sub_attributes=(part, Attribute(name="note"))),
        Attribute(name="many", type="complex", multi_valued=True, sub_attributes=(part, Attribute(name="note"))),
        Attribute(name="made", required=True, mutability="readOnly"),
    )
    more = Schema("urn:x:more:Thing", "More", "", (Attribute(name="size", type="integer", required=True),), "more")
    optional, needed = thing(*rows, extension=more), thing(*rows, extension=more, required=True)
    empty = {"schemas": ["urn:x:Thing"]}
    assert accepted(empty, optional) == empty
    assert refused(InvalidValue, empty, needed) == ["urn:x:more:Thing:size: is required"]
    assert accepted({**empty, "urn:x:more:Thing": {"size": 0}}, needed)["schemas"] == ["urn:x:Thing", "urn:x:more:Thing"]
    payload = {**empty, "one": {"note": "x"}, "many": [{"kind": "a"}, {"note": "x"}]}
    assert refused(InvalidValue, payload, optional) == ["one.kind: is required", "many[1].kind: is required"]
    bare = Schema("urn:x:bare:Thing", "Bare", "", (Attribute(name="size"),), "bare")
    assert refused(InvalidValue, empty, thing(extension=bare, required=True)) == ["urn:x:bare:Thing: is required"]


# References to other resources


@pytest.mark.parametrize(
    ("member", "kept"),
    [
        ({"value": "1"}, {"value": "1"}),
        ({"value": "1", "type": "User", "display": "Ann", "$ref": None}, {"value": "1", "type": "User"}),
        ({"$ref": "https://x/demo/scim/v2/Users/1"}, {"value": "1"}),
        ({"$ref": "../Users/a%20b"}, {"value": "a b"}),
        ({"$ref": "Users/1"}, {"value": "1"}),
        ({"$ref": "/v2/Groups/1/", "value": "1"}, {"value": "1"}),
        ({"VALUE": "bulkId:q"}, {"value": "bulkId:q"}),
    ],
)
def test_members_keep_id_and_type(member: dict[str, Any], kept: dict[str, Any]) -> None:
    payload = {"schemas": [GROUP_URN], "displayName": "g", "members": [member]}
    assert accepted(payload, GROUP)["members"] == [kept]


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        ({"type": "User"}, "members[0].value: is required"),
        ({"value": "  "}, "members[0].value: is required"),
        ({"display": "Ann"}, "members[0].value: is required"),
        ({"$ref": "https://x/"}, "members[0].$ref: must be the URI of a resource"),
        ({"$ref": "https://[x/y"}, "members[0].$ref: must be the URI of a resource"),
        ({"$ref": "../Users/1", "value": "2"}, "members[0].$ref: must name the same resource as value"),
        ("1", "members[0]: must be an object"),
        ({"value": ["1"]}, "members[0].value: must be a string"),
    ],
)
def test_bad_members(member: Any, problem: str) -> None:
    payload = {"schemas": [GROUP_URN], "displayName": "g", "members": [member]}
    assert refused(InvalidValue, payload, GROUP) == [problem]


def test_members_are_many_and_each_once() -> None:
    members = [{"value": str(i % 5_000)} for i in range(10_000)]
    payload = {"schemas": [GROUP_URN], "displayName": "g", "members": members}
    assert accepted(payload, GROUP)["members"] == members[:5_000]
    assert "members" not in accepted(payload | {"members": [{}, None, {"value": None}]}, GROUP)


def test_a_manager_is_kept_by_id() -> None:
    manager = {"$ref": "../Users/m", "displayName": "Boss"}
    assert accepted({**user(), ENTERPRISE_URN: {"manager": manager}})[ENTERPRISE_URN] == {"manager": {"value": "m"}}


# Parts, for PATCH


def test_reading_one_attribute_or_one_value_of_it() -> None:
    emails, name = RFC.schema.by_name["emails"], GALLERY.schema.by_name["name"]
    assert read_value(emails, [{"Value": "a"}], path="emails", ignore_unknown=False) == [{"value": "a"}]
    assert read_value(emails, {"Value": "a"}, path="emails", ignore_unknown=False, element=True) == {"value": "a"}
    assert read_value(name, {"givenName": "A"}, path="name", ignore_unknown=True) == {"givenName": "A"}
    for nothing in (None, [], [{}]):
        assert read_value(emails, nothing, path="emails", ignore_unknown=False) is None
    with pytest.raises(InvalidValue, match=r"^x\[1\]\.value: must be a string$"):
        read_value(emails, [{}, {"value": 1}], path="x", ignore_unknown=False)
    with pytest.raises(InvalidSyntax, match=r"^x\.a: is not an attribute here$"):
        read_value(emails, {"a": 1}, path="x", ignore_unknown=False, element=True)
    row = USER_TYPE.extensions[0].by_name["manager"]
    with pytest.raises(InvalidValue, match=r":manager\.value: must be a string$"):
        read_value(row, {"value": 1}, path=f"{ENTERPRISE_URN}:manager", ignore_unknown=False)


def test_a_patch_keeps_what_only_the_server_writes() -> None:
    made = Attribute(name="made", mutability="readOnly")
    rows = (
        made, Attribute(name="note"), Attribute(name="flag", type="boolean", mutability="readOnly"),
        Attribute(name="plan", type="complex", sub_attributes=(made, Attribute(name="kind"))),
        Attribute(name="parts", type="complex", multi_valued=True, sub_attributes=(made, Attribute(name="value"))),
    )
    it = thing(*rows, extension=Schema("urn:x:more:Thing", "More", "", (made, Attribute(name="size")), "more"))
    before = {
        "schemas": ["urn:x:Thing", "urn:x:more:Thing"], "id": "1", "meta": {"version": "x"}, "made": "m", "note": "n",
        "flag": False, "plan": {"made": "m", "kind": "k"}, "urn:x:more:Thing": {"made": "m", "size": "s"},
    }
    after = validate(it, {**before, "note": None, "plan": {"kind": "new"}, "urn:x:more:Thing": None}, ignore_unknown=False)
    kept = with_read_only(it, after, before)
    assert kept.pop("plan") == {"kind": "new", "made": "m"}
    assert kept == {
        "schemas": before["schemas"], "id": "1", "meta": {"version": "x"}, "made": "m", "flag": False,
        "urn:x:more:Thing": {"made": "m"},
    }
    assert with_read_only(RFC, user(), user(id="1", meta={"a": 1}, groups=[])) == user(id="1", meta={"a": 1})


@pytest.mark.parametrize("name", ["Meta", "fields", "load", "opts", "unknown", "_hooks", "class", "__init__"])
def test_an_attribute_may_have_any_name(name: str) -> None:
    """A name that Marshmallow's schemas have themselves means nothing there."""
    rows = (Attribute(name=name, type="complex", sub_attributes=(Attribute(name=name),)),)
    it = thing(*() if name == "Meta" else rows, extension=Schema("urn:x:more:Thing", "More", "", rows, "more"))
    values = {name: {name: "x"}}
    payload = {"schemas": ["urn:x:Thing", "urn:x:more:Thing"], **({} if name == "Meta" else values), "urn:x:more:Thing": values}
    assert validate(it, payload, ignore_unknown=False) == payload
