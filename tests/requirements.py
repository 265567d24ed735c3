"""Requirements by their numbers: those in `samples/`, and those that the names of tests name.

A file has a line for each: its number, a sentence, and `[should]` where it is no must, or why it is not for us. A test is
called `test_ht_02_to_05_...` or `test_ev_97_and_98_...`; a row of cases begins with its number, as in `"SA-12 ..."`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
LINE = re.compile(r"([A-Z]{2,3}-\d{2,3})  .+?\.(?:  \[(should)\]|  \[not for us: (.+)\])?")
NAME = re.compile(r"def test_(\w+)|\"([A-Za-z]{2,3}[-_]\d{2,3}(?:[-_]\w+)*)")
NUMBER = re.compile(r"\d{2,3}")


@dataclass(frozen=True)
class Requirement:
    """A line of a file."""

    is_must: bool
    not_for_us: str | None
    """The reason, None where it is for us."""


def requirements(name: str) -> dict[str, Requirement]:
    """Return the requirements in a file, by their numbers."""
    lines = (TESTS / "samples" / f"{name}.txt").read_text().splitlines()
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return {match[1]: Requirement(not (match[2] or match[3]), match[3]) for match in found if match}


def kinds(numbers: Collection[str]) -> set[str]:
    """Return what the numbers begin with, in lower case."""
    return {number.partition("-")[0].lower() for number in numbers}


def numbers(name: str, known: Collection[str]) -> set[str]:
    """Return the numbers in the name of a test, of the kinds that are known."""
    found: set[str] = set()
    kind, last, through = "", 0, False
    for word in re.split(r"[_-]", name.lower()):
        if word in known:
            kind, last, through = word.upper(), 0, False
        elif kind and NUMBER.fullmatch(word):
            first = last + 1 if through else int(word)
            last, through = int(word), False
            found |= {f"{kind}-{number:0{len(word)}}" for number in range(first, last + 1)}
        elif word == "to" and last:
            through = True
        elif word != "and":
            kind = ""
    return found


def named(known: Collection[str]) -> set[str]:
    """Return the numbers of these kinds that the tests name."""
    texts = (path.read_text() for path in TESTS.rglob("*.py") if path.name != "test_requirements.py")
    names = {"".join(groups) for text in texts for groups in NAME.findall(text)}
    return {number for name in names for number in numbers(name, known)}
