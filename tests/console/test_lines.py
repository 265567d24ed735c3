"""The console stays small: its Python, templates, style and script together have fewer than 2,000 lines.

A line counts if there is something on it. What explains does not count: docstrings, the strings that describe an
attribute, comments of Python, and comments of templates, style and script that have a line of their own.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

CONSOLE = Path(__file__).parents[2] / "app" / "console"
MOST = 2_000
LONGEST = {".py": 120, ".html": 350, ".css": 132, ".js": 130}
"""Characters of a line: nothing is made shorter by longer lines. Those of templates have sentences for people."""
COMMENTS = {
    ".html": re.compile(r"\{#.*?#\}", re.DOTALL), ".css": re.compile(r"/\*.*?\*/", re.DOTALL), ".js": re.compile(r"^\s*//.*$", re.MULTILINE),
}


def files() -> list[Path]:
    return [path for path in sorted(CONSOLE.rglob("*")) if path.suffix in LONGEST]


def lines_of(path: Path) -> int:
    """Return how many lines of a file count."""
    text = path.read_text()
    explained: set[int] = set()
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                explained |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    else:
        text = COMMENTS[path.suffix].sub("", text)
    return sum(bool(line.strip()) and number not in explained for number, line in enumerate(text.splitlines(), 1))


def test_co_05_the_console_has_fewer_than_2000_lines() -> None:
    sums = {suffix: sum(lines_of(path) for path in files() if path.suffix == suffix) for suffix in LONGEST}
    assert all(sums.values()), sums
    assert sum(sums.values()) < MOST, sums


def test_co_05_no_line_is_long() -> None:
    long = [(path.name, len(line)) for path in files() for line in path.read_text().splitlines() if len(line) > LONGEST[path.suffix]]
    assert long == []


def test_what_explains_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('"""What it is."""\n\n# why\nONE = 1\n"""What it means."""\n\n\ndef f() -> None:\n    """Do."""\n    g(\n        1,\n    )\n')
    (tmp_path / "a.html").write_text("{# a\nb #}\n<p>\n\n</p>\n")
    assert [lines_of(tmp_path / name) for name in ("a.py", "a.html")] == [6, 2]
