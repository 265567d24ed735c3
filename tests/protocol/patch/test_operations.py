"""PA-30 to PA-58: add, remove and replace."""

import pytest

from app.errors import PayloadTooLarge
from app.protocol.patch import cost
from tests.protocol.patch.patching import (
    CORE,
    ENT,
    GROUP,
    PLAIN,
    USER,
    both,
    changes,
    op,
    patch,
    refusal,
    run,
    tolerant,
)
from tests.protocol.patch.test_paths import THING, thing

WORK, HOME = USER["emails"]

# add


@both
def test_pa_30_add_needs_a_value(profile):
    assert refusal(USER, op("add", "title"), profile=profile) == "invalidValue"
    assert refusal(GROUP, op("add", "members"), profile=profile) == "invalidValue"


@both
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_pa_31_without_a_path_every_attribute_is_set(profile, kind):
    value = {
        "nickName": "B", "name.givenName": "G", f"{ENT}:department": "D", ENT: {"division": "V"}, f"{CORE}:title": "T",
        CORE: {"locale": "en"}, "NAME": {"familyName": "F"}, "emails": [WORK], f"{ENT}:manager.value": "9",
    }
    result = patch(USER, op(kind, None, value), profile=profile)
    assert (result["nickName"], result["title"], result["locale"]) == ("B", "T", "en")
    assert result["name"] == USER["name"] | {"givenName": "G", "familyName": "F"}
    assert result[ENT] == USER[ENT] | {"department": "D", "division": "V", "manager": {"value": "9"}}
    assert result["emails"] == ([WORK] if kind == "replace" else USER["emails"])
    assert not any("." in key and not key.startswith("urn:") for key in result)


@both
@pytest.mark.parametrize("value", ["x", 5, True, None, [], [{"title": "x"}]])
def test_pa_31_without_a_path_the_value_is_an_object(profile, value):
    for kind in ("add", "replace"):
        assert refusal(USER, op(kind, None, value), profile=profile) == "invalidValue"


def test_pa_31_the_same_attribute_twice_is_refused():
    assert refusal(USER, op("add", None, {"title": "a", "TITLE": "b"})) == "invalidSyntax"
    assert refusal(USER, op("add", None, {"title": "a", f"{CORE}:title": "b"})) == "invalidSyntax"


def test_pa_31_the_examples_of_the_rfc():
    result = patch(USER, op("add", None, {"emails": [{"value": "babs@jensen.org", "type": "home"}], "nickname": "Babs"}))
    assert result == USER | {"nickName": "Babs"}
    sent = {"emails": [{"value": "bjensen@example.com", "type": "work", "primary": True}, {"value": "b@x", "type": "home"}], "nickname": "Babs"}
    result = patch(USER, op("replace", None, sent))
    assert result == USER | {"nickName": "Babs", "emails": sent["emails"]}


@both
def test_pa_31_members_without_a_path(profile):
    (change,) = changes(op("add", None, {"members": [{"value": "a"}]}), profile=profile)
    assert (change.kind, change.members) == ("add", ("a",))
    group, (change,) = run_group(op("replace", None, {"displayName": "New", "members": []}), profile)
    assert group["displayName"] == "New" and (change.kind, change.members) == ("replace", ())


def run_group(operation, profile):
    from app.schemas.tables.group import GROUP_TYPE
    from tests.protocol.patch.patching import body

    return run(body(operation), GROUP, profile, GROUP_TYPE)


@both
def test_pa_32_what_is_not_there_is_made(profile):
    nameless = {key: value for key, value in PLAIN.items() if key != "name"} if profile == "rfc" else PLAIN
    assert patch(nameless, op("add", "name.honorificPrefix", "Dr"), profile=profile)["name"]["honorificPrefix"] == "Dr"
    assert patch(PLAIN, op("add", f"{ENT}:manager.value", "9"), profile=profile)[ENT] == {"manager": {"value": "9"}}
    assert patch(PLAIN, op("add", "emails", [WORK]), profile=profile)["emails"] == [WORK]


@both
def test_pa_33_a_single_value_is_replaced(profile):
    assert patch(USER, op("add", "title", "x"), profile=profile)["title"] == "x"
    assert patch(USER, op("add", "active", False), profile=profile)["active"] is False


@both
def test_pa_34_a_complex_value_is_merged(profile):
    result = patch(USER, op("add", "name", {"givenName": "G", "middleName": "M"}), profile=profile)
    assert result["name"] == USER["name"] | {"givenName": "G", "middleName": "M"}
    assert patch(USER, op("add", "name", {}), profile=profile) == USER
    result = patch(USER, op("add", "name", {"middleName": None, "givenName": "G"}), profile=profile)
    assert result["name"] == USER["name"] | {"givenName": "G"}


@both
def test_pa_34_a_reference_stands_for_its_value(profile):
    for value in ({"$ref": "https://example.com/v2/Users/9"}, {"$ref": "../Users/9"}, {"$ref": "x/9", "value": None}):
        assert patch(USER, op("replace", f"{ENT}:manager", value), profile=profile)[ENT]["manager"] == {"value": "9"}
    assert patch(USER, op("replace", f"{ENT}:manager.$ref", "/Users/9"), profile=profile)[ENT]["manager"] == {"value": "9"}


@both
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value]])
def test_pa_35_several_values_grow_at_the_end(profile, wrap):
    new = {"value": "n@x", "type": "other"}
    assert patch(USER, op("add", "emails", wrap(new)), profile=profile)["emails"] == [WORK, HOME, new]


def test_pa_35_simple_values_grow_too():
    assert thing(THING, op("add", "tags", ["c", "A", "d", "D"]))["tags"] == ["a", "B", "c", "d"]
    assert thing(THING, op("add", "tags", "c"))["tags"] == ["a", "B", "c"]


@both
@pytest.mark.parametrize(
    "value", [HOME, {"value": "BABS@jensen.org"}, {"value": "babs@jensen.org", "type": "HOME"}, [HOME, WORK], {"type": "home"}]
)
def test_pa_36_what_is_there_is_not_added_again(profile, value):
    assert patch(USER, op("add", "emails", value), profile=profile) == USER


@both
def test_pa_36_the_same_value_and_type_are_merged(profile):
    result = patch(USER, op("add", "emails", HOME | {"display": "Home"}), profile=profile)
    assert result["emails"] == [WORK, HOME | {"display": "Home"}]
    result = patch(USER, op("add", "emails", {"value": HOME["value"], "type": "other"}), profile=profile)
    assert len(result["emails"]) == 3


@both
def test_pa_36_members_are_known_by_their_value(profile):
    (change,) = changes(op("add", "members", [{"value": "a", "type": "User"}, {"value": "a"}, {"value": "b"}]), profile=profile)
    assert (change.kind, change.members) == ("add", ("a", "b"))


@both
def test_pa_37_with_a_filter_every_match_changes(profile):
    twice = USER | {"emails": [WORK, HOME, {"value": "w2@x", "type": "work"}]}
    emails = patch(twice, op("add", 'emails[type eq "work"].display', "W"), profile=profile)["emails"]
    assert [email.get("display") for email in emails] == ["W", None, "W"]
    emails = patch(twice, op("add", 'emails[type eq "work"]', {"display": "W"}), profile=profile)["emails"]
    assert [email.get("display") for email in emails] == ["W", None, "W"]
    assert emails[0] == WORK | {"display": "W"}


@both
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_pa_37_a_value_of_which_nothing_is_left_goes(profile, kind):
    nulls = {"value": None, "type": None}
    assert patch(USER, op(kind, 'emails[type eq "home"]', nulls), profile=profile)["emails"] == [WORK]


def test_pa_38_without_a_match_there_is_no_target():
    assert refusal(PLAIN, op("add", 'emails[type eq "work"].value', "x@y")) == "noTarget"
    assert refusal(USER, op("add", 'emails[type eq "other"]', {"value": "x@y"})) == "noTarget"


@tolerant
@pytest.mark.parametrize("kind", ["add", "replace"])
def test_pa_38_without_a_match_the_element_is_made_for_tolerant_profiles(profile, kind):
    result = patch(PLAIN, op(kind, 'emails[type eq "work"].value', "x@y"), profile=profile)
    assert result["emails"] == [{"type": "work", "value": "x@y"}]
    result = patch(USER, op(kind, 'emails[type eq "other" and primary eq true].value', "x@y"), profile=profile)
    assert result["emails"] == [WORK | {"primary": False}, HOME, {"type": "other", "primary": True, "value": "x@y"}]
    result = patch(USER, op(kind, 'emails[type eq "other"]', {"value": "x@y"}), profile=profile)
    assert result["emails"][2] == {"type": "other", "value": "x@y"}


@tolerant
@pytest.mark.parametrize(
    ("path", "value"),
    [('emails[type ne "work"].value', "x"), ('emails[type eq "a" or type eq "b"].value', "x"), ("emails[not (type pr)].value", "x"),
     ('emails[type eq "work"].type', "home"), ('emails[type sw "w"].value', "x"), ('emails[type eq "a" and value pr].display', "x")],
)
def test_pa_38_no_element_is_made_that_the_filter_does_not_describe(profile, path, value):
    assert refusal(PLAIN, op("add", path, value), profile=profile) == "noTarget"


# remove


@both
def test_pa_40_remove_needs_a_path(profile):
    assert refusal(USER, op("remove"), profile=profile) == "noTarget"
    assert refusal(USER, op("remove", None, {"title": "x"}), profile=profile) == "noTarget"
    assert refusal(USER, op("remove", None, {'emails[type eq "work"]': "x"}), profile=profile) == "noTarget"


@both
def test_pa_41_remove_unassigns(profile):
    result = patch(
        USER, op("remove", "title"), op("remove", "emails"), op("remove", f"{ENT}:manager"), op("remove", f"{ENT}:department"),
        profile=profile,
    )
    assert not {"title", "emails"} & result.keys()
    assert result[ENT] == {"employeeNumber": "701984"}
    assert "name" not in patch(USER, op("remove", "name"))
    assert "givenName" not in patch(USER, op("remove", "name.givenName"))["name"]
    only = USER | {"name": {"givenName": "G"}}
    assert "name" not in patch(only, op("remove", "name.givenName"))


@both
def test_pa_41_remove_of_all_members(profile):
    (change,) = changes(op("remove", "members"), profile=profile)
    assert (change.kind, change.members, change.where) == ("replace", (), None)


@both
def test_pa_42_only_what_matches_goes(profile):
    result = patch(USER, op("remove", 'emails[type eq "work" and value ew "example.com"]'), profile=profile)
    assert result["emails"] == [HOME]
    assert "emails" not in patch(USER, op("remove", "emails[value pr]"), profile=profile)


@both
def test_pa_42_members_go_by_id_or_by_filter(profile):
    found = changes(
        op("remove", 'members[value eq "a"]'), op("remove", 'members[value eq "a" or value eq "b" or value eq "a"]'),
        op("remove", 'members[type eq "Group"]'), op("remove", 'members[value eq "a" and type eq "User"]'), profile=profile,
    )
    assert [(change.kind, change.members) for change in found] == [
        ("remove", ("a",)), ("remove", ("a", "b")), ("remove", ()), ("remove", ()),
    ]
    assert [str(change.where) if change.where else None for change in found] == [
        None, None, 'type eq "Group"', 'value eq "a" and type eq "User"',
    ]


@both
def test_pa_43_a_sub_attribute_goes_from_every_match(profile):
    twice = USER | {"phoneNumbers": [{"value": "1", "type": "work"}, {"value": "2", "type": "work"}, {"type": "fax"}]}
    result = patch(twice, op("remove", 'phoneNumbers[type eq "work"].type'), profile=profile)
    assert result["phoneNumbers"] == [{"value": "1"}, {"value": "2"}, {"type": "fax"}]
    result = patch(twice, op("remove", 'phoneNumbers[type eq "fax"].type'), profile=profile)
    assert result["phoneNumbers"] == twice["phoneNumbers"][:2]


def test_pa_43_what_is_left_of_an_element_stays():
    result = patch(USER, op("remove", 'phoneNumbers[type eq "work"].value'))
    assert result["phoneNumbers"][0] == {"type": "work"}


@tolerant
def test_pa_43_an_element_made_by_a_path_is_dropped_by_it_too_for_tolerant_profiles(profile):
    result = patch(USER, op("replace", 'emails[type eq "work"].value', ""), profile=profile)
    assert result["emails"] == [HOME]
    result = patch(USER, op("replace", 'emails[type eq "work"]', {"value": ""}), profile=profile)
    assert result["emails"] == [HOME]
    made = patch(PLAIN, op("add", 'emails[type eq "work"].value', "x"), profile=profile)
    assert patch(made, op("replace", 'emails[type eq "work"].value', ""), profile=profile) == PLAIN


@both
def test_pa_43_an_element_with_a_value_stays(profile):
    labelled = USER | {"emails": [HOME | {"display": "Home"}]}
    for operation in (op("remove", 'emails[value eq "babs@jensen.org"].display'), op("remove", "emails.display")):
        assert patch(labelled, operation, profile=profile)["emails"] == [HOME]
    only = USER | {"emails": [{"value": "x@y", "type": "work"}]}
    assert patch(only, op("remove", 'emails[value eq "x@y"].type'), profile=profile)["emails"] == [{"value": "x@y"}]


@both
@pytest.mark.parametrize(
    "operation",
    [op("remove", 'emails[type eq "other"]'), op("remove", 'emails[type eq "other"].value'), op("remove", "nickName"),
     op("remove", "name.middleName"), op("remove", "photos"), op("remove", f"{ENT}:division"), op("remove", "photos.value"),
     op("remove", 'photos[type eq "x"].value'), op("remove", "emails", [{"value": "nobody@x"}])],
)
def test_pa_44_removing_what_is_not_there_changes_nothing(profile, operation):
    assert patch(USER, operation, profile=profile) == USER


@both
def test_pa_45_a_remove_with_values_removes_those_only(profile):
    (change,) = changes({"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "a"}]}, profile=profile)
    assert (change.kind, change.members) == ("remove", ("a",))
    assert changes(op("remove", "members", []), profile=profile) == ()
    assert patch(USER, op("remove", "emails", [{"value": "babs@jensen.org"}]), profile=profile)["emails"] == [WORK]
    assert patch(USER, op("remove", "emails", {"type": "HOME"}), profile=profile)["emails"] == [WORK]
    assert patch(USER, op("remove", "emails", []), profile=profile) == USER
    assert "emails" not in patch(USER, op("remove", "emails", [WORK, HOME]), profile=profile)


@both
def test_pa_45_a_remove_of_a_sub_attribute_with_values_removes_those_only(profile):
    types = patch(USER, op("remove", "emails.type", "HOME"), profile=profile)["emails"]
    assert types == [WORK, {name: value for name, value in HOME.items() if name != "type"}]
    assert patch(USER, op("remove", "emails.value", "nobody@x"), profile=profile) == USER
    assert patch(USER, op("remove", "emails.value", []), profile=profile) == USER
    assert patch(USER, op("remove", "emails.display", "x"), profile=profile) == USER
    gone = patch(USER, op("remove", "emails.value", "babs@jensen.org"), profile=profile)["emails"]
    assert [email["value"] for email in gone if "value" in email] == [WORK["value"]]
    assert patch(USER, op("remove", "emails.value", ["babs@jensen.org"]), profile=profile)["emails"] == gone
    assert refusal(USER, op("remove", "emails.value", {"x": 1}), profile=profile) == "invalidValue"
    # What the filter selects is to go, whatever the value.
    assert patch(USER, op("remove", 'emails[type eq "home"].type', "other"), profile=profile)["emails"] == types


@both
def test_n_26_a_remove_with_null_has_no_value_and_removes_all(profile):
    assert "emails" not in patch(USER, op("remove", "emails", None), profile=profile)
    assert "title" not in patch(USER, op("remove", "title", None), profile=profile)
    assert patch(USER, op("remove", 'emails[type eq "home"]', None), profile=profile)["emails"] == [WORK]
    assert changes(op("remove", "members", None), profile=profile) == changes(op("remove", "members"), profile=profile) != ()


@both
def test_pa_45_a_value_beside_a_single_value_means_nothing(profile):
    assert "manager" not in patch(USER, op("remove", f"{ENT}:manager", "26118915"), profile=profile)[ENT]
    assert "title" not in patch(USER, op("remove", "title", "Tour Guide"), profile=profile)
    assert patch(USER, op("remove", 'emails[type eq "home"]', "x"), profile=profile)["emails"] == [WORK]


def test_pa_45_simple_values_are_listed_too():
    assert thing(THING, op("remove", "tags", ["b", "z"]))["tags"] == ["a"]


# replace


@both
def test_pa_50_without_a_path_only_what_is_named_changes(profile):
    assert patch(USER, op("replace", None, {"nickName": "x"}), profile=profile) == USER | {"nickName": "x"}
    assert patch(USER, op("replace", None, {}), profile=profile) == USER


@both
def test_pa_51_replace(profile):
    new = [{"value": "a@x", "type": "work"}, {"value": "b@x", "type": "home", "primary": True}]
    result = patch(USER, op("replace", "title", "x"), op("replace", "emails", new), profile=profile)
    assert result == USER | {"title": "x", "emails": new}
    (change,) = changes(op("replace", "members", [{"value": "a"}, {"value": "b"}]), profile=profile)
    assert (change.kind, change.members) == ("replace", ("a", "b"))
    for nothing in ([], None):
        (change,) = changes(op("replace", "members", nothing), profile=profile)
        assert (change.kind, change.members) == ("replace", ())


@both
def test_pa_52_what_is_not_there_is_added(profile):
    result = patch(PLAIN, op("replace", "title", "x"), op("replace", f"{ENT}:manager.value", "9"), op("replace", "emails", [WORK]), profile=profile)
    assert (result["title"], result[ENT], result["emails"]) == ("x", {"manager": {"value": "9"}}, [WORK])


@both
def test_pa_53_replace_of_a_complex_value_keeps_what_it_does_not_name(profile):
    result = patch(USER, op("replace", "name", {"givenName": "G"}), profile=profile)
    assert result["name"] == USER["name"] | {"givenName": "G"}


@both
def test_pa_54_replace_with_a_filter(profile):
    two = USER | {"addresses": [{"type": "work", "locality": "A"}, {"type": "home", "locality": "B"}, {"type": "work", "region": "C"}]}
    result = patch(two, op("replace", 'addresses[type eq "work"].locality', "X"), profile=profile)
    assert result["addresses"] == [
        {"type": "work", "locality": "X"}, {"type": "home", "locality": "B"}, {"type": "work", "region": "C", "locality": "X"},
    ]
    result = patch(two, op("replace", 'addresses[type eq "work"]', {"locality": "X", "region": None}), profile=profile)
    assert result["addresses"] == [{"type": "work", "locality": "X"}, {"type": "home", "locality": "B"}, {"type": "work", "locality": "X"}]


def test_pa_54_the_example_of_the_rfc():
    value = {
        "type": "work", "streetAddress": "911 Universal City Plaza", "locality": "Hollywood", "region": "CA", "postalCode": "91608",
        "country": "US", "formatted": "911 Universal City Plaza\nHollywood, CA 91608 US", "primary": True,
    }
    user = USER | {"addresses": [USER["addresses"][0] | {"primary": False}, {"type": "home", "primary": True}]}
    result = patch(user, op("replace", 'addresses[type eq "work"]', value))
    assert result["addresses"] == [value, {"type": "home", "primary": False}]


def test_pa_55_replace_without_a_match():
    for path, value in (('emails[type eq "other"]', {"value": "x"}), ('emails[type eq "other"].value', "x")):
        assert refusal(USER, op("replace", path, value)) == "noTarget"
        assert refusal(PLAIN, op("replace", path, value)) == "noTarget"
    assert refusal(USER, op("replace", 'emails[type eq "other"].value', None)) == "noTarget"


@tolerant
def test_pa_55_clearing_what_is_not_there_makes_nothing_for_tolerant_profiles(profile):
    for value in (None, ""):
        assert patch(USER, op("replace", 'emails[type eq "other"].value', value), profile=profile) == USER


@both
def test_pa_56_a_sub_attribute_of_every_element(profile):
    result = patch(USER, op("replace", "emails.type", "other"), profile=profile)
    assert [email["type"] for email in result["emails"]] == ["other", "other"]
    assert [email.get("type") for email in patch(USER, op("remove", "emails.type"), profile=profile)["emails"]] == [None, None]


def test_pa_56_without_elements_there_is_no_target():
    assert refusal(PLAIN, op("replace", "emails.type", "other")) == "noTarget"


@tolerant
def test_pa_56_without_elements_one_is_made_for_tolerant_profiles(profile):
    assert patch(PLAIN, op("replace", "emails.value", "x@y"), profile=profile)["emails"] == [{"value": "x@y"}]


@both
def test_pa_57_a_single_object_is_a_list_of_one(profile):
    assert patch(USER, op("replace", "emails", {"value": "a@x"}), profile=profile)["emails"] == [{"value": "a@x"}]
    (change,) = changes(op("replace", "members", {"value": "a"}), profile=profile)
    assert (change.kind, change.members) == ("replace", ("a",))


@both
@pytest.mark.parametrize(
    "operation",
    [op("replace", "title", "Tour Guide"), op("replace", "emails", [WORK, HOME]), op("replace", "name", {"givenName": "Barbara"}),
     op("replace", 'emails[type eq "work"].primary', True), op("replace", None, {"active": True, ENT: {"department": "Tour Operations"}}),
     op("replace", f"{ENT}:manager", {"value": "26118915"})],
)
def test_pa_58_a_value_that_is_there_already_changes_nothing(profile, operation):
    assert patch(USER, operation, profile=profile) == USER


@both
def test_changes_of_members_keep_their_order(profile):
    found = changes(
        op("remove", "members", [{"value": "a"}]), op("add", "members", [{"value": "a"}, {"value": "b"}]),
        op("remove", 'members[value eq "b"]'), op("replace", "members", []), profile=profile,
    )
    assert [(change.kind, change.members) for change in found] == [
        ("remove", ("a",)), ("add", ("a", "b")), ("remove", ("b",)), ("replace", ()),
    ]


@both
@pytest.mark.parametrize("value", [4.5, True, [{"display": "x"}], [{"value": 4.5}], [[]], [{"type": "User"}]])
def test_values_that_are_no_members(profile, value):
    for kind in ("add", "replace", "remove"):
        assert refusal(GROUP, op(kind, "members", value), profile=profile) == "invalidValue"


@both
def test_no_more_values_than_a_document_is_meant_for(profile):
    many = [{"value": f"{number}@x"} for number in range(101)]
    assert refusal(USER, op("add", "emails", many), profile=profile) == "invalidValue"
    assert refusal(PLAIN, *[op("add", "emails", many[at : at + 60]) for at in (0, 60)], profile=profile) == "invalidValue"


def test_no_more_comparisons_than_a_second_holds(monkeypatch):
    monkeypatch.setattr(cost, "MAX_WORK", cost.MAX_WORK // 5)  # a fifth of a second
    full = USER | {"emails": [{"value": f"{number}@x"} for number in range(100)]}
    long = "emails[" + " or ".join(f'value eq "{number}"' for number in range(95)) + "]"
    listed = [{"value": f"{number}@y"} for number in range(100)]
    for operation in (op("remove", long), op("remove", "emails", listed)):
        assert patch(full, *[operation] * 5) == full
        with pytest.raises(PayloadTooLarge, match="emails"):
            patch(full, *[operation] * 100)
