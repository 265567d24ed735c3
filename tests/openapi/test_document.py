"""The OpenAPI document is valid, has every route of the application, and is the file in docs/.

`python -m tests.openapi.test_document` writes that file.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.assembly import assemble
from app.config import Config
from app.errors import InvalidValue
from app.openapi import openapi_document
from app.openapi.operations import SCOPES
from app.schemas.custom import common_catalogue
from app.store.accounts import tokens
from app.store.accounts.tenants import Tenants
from app.store.mongo.database import Database

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"
SAMPLES = Path(__file__).parents[1] / "samples" / "schemas"
DOCUMENT = openapi_document(common_catalogue(None), "https://scim.example.com")
LEFT_OUT = {
    ("GET", "/{tenant}/scim/v2/serviceConfiguration"): "a synonym for Microsoft's collection",
    ("POST", "/{tenant}/scim/v2/Me"): "never possible: 501",
    ("GET", "/"): "leads a browser to the console",
}


PAGES = re.compile(r"/(?:console|setup|static)\b")
"""What browsers ask for."""
SIGN_ON = re.compile(r"/\{tenant\}/(?:sign-on|oauth/(?:authorize|logout|userinfo|jwks)|\.well-known/openid-configuration)")
"""What people's browsers and the apps of OpenID Connect use; its own discovery describes that."""


def written() -> str:
    """Return the text of the file in docs/."""
    return json.dumps(DOCUMENT, indent=1, ensure_ascii=False) + "\n"


def operations(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Return method and path of each operation."""
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item if method != "parameters"}


def routes(app: Flask, endpoints: list[str]) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route; those for any endpoint as often as there are endpoints."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).replace("{resource_id}", "{id}")
        if SIGN_ON.match(path) or PAGES.match(path):
            continue
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield from ((method, path.replace("/{endpoint}", endpoint)) for endpoint in endpoints)


@pytest.fixture
def app(reused_database: Database) -> Flask:
    return assemble(Config.from_environment({}), reused_database)


def test_it_is_valid() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_file_in_docs_is_the_document() -> None:
    assert FILE.read_text() == written(), "python -m tests.openapi.test_document writes it"


def test_it_has_every_route_and_no_other(app: Flask) -> None:
    assert set(routes(app, ["/Users", "/Groups"])) - set(LEFT_OUT) == operations(DOCUMENT)
    assert set(LEFT_OUT) <= set(routes(app, ["/Users", "/Groups"]))


def test_every_component_is_used() -> None:
    used = set(re.findall(r'"#/components/([\w./-]+)"', json.dumps(DOCUMENT)))
    kinds = DOCUMENT["components"].items()
    assert used == {f"{kind}/{name}" for kind, parts in kinds for name in parts if kind != "securitySchemes"}


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for item in DOCUMENT["paths"].values() for method, operation in item.items() if method != "parameters"]
    assert len(names) == len(set(names)) == len(operations(DOCUMENT))


def test_the_scopes_are_those_of_credentials() -> None:
    assert tuple(SCOPES) == tokens.SCOPES


def test_a_type_of_an_operator_has_its_paths_and_schemas(database: Database) -> None:
    folder = SAMPLES / "devices"
    document = openapi_document(common_catalogue(folder), "https://scim.example.com")
    OpenAPIV31SpecValidator(document).validate()
    app = assemble(Config.from_environment({"SCIMD_SCHEMAS_DIR": str(folder)}), database)
    endpoints = [each.endpoint for each in common_catalogue(folder).types]
    assert "/Devices" in endpoints
    assert set(routes(app, endpoints)) - set(LEFT_OUT) == operations(document)
    assert {"Device", "Device.Request", "Device.List"} <= document["components"]["schemas"].keys()


def test_everybody_reads_it_and_it_says_nothing_about_tenants(database: Database, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "badges", tmp_path / "acme")
    environ = {"SCIMD_SCHEMAS_DIR": str(tmp_path), "SCIMD_PUBLIC_URL": "https://scim.example.com"}
    app = assemble(Config.from_environment(environ), database)
    Tenants(database).create("acme", "interop")
    response = app.test_client().get("/openapi.json")
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert response.get_json() == DOCUMENT
    assert app.test_client().post("/openapi.json").status_code == 405


@pytest.mark.parametrize("name", ["openapi", "openapi.json"])
def test_no_tenant_can_have_its_name(mock_database: Database, name: str) -> None:
    with pytest.raises(InvalidValue):
        Tenants(mock_database).create(name, "interop")


if __name__ == "__main__":
    FILE.write_text(written())
