"""The guides name what the portals have, as our own pages do, and every placeholder has a value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.advice.guides import CLIENT, ENTRA, PROVIDERS, TOKEN, TRUST, misfit
from app.store.accounts.tenants import PROFILES

DOCS = Path(__file__).parents[2]
VALUES = {
    TOKEN: {"tenant_url", "token", "identifier"}, TRUST: {"tenant_url", "token_endpoint", "client_id"},
    CLIENT: {"tenant_url", "token_endpoint", "client_id", "client_secret"},
}


def bold(text: str) -> list[str]:
    return re.findall(r"\*\*(.+?)\*\*", text)


def test_co_85_entras_names_are_those_of_our_pages() -> None:
    pages = (DOCS / "docs/entra.md").read_text() + (DOCS / "README.md").read_text()
    entra = PROVIDERS[ENTRA]
    names = [
        *bold(" ".join([entra.where, entra.test, *entra.steps, *(way.unused for way in entra.ways)])),
        *(name for way in entra.ways for name, _ in way.fields),
    ]
    assert [name for name in names if name not in pages] == []


@pytest.mark.parametrize("key", [key for key in PROVIDERS if key not in (ENTRA, "other")])
def test_co_85_the_names_of_others_are_those_of_the_page_on_them(key: str) -> None:
    page = (DOCS / "docs/clients.md").read_text()
    provider = PROVIDERS[key]
    row = next(line for line in page.splitlines() if line.startswith(f"| {provider.name} |"))
    assert provider.ways[0].fields[0][0] in row
    assert not re.search(r"(?<!\*)\*(?!\*)", provider.where), "a star alone is no mark, and would be read"
    for name in bold(provider.where):
        assert name in row


@pytest.mark.parametrize("key", PROVIDERS)
def test_co_85_each_way_has_values_for_its_fields(key: str) -> None:
    provider = PROVIDERS[key]
    assert set(provider.profiles) <= set(PROFILES)
    assert len({way.key for way in provider.ways}) == len(provider.ways)
    for way in provider.ways:
        named = set(re.findall(r"\{(\w+)\}", " ".join(value for _, value in way.fields)))
        assert named <= VALUES[way.kind]
        assert "{tenant_url}" in way.fields[0][1]


def test_co_80_the_list_has_every_provider_that_the_first_page_names() -> None:
    (named,) = re.findall(r"^For (.+?), \[docs/clients.md\]", (DOCS / "README.md").read_text(), re.MULTILINE)
    listed = [each.listed or each.name for each in PROVIDERS.values()]
    names = re.split(r", | and ", named)
    assert "Okta" in names and len(names) >= 8
    assert [name for name in [*names, "Microsoft Entra ID"] if not re.search(rf"\b{name}", " | ".join(listed))] == []
    assert listed[-1].startswith("Another one, such as ")


def test_co_85_a_profile_that_does_not_fit_is_told() -> None:
    assert misfit("okta", "gallery") == "Okta wants the profile interop; this customer has gallery."
    assert misfit("okta", "interop") == misfit("", "rfc") == misfit(ENTRA, "gallery") == ""
