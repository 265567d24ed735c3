"""What the API takes and returns is what the OpenAPI document says, and no member is missing in it."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.test import TestResponse

from app.assembly import assemble
from app.config import Config
from app.openapi import openapi_document
from app.schemas.custom import common_catalogue
from app.store.accounts.clients import Clients
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import ENTERPRISE_URN, GROUP_URN, PATCH_URN, USER_URN

BULK_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SEARCH_URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
SCIM = "/{tenant}/scim/v2"
FULL = {
    "schemas": [USER_URN, ENTERPRISE_URN], "userName": "jane@example.com", "externalId": "e-1", "displayName": "Jane",
    "name": {"givenName": "Jane", "familyName": "Doe", "formatted": "Jane Doe"}, "active": True, "password": "s3cret-s3cret",
    "emails": [{"value": "jane@example.com", "type": "work", "primary": True}], "profileUrl": "https://example.com/jane",
    "addresses": [{"locality": "Berlin", "type": "work"}], "x509Certificates": [{"value": "AAEC"}],
    ENTERPRISE_URN: {"department": "Sales"},
}


def closed(schema: Any) -> Any:
    """Return a document in which no object may have members that it does not name.

    Sub-attributes are left open: the schema of schemas has those of `attributes.subAttributes`, one level more than any
    other one, and than its own table knows.
    """
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: value if name == "subAttributes" else closed(value) for name, value in schema.items()}
    return found | ({"additionalProperties": False} if found.get("type") == "object" and "properties" in found else {})


DOCUMENT = closed(openapi_document(common_catalogue(None), "http://127.0.0.1:8000"))
REGISTRY = Registry().with_resource("urn:openapi", Resource(contents=DOCUMENT, specification=DRAFT202012))


def fits(value: Any, *path: str) -> None:
    """Check a value with the schema at a path in the document."""
    pointer = "/".join(each.replace("~", "~0").replace("/", "~1") for each in path)
    Draft202012Validator({"$ref": f"urn:openapi#/{pointer}"}, registry=REGISTRY).validate(value)


class Caller:
    """Sends requests for a tenant, and compares them and their responses with the document."""

    def __init__(self, app: Flask, tenant: str, token: str) -> None:
        self._client = app.test_client()
        self.tenant = tenant
        self.headers = {"Authorization": f"Bearer {token}"}

    def __call__(
        self, method: str, path: str, body: Any = None, *, status: int = 200, headers: dict[str, str] | None = None, **values: str
    ) -> Any:
        """Send a request to a path of the document, with these values in it and a query behind it."""
        template, _, query = path.partition("?")
        url = re.sub(r"\{(\w+)\}", lambda match: ({"tenant": self.tenant} | values)[match[1]], template)
        sent = self.headers if headers is None else headers
        response = self._client.open(f"{url}?{query}", method=method, json=body, headers=sent)
        assert response.status_code == status, response.get_data(as_text=True)
        where = ("paths", template, method.lower())
        if body is not None and status < 400:
            fits(body, *where, "requestBody", "content", "application/json", "schema")
        return returned(response, *where)


def returned(response: TestResponse, *where: str) -> Any:
    """Check the body and the headers of a response, and return the body."""
    described = DOCUMENT
    for each in where:
        described = described[each]
    found, at = described["responses"][str(response.status_code)], (*where, "responses", str(response.status_code))
    if "$ref" in found:
        at = tuple(found["$ref"].removeprefix("#/").split("/"))
        found = DOCUMENT["components"]["responses"][at[-1]]
    assert set(found.get("headers", ())) <= set(response.headers.keys())
    if "content" not in found:
        assert not response.data
        return None
    body = json.loads(response.data)
    fits(body, *at, "content", response.content_type, "schema")
    return body


@pytest.fixture(scope="module")
def own_database(mongod: Database) -> Iterator[Database]:
    fresh = Database(mongod.client, f"openapi-{uuid.uuid4().hex}")
    yield fresh
    mongod.client.drop_database(fresh.db.name)


@pytest.fixture(scope="module")
def application(own_database: Database) -> Flask:
    return assemble(Config.from_environment({"SCIMD_RATE_LIMIT": "off"}), own_database)


@pytest.fixture(params=["gallery", pytest.param("interop", marks=pytest.mark.long), "rfc"])
def call(application: Flask, own_database: Database, request: pytest.FixtureRequest) -> Caller:
    """Return the caller for a new tenant with each of the profiles."""
    name = f"{request.param}-{uuid.uuid4().hex[:12]}"
    Tenants(own_database).create(name, request.param)
    return Caller(application, name, Tokens(own_database).issue(name)[0])


def test_resources(call: Caller) -> None:
    jane = call("POST", f"{SCIM}/Users", FULL, status=201)
    group = call("POST", f"{SCIM}/Groups", {"schemas": [GROUP_URN], "displayName": "Sales", "members": [{"value": jane["id"]}]}, status=201)
    assert call("GET", f"{SCIM}/Users/{{id}}?attributes=groups", id=jane["id"])["groups"]
    assert call("GET", f"{SCIM}/Groups/{{id}}", id=group["id"])["members"]
    call("PUT", f"{SCIM}/Users/{{id}}", FULL | {"title": "Boss"}, id=jane["id"])
    patch = {"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "title", "value": "Chief"}]}
    assert call("PATCH", f"{SCIM}/Users/{{id}}", patch, id=jane["id"])["title"] == "Chief"
    call("DELETE", f"{SCIM}/Groups/{{id}}", status=204, id=group["id"])


def test_a_group_is_patched_without_a_body_where_the_profile_says_so(call: Caller) -> None:
    group = call("POST", f"{SCIM}/Groups", {"schemas": [GROUP_URN], "displayName": "Sales"}, status=201)
    patch = {"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "displayName", "value": "Buyers"}]}
    call("PATCH", f"{SCIM}/Groups/{{id}}", patch, status=200 if call.tenant.startswith("rfc-") else 204, id=group["id"])


def test_searches(call: Caller) -> None:
    for number in range(3):
        call("POST", f"{SCIM}/Users", FULL | {"userName": f"u{number}"}, status=201)
    call("POST", f"{SCIM}/Groups", {"schemas": [GROUP_URN], "displayName": "Sales"}, status=201)
    assert call("GET", f"{SCIM}/Users?filter=userName sw \"u\"&attributes=userName")["totalResults"] == 3
    assert call("GET", f"{SCIM}/Users?cursor=&count=2")["nextCursor"]
    assert call("GET", f"{SCIM}/?count=200")["totalResults"] == 4
    search = {"schemas": [SEARCH_URN], "filter": 'userName eq "u1"', "count": 10, "attributes": ["userName"]}
    assert call("POST", f"{SCIM}/Users/.search", search)["totalResults"] == 1
    assert call("POST", f"{SCIM}/.search", search)["totalResults"] == 1


def test_bulk(call: Caller) -> None:
    create = {"method": "POST", "path": "/Users", "bulkId": "a", "data": FULL}
    nobody = {"method": "DELETE", "path": "/Users/nobody"}
    results = call("POST", f"{SCIM}/Bulk", {"schemas": [BULK_URN], "Operations": [create, nobody]})["Operations"]
    assert [result["status"] for result in results] == ["201", "404"]


@pytest.mark.parametrize("path", ["ServiceProviderConfig", "ResourceTypes", "Schemas"])
def test_discovery(call: Caller, path: str) -> None:
    call("GET", f"{SCIM}/{path}")


def test_discovery_of_one(call: Caller) -> None:
    call("GET", f"{SCIM}/ResourceTypes/{{name}}", name="User")
    call("GET", f"{SCIM}/Schemas/{{urn}}", urn=USER_URN)


def test_refusals(call: Caller) -> None:
    jane = call("POST", f"{SCIM}/Users", FULL, status=201)
    one = f"{SCIM}/Users/{{id}}"
    assert call("POST", f"{SCIM}/Users", FULL, status=409)["scimType"] == "uniqueness"
    assert call("GET", f"{SCIM}/Users?filter=x", status=400)["scimType"] == "invalidFilter"
    call("GET", f"{SCIM}/Users", status=401, headers={})
    call("GET", one, status=404, id="nobody")
    call("GET", f"{SCIM}/Me", status=501)
    call("DELETE", one, status=412, id=jane["id"], headers={**call.headers, "If-Match": 'W/"9"'})
    call("GET", one, status=304, id=jane["id"], headers={**call.headers, "If-None-Match": 'W/"1"'})


def test_a_token_that_may_only_read(application: Flask, own_database: Database, call: Caller) -> None:
    reading = Caller(application, call.tenant, Tokens(own_database).issue(call.tenant, scopes=["scim.read"])[0])
    assert reading("GET", f"{SCIM}/Users")["totalResults"] == 0
    reading("POST", f"{SCIM}/Users", FULL, status=403)


def test_oauth(application: Flask, own_database: Database, call: Caller) -> None:
    client, secret = Clients(own_database).create(call.tenant, lifetime=timedelta(days=1))[:2]
    where = ("paths", "/{tenant}/oauth/token", "post")
    form = {"grant_type": "client_credentials"}
    fits(form, *where, "requestBody", "content", "application/x-www-form-urlencoded", "schema")
    basic = base64.b64encode(f"{client.id}:{secret}".encode()).decode()
    response = application.test_client().post(f"/{call.tenant}/oauth/token", data=form, headers={"Authorization": f"Basic {basic}"})
    assert returned(response, *where)["token_type"] == "Bearer"
    refused = application.test_client().post(f"/{call.tenant}/oauth/token", data=form)
    assert (refused.status_code, returned(refused, *where)["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health(call: Caller, path: str) -> None:
    call("GET", path, headers={})
