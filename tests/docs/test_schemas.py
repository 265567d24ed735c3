"""docs/schemas.md: its files work where the page puts them, and do what it says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from app.assembly import assemble
from app.config import Config
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.mongo.database import Database
from tests.blueprints.conftest import Client
from tests.docs import pages

PAGE = "docs/schemas.md"
BADGE, DEVICE_TYPE = pages.blocks(PAGE, "json")
DEVICES = pages.ROOT / re.search(r"`(tests/samples/schemas/\w+)`", pages.text(PAGE))[1]  # type: ignore[index]
TREE = pages.blocks(PAGE, "")[0]


@pytest.fixture
def database(reused_database: Database) -> Database:
    return reused_database


def new_client(database: Database, folder: Path, tenant: str) -> Client:
    app = assemble(Config.from_environment({"SCIMD_RATE_LIMIT": "off", "SCIMD_SCHEMAS_DIR": str(folder)}), database)
    Tenants(database).create(tenant, "rfc")
    return Client(app, tenant, Tokens(database).issue(tenant)[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as the page shows it, with the page's badge for the tenant acme only."""
    assert re.search(r"acme/\n +badge\.json +for the tenant acme alone", TREE)
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "badge.json").write_text(BADGE)
    return tmp_path


def test_the_badge_is_a_part_of_a_user(database: Database, folder: Path) -> None:
    client = new_client(database, folder, "acme")
    urn, badge = json.loads("{" + re.search(r"`(\"urn:example[^`]*)`", pages.text(PAGE))[1] + "}").popitem()  # type: ignore[index]
    made = client.user("jane@x", **{urn: badge | {"doors": ["front"], "validUntil": "2030-01-01T00:00:00Z"}})
    client.user("john@x")
    condition = re.search(r"filters by `([^`]+)`", pages.text(PAGE))[1]  # type: ignore[index]
    assert client.found(f"/Users?filter={condition}") == ["jane@x"]
    assert urn in [each["id"] for each in client("GET", "/Schemas").get_json()["Resources"]]
    short = re.search(rf"`{re.escape(urn)}` is `(\w+)`", pages.text(PAGE))[1]  # type: ignore[index]
    stored = database.db.users.find_one({"_id": made["id"]})
    assert stored is not None
    assert stored[short]["badgeNumber"] == badge["badgeNumber"]
    again = client("POST", "/Users", {"schemas": made["schemas"], "userName": "jim@x", urn: badge})
    assert (again.status_code, again.get_json()["scimType"]) == (409, "uniqueness")


def test_another_tenant_has_no_badge(database: Database, folder: Path) -> None:
    client = new_client(database, folder, "other")
    assert json.loads(BADGE)["id"] not in [each["id"] for each in client("GET", "/Schemas").get_json()["Resources"]]


def test_the_resource_type_has_an_endpoint(database: Database, tmp_path: Path) -> None:
    shutil.copytree(DEVICES, tmp_path / "schemas")
    (tmp_path / "schemas" / "device_type.json").write_text(DEVICE_TYPE)
    (tmp_path / "schemas" / "endpoint_apps.json").unlink()  # the page's type does not name it
    client = new_client(database, tmp_path / "schemas", "acme")
    made = client("POST", "/Devices", {"schemas": [json.loads(DEVICE_TYPE)["schema"]], "displayName": "Lamp", "active": True})
    assert made.status_code == 201, made.get_json()
    assert client("GET", f"/Devices/{made.get_json()['id']}").get_json()["displayName"] == "Lamp"
    assert database.db.devices.count_documents({"tenant": "acme"}) == 1
