"""The pages match the code: settings, commands, folders, links and dependencies are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import click
import pytest

from app.cli import scimd
from app.config import SETTINGS
from app.protocol.profile import PROFILES
from app.schemas.attribute import Attribute
from app.schemas.tables.user import USER_TYPE
from tests.test_architecture import EVERYTHING, MAY_IMPORT, OUTSIDE, STORE

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGES.md", *sorted((ROOT / "docs").glob("*.md"))]
ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)


def section(text: str, title: str) -> str:
    """Return the text under a heading of the second level."""
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Return the rows of the tables in a text, without the lines below their heads."""
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in ROW.findall(text)]
    return [row for row in cells if set("".join(row)) - set("- |")]


def test_the_settings_are_those_of_the_code() -> None:
    described = rows(section(README, "Settings"))[1:]
    expected = [
        [f"`{each.name}`", f"`{each.default}`" if each.default else "-", each.sentence] for each in SETTINGS
    ]
    assert described == expected


def commands(group: click.Group, names: tuple[str, ...] = ("scimd",)) -> Iterator[str]:
    """Yield every command as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))
        else:
            yield " ".join((*names, name))


def test_every_command_is_described_and_no_other() -> None:
    text = section(README, "Commands")
    there = set(commands(scimd))
    described = {match.group() for match in re.finditer(r"scimd( [a-z][a-z-]+)+(?=[ `])", text)}
    assert there - described == set()
    assert described - there == set()


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_is_described(name: str) -> None:
    rows_of = {row[0].split("`")[1]: row for row in rows(README.split("### Which profile?")[1].split("\n## ")[0])[1:]}
    required = [row for row in USER_TYPE.for_profile(name).schema.attributes if row.required]
    needed = [row.name for row in required if not row.sub_attributes]
    needed += [f"{row.name}.{sub.name}" for row in required for sub in row.sub_attributes if sub.required]
    described = re.sub(r" \(.*?\)", "", rows_of[name][2]).split(", ")
    assert sorted(described) == sorted(needed)


def test_every_folder_is_on_the_tour() -> None:
    tour = section(README, "The tour").split("```")[1]
    named = set(re.findall(r"^ *([\w.]+/?) {2,}\S", tour, re.MULTILINE)) | {"app/"}
    top = {f"{each.name}/" for each in ROOT.iterdir() if is_ours(each)}
    rooms = {f"{each.name}/" for each in (ROOT / "app").iterdir() if is_ours(each)}
    modules = {each.name for each in (ROOT / "app").glob("*.py")} - {"__init__.py"}
    assert named == top | rooms | modules
    for room in rooms:
        row = re.search(rf"^  {room} .*", tour, re.MULTILINE)
        inner = [f"{each.parent.name}/" for each in (ROOT / "app" / room).glob("*/__init__.py")]
        assert [each for each in inner if row is None or each not in row.group()] == [], room


def is_ours(folder: Path) -> bool:
    """Return whether a folder belongs to the project, rather than to tools and test runs."""
    made = (".", "_", "data", "build")
    return folder.is_dir() and not folder.name.startswith(made) and not folder.name.endswith(".egg-info")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if target.startswith("https://"):
            continue
        found = page.parent / path if path else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings], target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_named_file_exists(page: Path) -> None:
    for path in re.findall(r"`((?:app|tests|scim_filter|bench|docs|deploy)/[\w./-]*)`", page.read_text()):
        assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_the_table_of_imports_is_the_law() -> None:
    def cells(room: str) -> list[str]:
        names = MAY_IMPORT[room]
        ours = names - OUTSIDE - STORE | ({"all of store"} if names >= STORE else names & STORE)
        return [", ".join(sorted(name.removeprefix("app.") for name in part)) or "-" for part in (ours, names & OUTSIDE)]

    design = rows(section((ROOT / "docs" / "design.md").read_text(), "Who may import whom"))[1:]
    described = {room.strip("`"): [", ".join(sorted(cell.split(", "))) for cell in row] for room, *row in design}
    assert described == {room: cells(room) for room in MAY_IMPORT if MAY_IMPORT[room] != EVERYTHING and is_there(room)}


def is_there(room: str) -> bool:
    """Return whether a room exists."""
    path = ROOT / room.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_every_dependency_has_its_reason() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = "\n".join(config["options.extras_require"].values())
    lines = (config["options"]["install_requires"] + "\n" + extras).split("\n")
    needed = {re.split(r"[ \[<>=!;]", line.strip())[0] for line in lines if line.strip()} - {"scimd"}
    reasons = section((ROOT / "CHANGES.md").read_text(), "Dependencies")
    named = [name for line in re.findall(r"^- (.+?): ", reasons, re.MULTILINE) for name in re.findall(r"`([^`]+)`", line)]
    assert sorted(named) == sorted(needed)


def article_rows(page: str) -> list[str]:
    """Return the target attributes in the tables of the page on Entra."""
    tables = section(page, "The mappings")
    return [row[0].strip("`") for row in rows(tables) if row[0].startswith("`")]


def test_the_mappings_name_existing_attributes() -> None:
    page = (ROOT / "docs" / "entra.md").read_text()
    users = article_rows(page)[:31]
    assert len(set(users)) == 31
    for path in users:
        target = USER_TYPE.resolve(re.sub(r"\[.*?\]", "", path))
        assert target is not None, path
        assert isinstance(target.leaf, Attribute), path
    required = {row[0].strip("`") for row in rows(section(page, "The mappings")) if row[2] != ""} & set(users)
    assert required == {"userName", "active", "displayName", "name.givenName", "name.familyName", "name.formatted"}


REPLACED = ("letter case", "whoever", "but for", "he", "his", "him", "somebody", "nobody")
"""Words for which the pages have plainer ones: case, a client that, except, they, a user, no one."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_use_plain_words(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    assert [word for word in REPLACED if re.search(rf"\b{word}\b", text, re.IGNORECASE)] == []
