"""Bulk over HTTP (RFC 7644 section 3.7) and /Me."""

from typing import Any

import pytest

from app import create_app
from app.config import Config
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import ENTERPRISE_URN, ERROR_URN, GROUP_URN, PATCH_URN, USER_URN, Client
from tests.conftest import spend

BULK_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def bulk(client: Client, *operations: Any, **more: Any) -> list[dict[str, Any]]:
    answer = client("POST", "/Bulk", {"schemas": [BULK_URN], "Operations": list(operations)} | more)
    assert answer.status_code == 200, answer.get_json()
    assert "failOnErrors" not in answer.get_json()
    return answer.get_json()["Operations"]


def user(bulk_id: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/Users", "bulkId": bulk_id,
            "data": {"schemas": [USER_URN], "userName": name or bulk_id} | more}


def group(bulk_id: str, *members: str) -> dict[str, Any]:
    return {"method": "POST", "path": "/Groups", "bulkId": bulk_id,
            "data": {"schemas": [GROUP_URN], "displayName": bulk_id, "members": [{"value": m} for m in members]}}


def read(client: Client, result: dict[str, Any]) -> dict[str, Any]:
    return client("GET", result["location"].partition("/scim/v2")[2]).get_json()


def test_bu_02_to_08_every_method_and_a_failure_between(rfc: Client) -> None:
    old, gone = rfc.user("old"), rfc.user("gone")
    results = bulk(
        rfc, user("new"), user("twice", "OLD"),
        {"method": "put", "path": f"/Users/{old['id']}", "data": {"schemas": [USER_URN], "userName": "old", "title": "T"}},
        {"method": "PATCH", "path": f"Users/{old['id']}", "bulkId": "p",
         "data": {"schemas": [PATCH_URN], "Operations": [{"op": "add", "path": "nickName", "value": "N"}]}},
        {"method": "DELETE", "path": f"/Users/{gone['id']}"},
    )
    assert [result["status"] for result in results] == ["201", "409", "200", "200", "204"]
    assert [result.get("bulkId") for result in results] == ["new", "twice", None, "p", None]
    assert results[1]["response"]["schemas"] == [ERROR_URN]
    assert results[1]["response"]["scimType"] == "uniqueness"
    assert "location" not in results[1]
    assert results[0]["version"] == read(rfc, results[0])["meta"]["version"]
    after = read(rfc, results[3])
    assert (after["title"], after["nickName"]) == ("T", "N")
    assert sorted(rfc.found("/Users")) == ["new", "old"]


@pytest.mark.parametrize(("operation", "status"), [
    ({"method": "GET", "path": "/Users"}, "400"), ({"path": "/Users"}, "400"), ("x", "400"),
    ({"method": "POST", "path": "/Users", "data": {}}, "400"), ({"method": "DELETE", "path": "/Users"}, "405"),
    ({"method": "DELETE", "path": "http://evil/Users/1"}, "400"), ({"method": "DELETE", "path": "/Users/1?x"}, "400"),
    ({"method": "DELETE", "path": "/Nothing/1"}, "404"), ({"method": "DELETE", "path": "/Users/1"}, "404"),
    ({"method": "POST", "path": "/Bulk", "bulkId": "x", "data": {}}, "400"), ({"method": "PUT", "path": "/Users/1"}, "400"),
    ({"method": "PATCH", "path": "/Users/1", "data": {}, "version": 5}, "400"),
    ({"method": "POST", "path": "/Users", "bulkId": "x", "data": {"schemas": [USER_URN]}}, "400"),
    ({"method": "POST", "path": "/Users/1", "bulkId": "x", "data": {}}, "405"),
    ({"method": "PUT", "path": "/Groups", "data": {}}, "405"), ({"method": "PATCH", "path": "/Users", "data": {}}, "405"),
    ({"method": "PATCH", "path": "/Me", "data": {}}, "400"), ({"method": "DELETE", "path": "/Schemas/1"}, "400"),
    ({"method": "POST", "path": "/.search", "bulkId": "x", "data": {}}, "400"), ({"method": "DELETE", "path": "/Nothing"}, "404"),
])
def test_bu_19_to_21_what_is_wrong_fails_alone(rfc: Client, operation: Any, status: str) -> None:
    results = bulk(rfc, user("a"), operation, user("b"))
    assert [result["status"] for result in results] == ["201", status, "201"]
    failed = results[1]
    assert ("scimType" in failed["response"]) == (status == "400")  # ER-04
    assert "location" not in failed or failed["method"] != "POST"


def test_bu_06_only_a_failed_post_has_no_location(rfc: Client) -> None:
    path = "/Users/00000000-0000-0000-0000-000000000000"
    data = {"PUT": {"schemas": [USER_URN], "userName": "a"}, "PATCH": {"schemas": [PATCH_URN], "Operations": []}}
    failed = [{"method": method, "path": path, "data": data.get(method)} for method in ("PUT", "PATCH", "DELETE")]
    *others, post, nowhere = bulk(rfc, *failed, user("a", " "), {"method": "DELETE", "path": "/Nothing/1"})
    assert [result["status"] for result in others] == ["404"] * 3
    assert all(result["location"].endswith(f"{rfc.base}{path}") for result in others)
    assert "location" not in post
    assert "location" not in nowhere


@pytest.mark.parametrize("operation", [
    {"method": "POST", "path": "/Groups", "data": {"schemas": [GROUP_URN], "displayName": "G"}},
    {"method": "PATCH", "path": "/Users/1", "data": [{"op": "add", "path": "title", "value": "T"}]},
], ids=["no bulkId", "operations alone"])
def test_the_strict_profile_takes_each_operation_as_the_rfc_has_it_only(rfc: Client, operation: dict[str, Any]) -> None:
    assert [(result["status"], result["response"]["scimType"]) for result in bulk(rfc, operation)] == [("400", "invalidSyntax")]


@pytest.mark.parametrize("bulk_id", [5, "", [], {}])
def test_a_bulk_id_that_is_no_text_is_refused_in_every_profile(gallery: Client, bulk_id: Any) -> None:
    operation = {"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": {"displayName": "G"}}
    assert [result["status"] for result in bulk(gallery, operation)] == ["400"]


def test_without_a_bulk_id_failures_and_references_are_as_with_one(gallery: Client) -> None:
    person = user("a", displayName="a")
    person["data"]["name"] = {"givenName": "G", "familyName": "F", "formatted": "G F"}
    made = {"method": "POST", "path": "/Groups", "data": {"displayName": "G", "members": [{"value": "bulkId:a"}]}}
    failed = {"method": "POST", "path": "/Users", "data": {"displayName": "b"}}
    results = bulk(gallery, made, failed, person)
    assert [(result["status"], result.get("bulkId")) for result in results] == [("201", None), ("400", None), ("201", "a")]
    assert [each["display"] for each in read(gallery, results[0])["members"]] == ["a"]


def test_bu_09_fail_on_errors(rfc: Client) -> None:
    results = bulk(rfc, user("a"), user("b", "A"), user("c"), failOnErrors=1)
    assert [result["status"] for result in results] == ["201", "409"]
    assert rfc.found("/Users") == ["a"]


@pytest.mark.parametrize("message", [
    {"schemas": []}, {"schemas": [BULK_URN]}, {"schemas": [BULK_URN], "Operations": []},
    {"schemas": [BULK_URN], "Operations": {}}, {"schemas": [BULK_URN], "Operations": [{}], "failOnErrors": 0},
    {"schemas": [BULK_URN], "Operations": [{}], "failOnErrors": "1"},
])
def test_bu_01_and_10_bad_messages(rfc: Client, message: dict) -> None:
    assert rfc("POST", "/Bulk", message).status_code == 400


def test_bu_16_and_17_limits(rfc: Client) -> None:
    config = rfc("GET", "/ServiceProviderConfig").get_json()["bulk"]
    operations = [{"method": "DELETE", "path": "/Users/1"}] * (config["maxOperations"] + 1)
    answer = rfc("POST", "/Bulk", {"schemas": [BULK_URN], "Operations": operations})
    assert answer.status_code == 413
    assert str(config["maxOperations"]) in answer.get_json()["detail"]
    assert rfc("POST", "/Bulk", b'{"x": "' + b"x" * config["maxPayloadSize"] + b'"}').status_code == 413


def test_bu_11_and_12_references_forward_and_back(rfc: Client) -> None:
    results = bulk(
        rfc, group("G", "bulkId:a", "bulkId:b"), user("a", **{ENTERPRISE_URN: {"manager": {"value": "bulkId:b"}}}), user("b"),
        {"method": "PATCH", "path": "/Groups/bulkId:G",
         "data": {"schemas": [PATCH_URN], "Operations": [{"op": "remove", "path": 'members[value eq "bulkId:b"]'}]}},
    )
    assert [result["status"] for result in results] == ["201", "201", "201", "200"]
    ids = {result["bulkId"]: read(rfc, result)["id"] for result in results[:3]}
    assert [member["value"] for member in read(rfc, results[0])["members"]] == [ids["a"]]
    assert read(rfc, results[1])[ENTERPRISE_URN]["manager"]["value"] == ids["b"]


def test_bu_11_a_text_is_no_reference(rfc: Client) -> None:
    """RFC 7644 section 3.7.2: a bulkId stands for the id of a resource, and so where an id stands."""
    texts = ("see bulkId:b", "bulkId:b and others", "bulkId:", "mybulkId:b", "(bulkId:none)")
    created = bulk(rfc, *(user(f"u{n}") | {"data": user(f"u{n}")["data"] | {"title": text}} for n, text in enumerate(texts)),
                   user("b"))
    assert [result["status"] for result in created] == ["201"] * 6
    assert tuple(read(rfc, result)["title"] for result in created[:-1]) == texts
    group_of = {"method": "POST", "path": "/Groups", "bulkId": "G", "data": {
        "schemas": [GROUP_URN], "displayName": "G", "members": [{"$ref": f"{rfc.base}/Users/bulkId:c"}]}}
    ids = {"schemas": [PATCH_URN], "Operations": [{"op": "remove", "path": 'members[value eq "bulkId:c"]'}]}
    results = bulk(rfc, group_of, user("c"), {"method": "PATCH", "path": "/Groups/bulkId:G", "data": ids})
    assert [result["status"] for result in results] == ["201", "201", "200"]
    assert "members" not in read(rfc, results[0])


def test_bu_13_circles_are_resolved(rfc: Client) -> None:
    results = bulk(rfc, group("A", "bulkId:B"), group("B", "bulkId:C"), group("C", "bulkId:A", "bulkId:C"))
    assert [result["status"] for result in results] == ["201"] * 3
    shown = {result["bulkId"]: read(rfc, result) for result in results}
    ids = {name: shown[name]["id"] for name in shown}
    assert {name: {m["value"] for m in shown[name]["members"]} for name in shown} == {
        "A": {ids["B"]}, "B": {ids["C"]}, "C": {ids["A"], ids["C"]}}
    managers = bulk(rfc, user("x", **{ENTERPRISE_URN: {"manager": {"value": "bulkId:y"}, "department": "D"}}),
                    user("y", **{ENTERPRISE_URN: {"manager": {"value": "bulkId:x"}}}))
    assert [result["status"] for result in managers] == ["201"] * 2
    first, second = (read(rfc, result) for result in managers)
    assert first[ENTERPRISE_URN]["manager"]["value"] == second["id"]
    assert first[ENTERPRISE_URN]["department"] == "D"
    assert second[ENTERPRISE_URN]["manager"]["value"] == first["id"]


def test_bu_13_a_reference_to_itself_is_resolved(rfc: Client) -> None:
    results = bulk(rfc, user("a", **{ENTERPRISE_URN: {"manager": {"value": "bulkId:a"}}}), user("b"),
                   group("A", "bulkId:A", "bulkId:b"), group("B", "bulkId:none", "bulkId:B"))
    assert [result["status"] for result in results] == ["201", "201", "201", "409"]
    boss, b, own = (read(rfc, result) for result in results[:3])
    assert boss[ENTERPRISE_URN]["manager"]["value"] == boss["id"]
    assert {member["value"] for member in own["members"]} == {own["id"], b["id"]}
    assert results[2]["version"] == own["meta"]["version"]
    assert rfc.found("/Groups") == ["A"]


@pytest.mark.parametrize("limit", [{}, {"failOnErrors": 1}])
def test_bu_06_and_13_and_cr_11_a_circle_that_cannot_be_closed_leaves_nothing(rfc: Client, limit: dict[str, int]) -> None:
    """RFC 7644 section 3.7.3: what has failed has no location; B is made before A, which then fails, and so does B."""
    rfc.user("taken")
    results = bulk(rfc, group("A", "bulkId:u", "bulkId:B"), group("B", "bulkId:A"), user("u", "TAKEN"), user("v"), **limit)
    by_id = {result["bulkId"]: result for result in results}
    assert {by_id[name]["status"] for name in by_id if name != "v"} == {"409"}
    assert not any("location" in result or "version" in result for result in results if result["status"] == "409")
    assert {"B", "u"} <= by_id.keys()
    assert rfc.found("/Groups") == []
    assert sorted(rfc.found("/Users")) == sorted({"taken"} | ({"v"} & by_id.keys()))


def test_bu_04_and_14_bulk_ids_that_stand_for_nothing(rfc: Client) -> None:
    results = bulk(rfc, user("a"), user("a", "other"), group("G", "bulkId:none"), group("H", "bulkId:bad"),
                   {"method": "POST", "path": "/Users", "bulkId": "bad", "data": {"schemas": [USER_URN]}})
    assert [result["status"] for result in results] == ["201", "400", "409", "409", "400"]


def test_bu_15_version(rfc: Client) -> None:
    created = rfc.user("a")
    change = {"schemas": [PATCH_URN], "Operations": [{"op": "add", "path": "title", "value": "T"}]}
    operation = {"method": "PATCH", "path": f"/Users/{created['id']}", "data": change}
    results = bulk(rfc, operation | {"version": 'W/"7"'}, operation | {"version": created["meta"]["version"]})
    assert [result["status"] for result in results] == ["412", "200"]


def test_bu_24_a_thousand_in_a_chain(rfc: Client) -> None:
    chain = [user(f"u{n}", **{ENTERPRISE_URN: {"manager": {"value": f"bulkId:u{n + 1}"}}}) for n in range(299)]
    results = bulk(rfc, *chain, user("u299"))
    assert {result["status"] for result in results} == {"201"}
    assert rfc("GET", "/Users?count=0").get_json()["totalResults"] == 300


def test_me_01_to_04_me_is_the_user_of_the_credential(rfc: Client, http_database: Database) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE", "POST"):
        assert rfc(method, "/Me", {}).status_code == 501
    created = rfc.user("me")
    rfc.headers = {"Authorization": f"Bearer {Tokens(http_database).issue(rfc.tenant, user=created['id'])[0]}"}
    answer = rfc("GET", "/Me")
    assert (answer.get_json(), answer.headers["Location"]) == (created, created["meta"]["location"])
    changed = rfc.patch("/Me", {"op": "add", "path": "title", "value": "T"})
    assert changed.headers["Location"] == created["meta"]["location"]
    assert rfc("GET", "/Me?attributes=title").get_json()["title"] == "T"
    assert rfc("GET", "/Me", If_None_Match=changed.headers["ETag"]).status_code == 304


def test_me_02_and_03_and_06_me_is_the_user_itself(rfc: Client, http_database: Database) -> None:
    created = rfc.user("me")
    path, kept = f"/Users/{created['id']}", rfc.headers
    mine = {"Authorization": f"Bearer {Tokens(http_database).issue(rfc.tenant, user=created['id'])[0]}"}

    def both(method: str, query: str = "", body: Any = None, **headers: str) -> None:
        answers = []
        for place, rfc.headers in (("/Me", mine), (path, kept)):
            answers.append(rfc(method, place + query, body, **headers))
        direct, usual = answers
        assert (direct.status_code, direct.get_json(silent=True)) == (usual.status_code, usual.get_json(silent=True))
        assert direct.headers.get("ETag") == usual.headers.get("ETag")
        if direct.status_code < 400:
            assert direct.headers["Location"] == created["meta"]["location"]

    both("GET")
    both("GET", "?attributes=userName")
    both("GET", If_None_Match=created["meta"]["version"])
    both("PATCH", body={"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "title", "value": "T"}]})
    both("PATCH", body={"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "bogus", "value": "T"}]})
    both("PUT", body=created)
    both("PUT", body=created, If_Match='W/"99"')
    both("PUT", body={"schemas": [USER_URN]})
    rfc.headers = mine
    assert rfc("POST", "/Me", created).status_code == 501  # creating oneself is optional, and not for us


def test_bu_18_limits_are_announced(rfc: Client) -> None:
    config = rfc("GET", "/ServiceProviderConfig").get_json()["bulk"]
    assert config["supported"] is True
    assert config["maxOperations"] >= 1_000
    assert config["maxPayloadSize"] >= 1_048_576


def test_bu_22_and_25_what_a_response_has(rfc: Client) -> None:
    message = {"schemas": [BULK_URN], "Operations": [user("a")], "failOnErrors": 5}
    answer = rfc("POST", "/Bulk", message).get_json()
    assert answer.keys() == {"schemas", "Operations"}
    assert answer["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]
    assert answer["Operations"][0].keys() == {"method", "bulkId", "location", "version", "status"}


def test_bu_23_later_operations_see_what_earlier_ones_did(rfc: Client) -> None:
    old = rfc.user("old")["id"]
    results = bulk(
        rfc, user("a"), user("b", "A"), {"method": "DELETE", "path": f"/Users/{old}"}, user("c", "old"),
        {"method": "DELETE", "path": f"/Users/{old}"},
    )
    assert [result["status"] for result in results] == ["201", "409", "204", "201", "404"]


def test_fa_09_a_bulk_is_counted_by_its_operations(rfc: Client, http_database: Database) -> None:
    client = Client(create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "25"}), http_database), rfc.tenant, "")
    client.headers = rfc.headers
    body = {"schemas": [BULK_URN], "Operations": [{"method": "DELETE", "path": "/Users/nobody"}] * 1_000}
    ended = body | {"failOnErrors": 1}  # after the first one; all of them have been counted
    assert client("POST", "/Bulk", ended).status_code == 200  # a tenant that was quiet may send as many as there can be
    spend(http_database, rfc.tenant, 450)
    body["Operations"] = [user(str(number)) for number in range(1_000)]
    refused = client("POST", "/Bulk", body)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 1
    assert client("GET", "/Users?count=0").get_json()["totalResults"] == 0
