"""The page on other identity providers names the same ones everywhere, and they are those that have recordings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.check import CLIENTS
from app.check.run import run_check
from tests.conftest import Server
from tests.test_readme import rows, section

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/clients.md").read_text()
FOLDERS = {
    "Okta": "okta", "OneLogin": "onelogin", "Google": "google", "JumpCloud": "jumpcloud", "Ping Identity": "ping",
    "authentik": "authentik", "Keycloak": "keycloak", "SailPoint": "sailpoint",
}
LIBRARIES = {"dotnet", "scim-sdk"}
"""Folders for what a library writes, whoever uses it."""
WHERE = {"Google Workspace": "Google", "PingOne": "Ping Identity", "PingFederate": "Ping Identity"}
"""What a provider's product is called where something is pasted into it."""


def test_each_provider_has_recordings_and_each_folder_a_provider() -> None:
    folders = {path.name for path in (ROOT / "tests/clients").iterdir() if any(path.glob("*.json"))}
    assert folders == {*FOLDERS.values(), *LIBRARIES}


def test_each_provider_has_a_section_a_place_to_paste_and_a_source() -> None:
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert [title for title in titles if title in FOLDERS] == list(FOLDERS)
    pasted = [row[0] for row in rows(section(PAGE, "For every provider"))[1:]]
    assert list(dict.fromkeys(WHERE.get(name, name) for name in pasted)) == list(FOLDERS)
    assert [row[0] for row in rows(section(PAGE, "How we know"))[1:]] == list(FOLDERS)


def test_every_row_says_where_to_paste_what() -> None:
    for row in rows(section(PAGE, "For every provider"))[1:]:
        assert len(row) == 4 and all(row), row
    assert "--profile interop" in section(PAGE, "For every provider")


@pytest.mark.parametrize("name", FOLDERS)
def test_the_readme_names_each_provider(name: str) -> None:
    readme = (ROOT / "README.md").read_text()
    [interop] = [row for row in rows(readme) if row[0] == "`interop`"]
    assert name.removesuffix(" Identity") in interop[1]


def test_the_page_names_each_client_of_scimd_check() -> None:
    told = section(PAGE, "Test a server the way they use it").split("`--as` takes ")[1]
    assert re.findall(r"`([\w-]+)`", told)[: len(CLIENTS)] == list(CLIENTS)
    assert set(CLIENTS) - {"entra"} <= set(FOLDERS.values())


def test_the_page_describes_each_field_of_the_report(live_server: Server) -> None:
    url, token = live_server.create_tenant(profile="interop")
    report = run_check(url, token, "okta", CLIENTS["okta"])
    fields = {*report, *(f"steps[].{key}" for step in report["steps"] for key in step)}
    table = rows(section(PAGE, "Test a server the way they use it"))[1:]
    assert {name for row in table for name in re.findall(r"`([^`]+)`", row[0])} == fields
    [requests] = [row[1] for row in table if row[0] == "`steps[].requests`"]
    asked = {key for step in report["steps"] for each in step["requests"] for key in each}
    assert asked <= set(re.findall(r"`(\w+)`", requests))
