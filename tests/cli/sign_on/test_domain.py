"""scimd tenant domain."""

import json


def test_sso_112_domains_are_added_listed_and_removed(scimd):
    scimd("tenant", "create", "acme")
    assert "no domains" in scimd("tenant", "domain", "list", "acme").out
    assert scimd("tenant", "domain", "add", "acme", "Acme.example").status == 0
    assert scimd("tenant", "domain", "list", "acme", "--json").json == [{"domain": "acme.example"}]
    assert scimd("tenant", "domain", "remove", "acme", "acme.example").status == 0
    assert "has no domain" in scimd("tenant", "domain", "remove", "acme", "acme.example").err
    assert "no tenant" in scimd("tenant", "domain", "add", "nobody", "acme.example").err
    logged = [json.loads(line) for line in scimd("events", "acme", "--json").out.splitlines()]
    assert [row["operation"] for row in logged][-2:] == ["add", "remove"]
