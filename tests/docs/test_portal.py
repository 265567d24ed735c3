"""The labels of Entra's portal: those of 2026 everywhere, and the older ones only in the table that compares them (N-03)."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENTRA = (ROOT / "docs/entra.md").read_text()
OLDER = (
    "Provisioning Mode", "Admin Credentials", "Token Endpoint", "Client Identifier", "**Mappings**", "Provisioning Status",
    "Notification Email",
)
TABLE = ENTRA.split("\n### The older page\n")[1].split("\n## ")[0]
SOURCES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "app").rglob("*.py"))]


def test_n_03_an_older_name_is_nowhere_but_in_the_table() -> None:
    texts = {source: source.read_text().replace(TABLE, "") for source in SOURCES}
    assert [(source, name) for source, text in texts.items() for name in OLDER if name in text] == []


def test_n_03_the_table_has_each_older_name_once() -> None:
    assert [TABLE.count(name) for name in OLDER] == [1] * len(OLDER)


def test_n_03_what_the_commands_print_is_on_the_page() -> None:
    printed = set(re.findall(r'"((?:Tenant URL|Secret Token|OAuth token endpoint|Client ID|Client Secret))"', "".join(
        path.read_text() for path in (ROOT / "app/cli").rglob("*.py"))))
    assert len(printed) == 5
    assert [name for name in printed if f"**{name}**" not in ENTRA] == []
