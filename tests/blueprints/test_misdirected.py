"""Requests for paths that do not exist: a valid credential's customer finds them in its log, and nobody else is told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.advice.explain import explain, plain
from app.auth import authenticator
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import Client
from tests.conftest import Fault


@pytest.fixture
def client(gallery: Client, http_database: Database) -> Client:
    """A client that names whole paths."""
    gallery.base = ""
    return gallery


def logged(database: Database, tenant: str) -> list[dict[str, Any]]:
    return list(database.db.events.find({"tenant": tenant, "failed": True}))


@pytest.mark.parametrize(("method", "path", "check", "received"), [
    ("GET", "/{t}/scim/v2/Users/Users?filter=userName%20eq%20%22a%22", "end of the Tenant URL", "/{t}/scim/v2/Users"),
    ("GET", "/{t}/scim/v2/Users/Groups", "end of the Tenant URL", "/{t}/scim/v2/Users"),
    ("GET", "/{t}/scim/v2/users/Schemas", "end of the Tenant URL", "/{t}/scim/v2/users"),
    ("POST", "/{t}/scim/v2/Users/Users", "end of the Tenant URL", "/{t}/scim/v2/Users"),
    ("PATCH", "/{t}/scim/v2/Users/Users/515843d1-9399-4b92-b884-9de3e60554c2", "end of the Tenant URL", "/{t}/scim/v2/Users"),
    ("GET", "/{t}/scim/v2/ServiceProviderConfig/Users", "end of the Tenant URL", "/{t}/scim/v2/ServiceProviderConfig"),
    ("GET", "/{t}/scim/v2/scim/v2/Users", "end of the Tenant URL", "/{t}/scim/v2/scim/v2"),
    ("GET", "/{t}/scim/v1/Users", "end of the Tenant URL", "/{t}/scim/v1"),
    ("GET", "/{t}/Users", "end of the Tenant URL", "/{t}"),
    ("POST", "/{t}/Users", "end of the Tenant URL", "/{t}"),
    ("GET", "/{t}/{t}/scim/v2/Groups", "end of the Tenant URL", "/{t}/{t}/scim/v2"),
    ("GET", "/scim/v2/Users", "end of the Tenant URL", "/scim/v2"),
    ("GET", "/Users", "end of the Tenant URL", "/"),
    ("GET", "/{t}/scim/v2/Userz", "path", "/Userz"),
    ("POST", "/{t}/scim/v2/Userz", "path", "/Userz"),
    ("PUT", "/{t}/scim/v2/Users/x/y", "path", "/Users/x/y"),
])
def test_a_wrong_path_is_in_the_log_of_the_credentials_customer(
    client: Client, http_database: Database, method: str, path: str, check: str, received: str
) -> None:
    answer = client(method, path.format(t=client.tenant), {} if method != "GET" else None)
    assert answer.status_code in (400, 404)
    [event] = logged(http_database, client.tenant)
    assert (event["cause"], event["operation"], event.get("attribute")) == ("wrong-url", "request", None)
    why = explain(event)
    [row] = why.rows
    expected = "/Users or /Groups" if check == "path" else f"/{client.tenant}/scim/v2"
    assert (row.name, row.expected, row.received) == (check, expected, received.format(t=client.tenant))
    assert why.sentence.endswith(f"the {check} should be {expected}, and is {row.received}.")
    assert plain(why.steps[0]) == "Copy the whole Tenant URL again, and nothing else: it ends in /scim/v2."


def test_the_token_endpoint_in_place_of_the_tenant_url_is_told(client: Client, http_database: Database) -> None:
    answer = client._client.get(f"/{client.tenant}/oauth/token/Users", headers=client.headers)  # an error of OAuth
    assert (answer.status_code, answer.get_json()["error"]) == (404, "invalid_request")
    [event] = logged(http_database, client.tenant)
    assert event["problems"][0]["received"] == f"/{client.tenant}/oauth/token"


def received(database: Database, tenant: str) -> list[str]:
    return sorted(event["problems"][0]["received"].removeprefix(f"/{tenant}") for event in logged(database, tenant))


def test_a_minute_has_one_line_for_each_wrong_path(
    client: Client, http_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "_PATHS", 2**32)  # of a thousand, two paths share a bucket now and then
    for number in range(20):
        client("GET", f"/{client.tenant}/Users/{number}")
        client("POST", f"/{client.tenant}/scim/v2/Users/Users", {})
        client("GET", f"/{client.tenant}/scim/v2/Userz")
    assert received(http_database, client.tenant) == ["", "/Userz", "/scim/v2/Users"]


def test_of_many_different_wrong_paths_a_minute_has_five_lines(client: Client, http_database: Database) -> None:
    for number in range(20):
        client("GET", f"/{client.tenant}/scim/v2/Userz/{number}")
    assert received(http_database, client.tenant) == [f"/Userz/{number}" for number in range(5)]


def test_a_client_that_asks_for_any_number_of_wrong_paths_has_few_buckets(
    client: Client, http_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "_PATHS", 2)
    for number in range(20):
        client("GET", f"/{client.tenant}/scim/v2/Userz/{number}")
    assert len(logged(http_database, client.tenant)) == 2
    assert http_database.db.counters.count_documents({"_id": {"$regex": f"wrong-url of {client.tenant}"}}) == 3


@pytest.mark.parametrize("path", ["/{t}/Users", "/Users", "/nothing/at/all"])
def test_without_a_valid_credential_a_wrong_path_leaves_nothing_and_gets_the_same_answer(
    client: Client, http_database: Database, path: str
) -> None:
    good = client.headers["Authorization"].removeprefix("Bearer ")
    tokens = Tokens(http_database)
    every, _ = tokens.issue("*", scopes=["events.read"])
    revoked, token = tokens.issue(client.tenant)
    tokens.revoke(token.id)
    own = client("GET", path.format(t=client.tenant)).get_json()
    http_database.db.events.delete_many({})
    texts = {"cut": good[:-3], "wrong": re.sub("[0-9a-f]{64}$", "0" * 64, good), "revoked": revoked, "all": every}
    sent = ("Basic YTpi", "Bearer x", "Bearer {cut}", "Bearer {wrong}", "Bearer {revoked}", "Bearer {all}", "Bearer ey.ey.x")
    for headers in ({}, *({"Authorization": credential.format(**texts)} for credential in sent)):
        client.headers = headers
        answer = client("GET", path.format(t=client.tenant))
        assert (answer.status_code, answer.get_json()) == (404, own), headers
        assert http_database.db.events.count_documents({}) == 0, headers


def test_another_customers_log_has_nothing_of_it(client: Client, rfc: Client, http_database: Database) -> None:
    client("GET", f"/{rfc.tenant}/Users")
    assert logged(http_database, rfc.tenant) == []
    [event] = logged(http_database, client.tenant)
    assert event["problems"] == [{"path": "end of the Tenant URL", "expected": f"/{client.tenant}/scim/v2", "received": f"/{rfc.tenant}"}]


def test_a_token_in_the_path_is_not_kept_and_a_long_path_is_cut(client: Client, http_database: Database) -> None:
    token = client.headers["Authorization"].removeprefix("Bearer ")
    client("GET", f"/{client.tenant}/{token}/{'x' * 3_000}/Users")
    [event] = logged(http_database, client.tenant)
    assert token not in repr(event) and "(a secret)" in event["problems"][0]["received"]
    assert len(repr(event["problems"])) < 500


def test_an_id_that_does_not_exist_is_no_wrong_path(client: Client, http_database: Database) -> None:
    for path in ("/Users/515843d1-9399-4b92-b884-9de3e60554c2", "/Users/x", "/Schemas/x", "/ResourceTypes/Users"):
        assert client("GET", f"/{client.tenant}/scim/v2{path}").status_code == 404
    assert client("PUT", f"/{client.tenant}/scim/v2/Users").status_code == 405
    assert [event["cause"] for event in logged(http_database, client.tenant)] == ["bad-path"]


def test_while_the_database_does_not_answer_an_unknown_path_is_one(client: Client, http_database: Database, fault: Fault) -> None:
    away = fault(["find"], "alwaysOn", errorCode=91, namespace=f"{http_database.db.name}.tokens")
    with away, http_database.budget(1):  # a request has 20 seconds
        assert client("GET", f"/{client.tenant}/Users").status_code == 404
    assert logged(http_database, client.tenant) == []
