"""One word for one thing on all pages, in what is advised, in what commands print and in what operators read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTEAD = {
    r"\bcur(e|es|ed)\b": "fix, fixed", r"\b(some|no|any|every)body\b": "someone, no one, anyone, everyone",
    r"\bShown as\b": "Display name", r"\bKind\b": "Type", r"\bMade\b|\bmade by\b": "Created", r"\bEnds\b|\bdoes not end\b": "Expires",
    r"\b(is|are) called that\b": "No matches", r"\b[Mm]ake (a|an|another|one)\b": "create", r"\b[Ii]ssue (a|an|another|one)\b|\bissued\b": "create",
    r"\bmail address\b": "e-mail address", r"\bGMT\b": "UTC",
}
"""What is not written, as a pattern -> what is written instead."""
NAMES = {"issue", "nobody", "cure", "everybody"}
"""Names that programs use."""


def texts(path: Path) -> Iterator[str]:
    """Yield what a file shows to people: all of a page without its comments, the sentences of a module."""
    source = path.read_text()
    if path.suffix != ".py":
        yield re.sub(r"\{#.*?#\}|\]\([^)]*\)|`[^`]*`|e-mail address|\bshow\.\w+", "", source, flags=re.DOTALL)
        return
    tree = ast.parse(source)
    explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    yield from (
        node.value.replace("e-mail address", "") for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained and node.value not in NAMES
    )


FILES = [
    *sorted((ROOT / "app/console").rglob("*.html")), *sorted((ROOT / "app/console").rglob("*.py")),
    *sorted((ROOT / "app/advice").glob("*.py")), *sorted((ROOT / "app/cli").rglob("*.py")), *sorted((ROOT / "app/demo").rglob("*.py")),
    ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("clients", "console", "entra", "operating", "sign-on")),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_one_word_for_one_thing(path: Path) -> None:
    found = [(match[0], text.strip()[max(0, match.start() - 40):match.end() + 40], instead)
             for text in texts(path) for pattern, instead in INSTEAD.items() for match in re.finditer(pattern, text)]
    assert found == []


def test_the_patterns_find_what_they_are_for() -> None:
    bad = "cure nobody | Shown as | Kind | Made | Ends | is called that | make a token | issue a token | mail address | GMT"
    assert all(re.search(pattern, bad) for pattern in INSTEAD)
