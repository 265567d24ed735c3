"""PA-01 to PA-10: the message, and what applies to all of its operations."""

import pytest

from app.errors import InvalidSyntax, PayloadTooLarge
from app.protocol.messages import PATCH_URN
from app.protocol.patch.message import MAX_OPERATIONS, Operation, read_patch
from app.protocol.profile import PROFILES
from tests.protocol.patch.patching import GROUP, USER, body, both, changes, op, patch, refusal, run, tolerant

RFC = PROFILES["rfc"]


SCHEMAS = [None, [], "x", ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], [5], {}]


@pytest.mark.parametrize("schemas", SCHEMAS)
def test_pa_01_schemas_must_have_the_urn(schemas):
    payload = body(op("replace", "title", "x")) | {"schemas": schemas}
    with pytest.raises(InvalidSyntax, match="PatchOp"):
        run(payload, USER, "rfc")
    del payload["schemas"]
    with pytest.raises(InvalidSyntax):
        run(payload, USER, "rfc")


@tolerant
@pytest.mark.parametrize("schemas", [*SCHEMAS, ["urn:ietf:params:scim:schemas:core:2.0:PatchOp"]])
def test_n_23_tolerant_profiles_do_not_check_the_schemas_of_a_message(profile, schemas):
    payload = body(op("replace", "title", "x")) | {"schemas": schemas}
    assert run(payload, USER, profile)[0]["title"] == "x"
    del payload["schemas"]
    assert run(payload, USER, profile)[0]["title"] == "x"


@both
@pytest.mark.parametrize("payload", [None, [], 5, "x", True])
def test_pa_01_the_body_must_be_an_object(profile, payload):
    with pytest.raises(InvalidSyntax):
        run(payload, USER, profile)


@both
@pytest.mark.parametrize("operations", [None, {}, "x", [5], [None], [[]], [{}]])
def test_pa_02_operations_must_be_an_array_of_objects(profile, operations):
    with pytest.raises(InvalidSyntax):
        run({"schemas": [PATCH_URN], "Operations": operations}, USER, profile)
    with pytest.raises(InvalidSyntax):
        run({"schemas": [PATCH_URN]}, USER, profile)


def test_pa_02_no_operations_are_refused():
    with pytest.raises(InvalidSyntax, match="at least one"):
        run(body(), USER)


@tolerant
def test_pa_02_no_operations_change_nothing_for_tolerant_profiles(profile):
    assert run(body(), USER, profile) == (USER, ())


@both
@pytest.mark.parametrize("name", ["operations", "OPERATIONS", "Operations"])
def test_pa_02_operations_in_any_case(profile, name):
    result, _ = run({"SCHEMAS": [PATCH_URN], name: [{"OP": "Replace", "Path": "title", "VALUE": "x"}]}, USER, profile)
    assert result["title"] == "x"


def test_pa_02_the_same_name_twice_in_different_case_is_refused():
    with pytest.raises(InvalidSyntax, match="twice"):
        read_patch(body() | {"operations": []}, RFC)


@both
@pytest.mark.parametrize("kind", ["add", "Add", "ADD", "rePlace"])
def test_pa_03_op_in_any_case(profile, kind):
    assert patch(USER, op(kind, "title", "x"), profile=profile)["title"] == "x"


@both
@pytest.mark.parametrize("kind", ["move", "copy", "test", "", "addx", None, 5, ["add"], {"add": 1}])
def test_pa_03_any_other_op_is_refused(profile, kind):
    with pytest.raises(InvalidSyntax, match="op must be one of"):
        run(body({"op": kind, "path": "title", "value": "x"}), USER, profile)
    with pytest.raises(InvalidSyntax):
        run(body({"path": "title", "value": "x"}), USER, profile)


@both
def test_pa_04_operations_see_what_those_before_them_did(profile):
    result = patch(
        USER,
        op("add", "emails", {"value": "new@example.com", "type": "other"}),
        op("replace", 'emails[type eq "other"].value', "newer@example.com"),
        op("remove", 'emails[type eq "home"]'),
        profile=profile,
    )
    assert [email["value"] for email in result["emails"]] == ["bjensen@example.com", "newer@example.com"]


@both
def test_pa_05_all_or_nothing(profile):
    kept = [op("replace", "title", "x"), op("add", "emails", {"value": "n@example.com"}), op("remove", ENT_PATH)]
    assert refusal(USER, *kept, op("replace", "id", "x"), profile=profile) == "mutability"


ENT_PATH = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@both
def test_pa_05_the_error_says_which_operation_it_was(profile):
    with pytest.raises(Exception) as caught:
        run(body(op("replace", "title", "x"), op("replace", "userName", 4.5)), USER, profile)
    assert caught.value.detail.startswith("Operation 2: userName")


@both
def test_pa_07_the_same_patch_twice_changes_nothing_the_second_time(profile):
    operations = [
        op("add", "emails", [{"value": "n@example.com", "type": "other"}]),
        op("replace", "title", "Boss"),
        op("replace", "name", {"givenName": "Babs"}),
        op("add", None, {"nickName": "B", ENT_PATH: {"division": "D"}}),
        op("remove", 'emails[type eq "home"]'),
        op("replace", 'addresses[type eq "work"].region', "CA"),
    ]
    once = patch(USER, *operations, profile=profile)
    assert once != USER
    assert patch(once, *operations, profile=profile) == once


@both
def test_pa_09_unknown_members_of_an_operation_are_ignored(profile):
    result, _ = run(body({"name": "x", "op": "add", "id": 5, "path": "title", "value": "x"}) | {"id": "y"}, USER, profile)
    assert result["title"] == "x"


@both
@pytest.mark.parametrize("path", ["emails/0", "/emails/-", "emails[0]", "emails.0", "/title", "emails[0].value"])
def test_pa_10_no_paths_of_json_patch(profile, path):
    assert refusal(USER, op("replace", path, "x"), profile=profile) in ("invalidPath", "invalidFilter")


@both
def test_a_thousand_operations_and_no_more(profile):
    operation = op("replace", "title", "x")
    assert patch(USER, *[operation] * MAX_OPERATIONS, profile=profile)["title"] == "x"
    with pytest.raises(PayloadTooLarge, match="1001"):
        run(body(*[operation] * (MAX_OPERATIONS + 1)), USER, profile)


@both
def test_ten_thousand_members_in_one_operation(profile):
    members = [{"value": f"id-{number}"} for number in range(10_000)]
    (change,) = changes(op("add", "members", members), profile=profile)
    assert change.kind == "add" and len(change.members) == 10_000


def test_a_null_path_is_no_path():
    assert patch(USER, {"op": "add", "path": None, "value": {"title": "x"}})["title"] == "x"
    assert refusal(USER, {"op": "remove", "path": None}) == "noTarget"


def test_what_is_read_is_what_was_sent():
    payload = body({"op": "Add", "path": "title", "value": None}, {"op": "remove", "path": "x"})
    first, second = read_patch(payload, RFC)
    assert first == Operation("add", "title", None)
    assert second == Operation("remove", "x")
    assert first.value is not second.value


@both
@pytest.mark.parametrize("path", [5, [], {}, True])
def test_a_path_must_be_a_string(profile, path):
    assert refusal(GROUP, {"op": "add", "path": path, "value": "x"}, profile=profile) == "invalidPath"
