"""PA-11 to PA-29: paths, `primary`, mutability, schemas, values."""

import pytest

from app.errors import ScimError
from app.protocol.patch.apply import apply_patch
from app.protocol.patch.message import read_patch
from app.protocol.profile import PROFILES
from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.tables.user import USER_TYPE
from tests.protocol.patch.patching import (
    CORE,
    ENT,
    GROUP,
    PLAIN,
    USER,
    body,
    both,
    changes,
    op,
    patch,
    refusal,
    run,
    tolerant,
)
from tests.protocol.patch.things import BADGE_URN, BADGED_TYPE, EXTRA_URN, THING_TYPE, THING_URN

SIZED = Schema(
    id="urn:example:schemas:2.0:Sized", name="Sized", description="", attributes=(Attribute(name="sizes", type="integer", multi_valued=True),)
)
SIZED_TYPE = ResourceType(name="Sized", endpoint="/Sized", description="", schema=SIZED, extensions=())
THING = {"schemas": [THING_URN], "label": "L", "tags": ["a", "B"], "serial": "S", "keys": [{"value": "K", "note": "n"}]}


def thing(resource, *operations):
    return run(body(*operations), resource, "rfc", THING_TYPE)[0]


def thing_refusal(resource, *operations):
    with pytest.raises(ScimError) as caught:
        thing(resource, *operations)
    return caught.value.scim_type


# Paths


@both
@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("title", "x", lambda user: user["title"]),
        ("name.givenName", "x", lambda user: user["name"]["givenName"]),
        ('emails[type eq "work"]', {"display": "x"}, lambda user: user["emails"][0]["display"]),
        ('emails[type eq "work"].display', "x", lambda user: user["emails"][0]["display"]),
        (f"{CORE}:title", "x", lambda user: user["title"]),
        (f"{CORE}:name.givenName", "x", lambda user: user["name"]["givenName"]),
        (f'{CORE}:emails[type eq "work"].display', "x", lambda user: user["emails"][0]["display"]),
        (f"{ENT}:division", "x", lambda user: user[ENT]["division"]),
        (f"{ENT}:manager.value", "x", lambda user: user[ENT]["manager"]["value"]),
    ],
)
def test_pa_11_every_form_of_a_path(profile, path, value, read):
    for kind in ("add", "replace"):
        assert read(patch(USER, op(kind, path, value), profile=profile)) == "x"


@both
def test_pa_11_every_form_of_a_path_removes(profile):
    paths = ["title", "name.formatted", 'emails[type eq "work"]', 'phoneNumbers[type eq "mobile"].type', f"{ENT}:manager.value"]
    if profile == "gallery":
        paths.remove("name.formatted")  # required there
    result = patch(USER, *(op("remove", path) for path in paths), profile=profile)
    assert "title" not in result and "manager" not in result[ENT]
    assert result["emails"] == [USER["emails"][1]]
    assert result["phoneNumbers"][1] == {"value": "555-555-4444"}


@both
@pytest.mark.parametrize(
    "path", ["NAME.GIVENNAME", "urn:ietf:params:scim:schemas:CORE:2.0:user:NAME.givenname", "Name.givenName"]
)
def test_pa_12_paths_ignore_case(profile, path):
    result = patch(USER, op("replace", path, "x"), profile=profile)
    assert result["name"] == USER["name"] | {"givenName": "x"}
    result = patch(USER, op("replace", 'EMAILS[TYPE EQ "WORK"].VALUE', "x@y"), profile=profile)
    assert result["emails"][0]["value"] == "x@y"
    assert patch(USER, op("remove", ENT.upper() + ":Department"), profile=profile)[ENT].keys() == {"employeeNumber", "manager"}


@both
def test_pa_13_a_urn_is_known_not_cut(profile):
    assert refusal(USER, op("replace", f"{ENT}:manager.displayName", "x"), profile=profile) == "mutability"
    # One schema's URN is a prefix of another's.
    assert thing(THING, op("add", f"{EXTRA_URN}:colour", "red"))[EXTRA_URN] == {"colour": "red"}


@both
def test_pa_14_a_bare_extension_urn_is_the_whole_extension(profile):
    for kind in ("add", "replace"):
        result = patch(USER, op(kind, ENT, {"Division": "D", "manager": {"value": "9"}}), profile=profile)
        assert result[ENT] == USER[ENT] | {"division": "D", "manager": {"value": "9"}}
    removed = patch(USER, op("remove", ENT), profile=profile)
    assert ENT not in removed and removed["schemas"] == [CORE]
    assert patch(USER, op("replace", ENT, None), profile=profile) == removed
    assert patch(PLAIN, op("remove", ENT), profile=profile) == PLAIN
    assert refusal(USER, op("add", ENT, "x"), profile=profile) == "invalidValue"
    assert patch(PLAIN, op("add", ENT, {"department": "D"}), profile=profile)["schemas"] == [CORE, ENT]


@both
def test_pa_14_a_bare_urn_of_the_type_is_the_resource(profile):
    assert patch(USER, op("add", CORE, {"title": "x", "name": {"givenName": "y"}}), profile=profile)["title"] == "x"
    assert refusal(USER, op("remove", CORE), profile=profile) == "mutability"


@tolerant
def test_pa_15_the_legacy_dot_is_taken(profile):
    result = patch(PLAIN, op("Add", f"{ENT}.manager", "SuzzyQ"), profile=profile)
    assert result[ENT] == {"manager": {"value": "SuzzyQ"}}
    assert patch(USER, op("Replace", f"{ENT}.department", "D"), profile=profile)[ENT]["department"] == "D"


def test_pa_15_the_legacy_dot_is_no_path_of_the_rfc():
    assert refusal(USER, op("add", f"{ENT}.manager", {"value": "x"})) == "invalidPath"


@both
@pytest.mark.parametrize(
    "path",
    ["", " ", "emails[", "emails]", 'emails[type eq "work"', 'emails[type eq "work"]]', 'emails[type eq "work"].',
     'emails[type eq "work"]value', "name.", ".name", "name..givenName", "a b", "title;", "emails[type eq \"a\"].value.x"],
)
@pytest.mark.parametrize("kind", ["add", "replace", "remove"])
def test_pa_16_malformed_paths(profile, path, kind):
    value = [] if kind == "remove" else ["x"]
    assert refusal(USER, op(kind, path, *value), profile=profile) == "invalidPath"


UNKNOWN = ["foo", "userName.x", "name.nickName", "urn:example:2.0:User:title", f"{ENT}:foo", f"{ENT}:manager.foo", 'emails[type eq "work"].foo', "employeeNumber"]


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("kind", ["add", "replace", "remove"])
def test_pa_16_unknown_attributes(path, kind):
    value = [] if kind == "remove" else ["x"]
    assert refusal(USER, op(kind, path, *value)) == "invalidPath"


@tolerant
@pytest.mark.parametrize("path", [path for path in UNKNOWN if path != "employeeNumber"])
@pytest.mark.parametrize("kind", ["add", "replace", "remove"])
def test_pa_16_unknown_attributes_never_stop_a_sync_of_tolerant_profiles(profile, path, kind):
    value = [] if kind == "remove" else ["x"]
    assert patch(USER, op(kind, path, *value), op("replace", "title", "x"), profile=profile) == USER | {"title": "x"}


@both
@pytest.mark.parametrize(
    "path",
    ['emails[type zz "a"]', "emails[]", "emails[type eq]", "emails[type]", 'emails[(type eq "a"]'],
)
@pytest.mark.parametrize("resource", [USER, PLAIN])
def test_pa_16_malformed_filters_in_paths(profile, path, resource):
    assert refusal(resource, op("remove", path), profile=profile) == "invalidFilter"
    assert refusal(resource, op("replace", path, {"display": "x"}), profile=profile) == "invalidFilter"


MISFITS = [
    *((path, "invalidFilter") for path in (
        'emails[bogus eq "a"]', "emails[primary eq 5]", 'emails[type eq "work" and bogus pr].value', "emails[primary gt true]",
        'addresses[value eq "x"]', 'addresses[value eq "x"].country', 'emails[emails.value eq "x"]', 'emails[primary eq "maybe"].value',
    )),
    *((path, "invalidPath") for path in (
        'displayName[type eq "work"]', 'externalId[value eq "1"]', 'name[givenName eq "x"]', 'name[type eq "x"].givenName',
        'title[value eq "x"]', 'active[value eq "True"]', f'{ENT}:manager[value eq "x"]', f'{ENT}:department[type eq "x"]',
        f'{ENT}[department eq "x"]', "displayName.value", 'displayName[type eq "work"].value', "active.value", "emails.bogus", "bogus",
    )),
]  # fmt: skip


@pytest.mark.parametrize(("path", "kind"), MISFITS)
@pytest.mark.parametrize("resource", [USER, PLAIN])
def test_pa_16_the_strict_profile_refuses_paths_that_make_no_sense(path, kind, resource):
    assert refusal(resource, op("remove", path)) == kind
    assert refusal(resource, op("replace", path, "x")) == kind


@tolerant
@pytest.mark.parametrize("path", [path for path, _ in MISFITS])
def test_n_30_tolerant_profiles_skip_what_makes_no_sense_and_do_the_rest(profile, path):
    off = op("Replace", "active", "False")
    for step in ("add", "x"), ("replace", {"value": "x"}), ("remove",), ("replace", ""):
        nonsense = {"op": step[0], "path": path} | ({"value": step[1]} if len(step) > 1 else {})
        for operations in ([off, nonsense], [nonsense, off], [nonsense, off, nonsense]):
            assert patch(USER, *operations, profile=profile) == USER | {"active": False}
        assert patch(USER, nonsense, profile=profile) == USER


@tolerant
def test_n_30_what_was_skipped_is_told_with_its_number(profile):
    operations = read_patch(body(op("replace", "title", "x"), op("add", 'displayName[type eq "a"]', "x"), op("add", "bogus", "x")), PROFILES[profile])
    skipped = apply_patch(USER, operations, USER_TYPE, PROFILES[profile]).skipped
    assert skipped == (
        "Operation 2: displayName has one value only; a filter selects among several.",
        "Operation 3: path bogus: User has no such attribute.",
    )
    assert apply_patch(USER, operations[:1], USER_TYPE, PROFILES[profile]).skipped == ()


@both
@pytest.mark.parametrize("path", ['members[bogus eq "x"]', 'members[value zz "x"]', "members[value]"])
def test_pa_16_bad_filters_on_members(profile, path):
    assert refusal(GROUP, op("remove", path), profile=profile) == "invalidFilter"


def test_pa_17_values_of_simple_attributes_are_selected_by_value():
    assert thing(THING, op("remove", 'tags[value eq "b"]'))["tags"] == ["a"]
    assert thing(THING, op("replace", 'tags[value sw "a"]', "c"))["tags"] == ["c", "B"]
    assert thing_refusal(THING, op("replace", 'tags[value eq "z"]', "c")) == "noTarget"


@both
@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("primary eq true", "home"),
        ("primary eq false", "work"),
        ('type eq "work" or (type eq "x" and primary pr)', "home"),
        ('not (type eq "work")', "work"),
        ('type eq "home" and value ew "jensen.org"', "work"),
        ('value co "example"', "home"),
        ("not (display pr) and primary pr", "home"),
    ],
)
def test_pa_18_any_filter(profile, where, left):
    assert [e["type"] for e in patch(USER, op("remove", f"emails[{where}]"), profile=profile)["emails"]] == [left]


@both
def test_pa_19_the_blank_that_the_rfc_forgets(profile):
    (change,) = changes(op("remove", 'members[value eq"2819c223"]'), profile=profile)
    assert (change.kind, change.members, change.where) == ("remove", ("2819c223",), None)


@tolerant
def test_n_27_a_filter_may_have_a_number_without_quotes_for_text(profile):
    coded = USER | {"emails": [{"value": "7", "type": "work"}, {"value": "7.0", "type": "home"}, {"value": "null", "type": "true"}]}
    for where, left in (("value eq 7", [1, 2]), ("value eq 7.0", [0, 2]), ("value eq null", [0, 1]), ("type eq true", [0, 1])):
        assert patch(coded, op("remove", f"emails[{where}]"), profile=profile)["emails"] == [coded["emails"][n] for n in left]
    made = patch(PLAIN, op("replace", "phoneNumbers[type eq 7].value", "555"), profile=profile)
    assert made["phoneNumbers"] == [{"type": "7", "value": "555"}]
    assert {type(value) for value in made["phoneNumbers"][0].values()} == {str}
    (change,) = changes(op("remove", "members[value eq 7]"), profile=profile)
    assert (change.kind, change.members, change.where) == ("remove", ("7",), None)


def test_n_27_the_strict_profile_compares_text_with_text_only():
    for where in ("value eq 7", "value eq true", "type eq work"):
        assert refusal(USER, op("remove", f"emails[{where}]"), profile="rfc") == "invalidFilter"


@tolerant
def test_d_706_a_number_in_quotes_selects_by_a_number(profile):
    made = run(body(op("add", "size", "5"), op("remove", 'tags[value eq "5"]')), THING | {"tags": ["5", "a"]}, profile, THING_TYPE)[0]
    assert (made["size"], made["tags"]) == (5, ["a"])
    numbered = run(body(op("remove", 'sizes[value eq "5"]')), {"schemas": [SIZED.id], "sizes": [5, 7]}, profile, SIZED_TYPE)[0]
    assert numbered["sizes"] == [7]


def test_d_706_the_strict_profile_compares_numbers_with_numbers_only():
    with pytest.raises(ScimError) as caught:
        run(body(op("remove", 'sizes[value eq "5"]')), {"schemas": [SIZED.id], "sizes": [5, 7]}, "rfc", SIZED_TYPE)
    assert caught.value.scim_type == "invalidFilter"


@pytest.mark.parametrize("profile", ["rfc", "interop", "gallery"])
@pytest.mark.parametrize("path", ["emails.type[value eq \"babs@x\"]", "emails.display[type eq \"work\"]", "name.givenName[value eq \"x\"]"])
def test_fa_36_brackets_after_a_sub_attribute_are_no_path_with_or_without_a_urn(profile, path):
    for written in (path, f"{CORE}:{path}"):
        for kind in ("remove", "replace"):
            assert refusal(USER, op(kind, written, "x"), profile=profile) == "invalidPath"


# Across operations


@both
def test_pa_20_primary_is_handed_over_at_once(profile):
    result = patch(
        USER,
        op("add", "emails", [{"value": "new@example.com", "type": "other", "primary": True}]),
        op("replace", "emails[primary eq true].value", "newest@example.com"),
        profile=profile,
    )
    assert result["emails"] == [
        {"value": "bjensen@example.com", "type": "work", "primary": False},
        {"value": "babs@jensen.org", "type": "home"},
        {"value": "newest@example.com", "type": "other", "primary": True},
    ]


@both
@pytest.mark.parametrize(
    "operation",
    [
        op("replace", 'emails[type eq "home"].primary', True),
        op("add", 'emails[type eq "home"]', {"primary": True}),
        op("add", "emails", {"value": "babs@jensen.org", "type": "home", "primary": True}),
        op("replace", 'emails[type eq "home"].primary', "True"),
    ],
)
def test_pa_20_primary_is_handed_over_by_every_way_to_set_it(profile, operation):
    emails = patch(USER, operation, profile=profile)["emails"]
    assert [email["primary"] for email in emails] == [False, True]


@both
def test_pa_20_taking_primary_away_gives_it_to_nobody(profile):
    emails = patch(USER, op("replace", 'emails[type eq "work"].primary', False), profile=profile)["emails"]
    assert [email.get("primary") for email in emails] == [False, None]


TWO = [{"value": "a@x", "primary": True}, {"value": "b@x", "primary": True}]


@pytest.mark.parametrize("kind", ["add", "replace"])
def test_pa_21_two_primaries_in_one_operation(kind):
    assert refusal(USER, op(kind, "emails", TWO)) == "invalidValue"
    assert refusal(USER, op(kind, None, {"emails": TWO})) == "invalidValue"
    assert refusal(USER, op(kind, "emails.primary", True)) == "invalidValue"
    assert refusal(USER, op(kind, "emails[type pr].primary", True)) == "invalidValue"


@tolerant
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_pa_21_the_last_of_two_primaries_wins_for_tolerant_profiles(profile, kind):
    for operation in (op(kind, "emails", TWO), op(kind, None, {"emails": TWO})):
        emails = patch(USER, operation, profile=profile)["emails"]
        assert [e["value"] for e in emails if e.get("primary")] == ["b@x"]
    emails = patch(USER, op(kind, "emails[type pr].primary", True), profile=profile)["emails"]
    assert [email["primary"] for email in emails] == [False, True]


@both
@pytest.mark.parametrize("kind", ["add", "replace", "remove"])
@pytest.mark.parametrize(
    "path", ["id", "meta", "meta.version", "groups", "groups.value", 'groups[value eq "x"]', f"{ENT}:manager.displayName"]
)
def test_pa_22_read_only_paths(profile, kind, path):
    value = [] if kind == "remove" else [USER["id"] if path == "id" else "x"]
    assert refusal(USER, op(kind, path, *value), profile=profile) == "mutability"


@both
@pytest.mark.parametrize("kind", ["add", "replace"])
@pytest.mark.parametrize(
    "value", [{"id": "x"}, {"ID": USER["id"].upper()}, {f"{ENT}:manager.displayName": "x"}]
)
def test_pa_22_read_only_values_without_a_path(profile, kind, value):
    assert refusal(USER, op(kind, None, {"title": "x", **value}), profile=profile) == "mutability"


@both
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_pa_22_read_only_values_that_would_not_change_are_passed_over(profile, kind):
    sent = {"id": USER["id"], "meta": {"version": "other"}, "groups": [], "schemas": USER["schemas"], "title": "x"}
    assert patch(USER, op(kind, None, sent), profile=profile) == USER | {"title": "x"}


@both
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_pa_22_groups_without_a_path_are_passed_over(profile, kind):
    """They change independently of the user, so a client may have read others (RFC 7644 section 3.5.1)."""
    groups = [{"value": "1", "$ref": "https://x/Groups/1", "display": "G", "type": "direct"}]
    assert patch(USER, op(kind, None, {"groups": groups, "title": "x"}), profile=profile) == USER | {"title": "x"}


@both
def test_pa_22_read_only_parts_of_a_value_are_passed_over(profile):
    result = patch(USER, op("replace", f"{ENT}:manager", {"value": "9", "displayName": "Boss"}), profile=profile)
    assert result[ENT]["manager"] == {"value": "9"}


def test_pa_23_immutable_values():
    empty = {name: value for name, value in THING.items() if name != "serial"}
    assert thing(empty, op("add", "serial", "T"))["serial"] == "T"
    assert thing(empty, op("replace", "serial", "T"))["serial"] == "T"
    assert thing(THING, op("replace", "serial", "S")) == THING
    assert thing(THING, op("add", None, {"serial": "S", "note": "x"})) == THING | {"note": "x"}
    for operation in (op("replace", "serial", "T"), op("add", "serial", "T"), op("remove", "serial"), op("replace", "serial", None)):
        assert thing_refusal(THING, operation) == "mutability"
    assert thing(empty, op("remove", "serial")) == empty
    assert thing_refusal(empty, op("add", "serial", "T"), op("add", "serial", "U")) == "mutability"


def test_pa_23_immutable_parts_of_values():
    assert thing_refusal(THING, op("replace", 'keys[value eq "K"].value', "L")) == "mutability"
    assert thing_refusal(THING, op("replace", 'keys[value eq "K"]', {"value": "L"})) == "mutability"
    assert thing_refusal(THING, op("remove", 'keys[value eq "K"].value')) == "mutability"
    assert thing(THING, op("replace", 'keys[value eq "K"]', {"value": "K", "note": "m"}))["keys"] == [{"value": "K", "note": "m"}]
    assert thing(THING, op("replace", "keys", [{"value": "L"}]))["keys"] == [{"value": "L"}]
    assert "keys" not in thing(THING, op("remove", 'keys[value eq "K"]'))
    born = THING | {"name": {"first": "F", "born": "B"}}
    assert thing(born, op("replace", "name", {"first": "G", "born": "B"}))["name"] == {"first": "G", "born": "B"}
    for operation in (
        op("replace", "name", {"born": "C"}), op("replace", "name.born", "C"), op("remove", "name.born"),
        op("remove", "name"), op("replace", "name", {"born": None}),
    ):
        assert thing_refusal(born, operation) == "mutability"


@pytest.mark.parametrize("path", ["members.value", "members.display", 'members[value eq "a"].value', 'members[value eq "a"].display', 'members[value eq "a"].type'])
@pytest.mark.parametrize("kind", ["add", "replace", "remove"])
@both
def test_gr_02_a_member_itself_cannot_be_changed(profile, path, kind):
    value = [] if kind == "remove" else ["x"]
    assert refusal(GROUP, op(kind, path, *value), profile=profile) == "mutability"


@both
def test_gr_02_a_selected_member_cannot_be_replaced(profile):
    assert refusal(GROUP, op("replace", 'members[value eq "a"]', {"value": "b"}), profile=profile) == "mutability"


@both
def test_pa_24_required_values_cannot_be_removed(profile):
    assert refusal(USER, op("remove", "userName"), profile=profile) == "mutability"
    assert refusal(GROUP, op("remove", "displayName"), profile=profile) == "mutability"
    for kind in ("add", "replace"):
        for value in (None, [], "", " "):
            assert refusal(USER, op(kind, "userName", value), profile=profile) == "invalidValue"
            assert refusal(USER, op(kind, None, {"userName": value}), profile=profile) == "invalidValue"


@pytest.mark.parametrize("path", ["displayName", "name", "name.givenName"])
def test_pa_24_required_by_the_gallery(path):
    assert refusal(USER, op("remove", path), profile="gallery") == "mutability"
    assert refusal(USER, op("replace", path, None), profile="gallery") == "invalidValue"
    assert patch(USER, op("remove", path), profile="rfc") != USER


@tolerant
def test_pa_24_required_values_may_come_back_within_the_request(profile):
    steps = [op("remove", "userName"), op("add", "userName", "a"), op("replace", "userName", "b")]
    assert patch(USER, *steps, profile=profile)["userName"] == "b"
    assert refusal(USER, op("add", "title", "x"), op("remove", "userName"), op("remove", "title"), profile=profile) == "mutability"


def test_pa_24_for_the_rfc_the_first_failure_counts():
    assert refusal(USER, op("remove", "userName"), op("add", "userName", "a")) == "mutability"


@both
def test_pa_14_an_extension_may_repeat_its_urn(profile):
    sent = {"schemas": [ENT], "division": "D"}
    assert patch(USER, op("add", ENT, sent), profile=profile)[ENT] == USER[ENT] | {"division": "D"}
    assert patch(USER, op("add", None, {ENT: sent}), profile=profile)[ENT] == USER[ENT] | {"division": "D"}


@both
def test_pa_26_the_urn_comes_and_goes_with_the_data(profile):
    grown = patch(PLAIN, op("add", f"{ENT}:employeeNumber", "1"), profile=profile)
    assert grown["schemas"] == [CORE, ENT] and grown[ENT] == {"employeeNumber": "1"}
    assert patch(grown, op("remove", f"{ENT}:employeeNumber"), profile=profile) == PLAIN
    assert patch(grown, op("replace", f"{ENT}:employeeNumber", None), profile=profile) == PLAIN
    assert patch(PLAIN, op("add", None, {ENT: {"department": "D"}}), profile=profile)["schemas"] == [CORE, ENT]
    manager = patch(PLAIN, op("add", f"{ENT}:manager", {"value": "9"}), profile=profile)
    assert patch(manager, op("remove", f"{ENT}:manager.value"), profile=profile) == PLAIN


@both
def test_pa_27_schemas_itself(profile):
    for operation in (
        op("remove", "schemas", [ENT]), op("remove", f'schemas[value eq "{ENT}"]'), op("replace", "schemas", [CORE]),
    ):
        result = patch(USER, operation, profile=profile)
        assert ENT not in result and result["schemas"] == [CORE]
    for operation in (op("add", "schemas", ENT.upper()), op("add", "schemas", [CORE, ENT]), op("replace", "schemas", [ENT, CORE])):
        assert patch(USER, operation, profile=profile) == USER
    assert patch(PLAIN, op("add", "schemas", ENT), profile=profile) == PLAIN
    for operation in (
        op("remove", "schemas"), op("remove", "schemas", CORE), op("remove", f'schemas[value eq "{CORE}"]'),
        op("replace", "schemas", [ENT]), op("replace", "schemas", None),
    ):
        assert refusal(USER, operation, profile=profile) == "mutability"


@both
def test_pa_27_the_next_operation_sees_the_new_schemas(profile):
    result = patch(USER, op("remove", "schemas", ENT), op("add", f"{ENT}:division", "D"), profile=profile)
    assert result[ENT] == {"division": "D"} and result["schemas"] == [CORE, ENT]


def test_pa_27_a_urn_that_the_type_does_not_have():
    assert refusal(USER, op("add", "schemas", ["urn:example:x"])) == "invalidValue"
    assert refusal(USER, op("add", None, {"schemas": ["urn:example:x"]})) == "invalidValue"


@tolerant
def test_pa_27_a_urn_that_the_type_does_not_have_is_left_out_for_tolerant_profiles(profile):
    assert patch(USER, op("add", "schemas", ["urn:example:x"]), profile=profile) == USER


BADGED = {"schemas": [THING_URN, BADGE_URN], "label": "L", BADGE_URN: {"floor": "1", "issue": {"number": "7", "note": "n"}}}
LOCKED = {"schemas": [THING_URN, BADGE_URN], "label": "L", BADGE_URN: {"floor": "1", "door": {"key": "k", "note": "n"}}}


@both
@pytest.mark.parametrize(
    "operation",
    [
        op("remove", BADGE_URN), op("replace", BADGE_URN, None), op("remove", "schemas", [BADGE_URN]),
        op("replace", "schemas", [THING_URN]), op("replace", None, {BADGE_URN: None}),
    ],
)
def test_pa_23_a_part_that_is_immutable_stays_when_its_extension_is_removed(profile, operation):
    with pytest.raises(ScimError) as caught:
        run(body(operation), BADGED, profile, BADGED_TYPE)
    assert caught.value.scim_type == "mutability" and f"{BADGE_URN}:issue.number is immutable" in caught.value.detail
    without = BADGED | {BADGE_URN: {"floor": "1", "issue": {"note": "n"}}}
    assert BADGE_URN not in run(body(operation), without, profile, BADGED_TYPE)[0]


@tolerant
@pytest.mark.parametrize(
    ("whole", "left"),
    [
        (op("remove", f"{BADGE_URN}:door"), {"floor": "1"}), (op("replace", f"{BADGE_URN}:door", None), {"floor": "1"}),
        (op("remove", BADGE_URN), None), (op("remove", "schemas", [BADGE_URN]), None),
    ],
)
def test_pa_24_what_is_required_inside_goes_with_the_whole(profile, whole, left):
    part = op("remove", f"{BADGE_URN}:door.key")
    result, _ = run(body(part, whole), LOCKED, profile, BADGED_TYPE)
    assert result.get(BADGE_URN) == left
    for operations in ((part,), (part, whole, op("add", f"{BADGE_URN}:door", {"note": "n"}))):
        with pytest.raises(ScimError) as caught:
            run(body(*operations), LOCKED, profile, BADGED_TYPE)
        assert f"{BADGE_URN}:door.key" in caught.value.detail


@both
def test_pa_27_schemas_without_a_path_declares_and_drops_nothing(profile):
    assert patch(USER, op("replace", None, {"schemas": [CORE], "title": "x"}), profile=profile) == USER | {"title": "x"}


@both
@pytest.mark.parametrize("kind", ["add", "replace"])
@pytest.mark.parametrize(
    ("path", "value"),
    [("emails", 4.5), ("active", "maybe"), ("active", 1), ("title", 4.5), ("title", {"$gt": ""}), ("name", "x"),
     ("name.givenName", ["a", "b"]), ('emails[type eq "work"].value', {"a": "b", "c": "d"}), ("emails", [["x"]]),
     ("userName", True), ("x509Certificates", [{"value": "###"}]), (f"{ENT}:department", {"x": "y", "z": 1})],
)
def test_pa_28_values_of_another_type(profile, kind, path, value):
    assert refusal(USER, op(kind, path, value), profile=profile) == "invalidValue"
    if "[" not in path:
        assert refusal(USER, op(kind, None, {path: value}), profile=profile) == "invalidValue"


@pytest.mark.parametrize("value", [{"bogus": "x"}, {"value": "x", "bogus": None}])
def test_pa_28_unknown_sub_attributes(value):
    assert refusal(USER, op("add", "emails", [value])) == "invalidSyntax"
    assert refusal(USER, op("add", "name", {"bogus": "x"})) == "invalidSyntax"
    assert refusal(USER, op("add", None, {"bogus": "x"})) == "invalidSyntax"


@tolerant
def test_pa_28_unknown_sub_attributes_are_left_out_for_tolerant_profiles(profile):
    result = patch(USER, op("add", "emails", [{"value": "x@y", "bogus": "x"}]), op("add", None, {"bogus": "x"}), profile=profile)
    assert result["emails"][-1] == {"value": "x@y"} and "bogus" not in result


@both
@pytest.mark.parametrize("nothing", [None, []])
def test_pa_29_null_and_empty_arrays_unassign(profile, nothing):
    for path in ("title", "emails", 'emails[type eq "home"]', f"{ENT}:manager", f"{ENT}:manager.value", 'phoneNumbers[type eq "work"].type'):
        cleared = patch(USER, op("replace", path, nothing), profile=profile)
        assert cleared == patch(USER, op("remove", path), profile=profile) != USER
    assert "title" not in patch(USER, op("replace", None, {"title": nothing}), profile=profile)
    assert patch(USER, op("add", "title", nothing), profile=profile) == patch(USER, op("remove", "title"), profile=profile)
    assert patch(USER, op("add", "emails", nothing), profile=profile) == USER


@both
def test_pa_29_a_value_must_be_there(profile):
    for kind in ("add", "replace"):
        assert refusal(USER, op(kind, "title"), profile=profile) == "invalidValue"
        assert refusal(USER, op(kind), profile=profile) == "invalidValue"
