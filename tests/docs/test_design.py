"""docs/design.md matches the code: its drawing, laws, tours and words are compared with it."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs import pages
from tests.docs.rooms import Arrow, drawn_arrows

PAGE = "docs/design.md"
ROWS = re.compile(r"^\| (.+) \|$", re.MULTILINE)
LAWS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", pages.text(f"{PAGE}#Laws"))
WORDS = re.findall(r"^- \*\*(.+?)\*\*", pages.text(f"{PAGE}#Glossary"), re.MULTILINE)


def drawing() -> set[Arrow]:
    """Return the arrows of the page's drawing, with the full names of the rooms."""
    (mermaid,) = pages.blocks(PAGE, "mermaid")
    found = set()
    for start, targets in re.findall(r"^ *(\S+) --> (.+)$", mermaid, re.MULTILINE):
        found |= {(room(start), room(target)) for target in targets.split(" & ")}
    return found


def room(drawn: str) -> str:
    """Return the package that a box of the drawing stands for."""
    return drawn if drawn == "scim_filter" else f"app.{drawn}"


def test_the_drawing_has_the_arrows_of_the_code() -> None:
    drawn, needed = drawing(), drawn_arrows()
    assert needed - drawn == set(), "imported but not drawn"
    assert drawn - needed == set(), "drawn, but not imported or implied by other arrows"


def functions(path: str) -> set[str]:
    """Return the functions and methods of a file, the latter as `Class.method` too."""
    tree = ast.parse((pages.ROOT / path).read_text())
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return found | {
        f"{each.name}.{node.name}" for each in classes for node in each.body if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize(("path", "test"), LAWS)
def test_a_law_is_kept_by_the_test_that_it_names(path: str, test: str) -> None:
    assert test in functions(path)


def test_every_law_names_a_test() -> None:
    laws = ROWS.findall(pages.text(f"{PAGE}#Laws"))[2:]
    assert [law for law in laws if not re.search(r"`tests/[\w/]+\.py::\w+`", law)] == []


def test_every_law_of_the_architecture_is_listed() -> None:
    tests = {name for name in functions("tests/test_architecture.py") if re.match(r"test_(?!the_test_)", name)}
    assert tests - {test for path, test in LAWS if path == "tests/test_architecture.py"} == set()


def test_the_glossary_has_at_most_twenty_words_in_order() -> None:
    assert 0 < len(WORDS) <= 20
    assert sorted(WORDS) == WORDS


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_glossary_is_used_in_the_code(word: str) -> None:
    sources = [path.read_text() for folder in ("app", "scim_filter", "tests") for path in (pages.ROOT / folder).rglob("*.py")]
    pattern = re.compile(word.replace(" ", "[ _]"), re.IGNORECASE)
    assert any(pattern.search(source) for source in sources)
