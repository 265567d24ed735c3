"""What a Bulk response says of each operation, whatever goes wrong, and what it shows of each success."""

from collections.abc import Callable
from typing import Any

import pytest

from app.blueprints import bulk as blueprint
from app.store.directory.directory import Directory
from app.store.mongo.database import Database
from tests.blueprints.conftest import ERROR_URN, PATCH_URN, USER_URN, Client
from tests.blueprints.test_bulk import BULK_URN, bulk, group, read, user
from tests.conftest import Fault
from tests.relay import logged


def events(database: Database, client: Client) -> list[dict[str, Any]]:
    return logged(database, tenant=client.tenant)


def put(path: str, name: str) -> dict[str, Any]:
    return {"method": "PUT", "path": path, "data": {"schemas": [USER_URN], "userName": name}}


def test_fa_06_a_read_that_fails_is_the_failure_of_its_operation(
    rfc: Client, http_database: Database, fault: Fault
) -> None:
    """RFC 7644 section 3.7.3: the response says what became of each operation, and so what is stored."""
    path = f"/Users/{rfc.user('old')['id']}"
    with fault(["aggregate"], 1, errorCode=13):
        results = bulk(rfc, user("a"), put(path, "old"), user("b"))
    assert [result["status"] for result in results] == ["201", "503", "201"]
    assert results[1]["response"]["schemas"] == [ERROR_URN]
    assert results[1]["location"].endswith(path)
    assert sorted(rfc.found("/Users")) == ["a", "b", "old"]
    log = events(http_database, rfc)
    assert sorted((line["operation"], line["status"]) for line in log) == [("create", 201)] * 3 + [("replace", 503)]


def test_fa_06_a_write_that_fails_counts_for_fail_on_errors(rfc: Client, fault: Fault) -> None:
    path = f"/Users/{rfc.user('old')['id']}"
    with fault(["aggregate"], 1, errorCode=13):
        results = bulk(rfc, user("a"), put(path, "old"), user("b"), failOnErrors=1)
    assert [result["status"] for result in results] == ["201", "503"]


def test_fa_06_our_own_bugs_are_of_one_operation(
    rfc: Client, http_database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    create = Directory.create

    def broken(self: Directory, resource_type: Any, resource: Any, *rest: Any) -> Any:
        if resource["userName"] == "b":
            raise KeyError("secret")
        return create(self, resource_type, resource, *rest)

    monkeypatch.setattr(Directory, "create", broken)
    results = bulk(rfc, user("a"), user("b"), user("c"), failOnErrors=2)
    assert [result["status"] for result in results] == ["201", "500", "201"]
    response = results[1]["response"]
    assert "secret" not in str(response)
    assert any(record.exc_info and record.args[0] in response["detail"] for record in caplog.records if record.args)
    assert sorted(line["status"] for line in events(http_database, rfc)) == [201, 201, 500]


def test_fa_06_a_bug_that_shows_when_a_failure_is_logged_loses_no_answer(
    rfc: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("secret")

    monkeypatch.setattr(blueprint, "attempt_of", broken)
    results = bulk(rfc, user("a"), user("b", "A"), user("c"))
    assert [result["status"] for result in results] == ["201", "409", "201"]
    assert "not in the provisioning log: 1 operations" in caplog.text


def test_fa_06_when_the_time_is_over_the_rest_say_so(
    rfc: Client, fault: Fault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = f"/Users/{rfc.user('old')['id']}"
    budget = Database.budget
    monkeypatch.setattr(Database, "budget", lambda self, seconds=2.0: budget(self, min(seconds, 2.0)))
    with fault(["aggregate"], 1, blockConnection=True, blockTimeMS=2_500):
        results = bulk(rfc, user("a"), put(path, "old"), user("b"), *(put(path, "old") for _ in range(900)))
    assert [result["status"] for result in results] == ["201"] + ["503"] * 902
    assert "began" in results[2]["response"]["detail"]
    assert all(result["location"].endswith(path) for result in results[3:])
    assert "location" not in results[2]
    assert "not in the provisioning log: 902 operations" in caplog.text
    monkeypatch.undo()
    assert sorted(rfc.found("/Users")) == ["a", "old"]


def test_fa_06_a_circle_of_which_a_part_cannot_be_taken_back(rfc: Client, fault: Fault) -> None:
    """What could be deleted no more keeps its place in the response, which is where it is."""
    with fault(["findAndModify"], "alwaysOn", errorCode=13):  # the PATCH that closes the circle, and the DELETE
        results = bulk(rfc, group("A", "bulkId:B"), group("B", "bulkId:A"), user("u"))
    by_id = {result["bulkId"]: result for result in results}
    assert [by_id[name]["status"] for name in "ABu"] == ["201", "503", "201"]
    assert read(rfc, by_id["B"])["displayName"] == "B"


def asks_for(client: Client, preference: str, *operations: Any) -> Any:
    return client("POST", "/Bulk", {"schemas": [BULK_URN], "Operations": list(operations)}, Prefer=preference)


def test_fa_40_return_representation(rfc: Client) -> None:
    """RFC 7644 section 3.7.3: a response body may be omitted for a success, and RFC 7240 section 4.2 asks for it."""
    old, gone = rfc.user("old"), rfc.user("gone")
    add = {"schemas": [PATCH_URN], "Operations": [{"op": "add", "path": "title", "value": "T"}]}
    operations = (
        user("a"), user("b", "A"), put(f"/Users/{old['id']}", "old"),
        {"method": "PATCH", "path": f"/Users/{old['id']}", "data": add}, {"method": "DELETE", "path": f"/Users/{gone['id']}"},
        group("X", "bulkId:Y", "bulkId:a"), group("Y", "bulkId:X"),
    )
    answer = asks_for(rfc, "return=representation", *operations)
    assert answer.headers["Preference-Applied"] == "return=representation"
    results = answer.get_json()["Operations"]
    assert [result["status"] for result in results] == ["201", "409", "200", "200", "204", "201", "201"]
    assert results[1]["response"]["scimType"] == "uniqueness"
    assert "response" not in results[4]
    assert results[0]["response"] == {key: value for key, value in read(rfc, results[0]).items() if key != "groups"}
    assert "title" not in results[2]["response"]
    for result in results[3], results[5], results[6]:  # as the last operation on it has left it
        assert result["response"] == read(rfc, result)
        assert result["response"]["meta"]["version"] == result["version"]


@pytest.mark.parametrize("preference", ["return=minimal", "respond-async"])
def test_fa_40_otherwise_a_success_has_no_response(rfc: Client, preference: str) -> None:
    answer = asks_for(rfc, preference, user("a"))
    assert answer.get_json()["Operations"][0].keys() == {"method", "bulkId", "location", "version", "status"}
    assert answer.headers.get("Preference-Applied") == (preference if preference == "return=minimal" else None)


def test_fa_40_the_answer_is_no_larger_than_a_request_may_be(rfc: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blueprint, "MOST_BYTES", 1_000)
    answer = asks_for(rfc, "return=representation", user("a"), user("c", title="x" * 900), user("b"))
    assert "Preference-Applied" not in answer.headers
    results = answer.get_json()["Operations"]
    assert [result["status"] for result in results] == ["201"] * 3
    assert ["response" in result for result in results] == [True, False, True]


def test_fa_40_a_group_whose_members_are_read_while_it_is_sent_is_left_out(new_client: Callable[[str], Client]) -> None:
    answer = asks_for(new_client("interop"), "return=representation", group("G", *(f"m{n}" for n in range(1_001))), user("a"))
    assert [("response" in result, result["status"]) for result in answer.get_json()["Operations"]] == [
        (False, "201"), (True, "201")]
    assert "Preference-Applied" not in answer.headers
