"""Each requirement on what a SCIM server does has a test named by its number: `test_ht_02_to_05_...` has four of them.

`samples/requirements.txt` has the requirements, a line each: its number, a sentence, and why one is not for us.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LINE = re.compile(r"^([A-Z]{2}-\d\d)  (.+?\.)(?:  \[not for us: (.+)\])?$")
NUMBERED = re.compile(r"def test_((?:[a-z]{2}_)?\w*)|id=\"([a-z]{2}-\d\d[\w-]*)\"")
KIND, NUMBER = re.compile(r"[a-z]{2}"), re.compile(r"\d\d")
KINDS = {"ht", "cm", "us", "gr", "en", "cr", "rd", "pu", "de", "so", "pg", "cu", "se", "me", "bu", "et", "er"}


def requirements() -> dict[str, str | None]:
    """Return why each requirement is not for us, or None where it is."""
    lines = [LINE.match(line) for line in (TESTS / "samples" / "requirements.txt").read_text().splitlines()]
    assert all(lines), "a line is none"
    return {line[1]: line[3] for line in lines if line}


def numbers(name: str) -> set[str]:
    """Return the requirements that the name of a test names."""
    found: set[str] = set()
    kind, last, through = "", 0, False
    for word in re.split(r"[_-]", name):
        if KIND.fullmatch(word) and word in KINDS and not through:
            kind, last = word, 0
        elif NUMBER.fullmatch(word) and kind:
            first = last + 1 if through else int(word)
            last, through = int(word), False
            found |= {f"{kind.upper()}-{number:02}" for number in range(first, last + 1)}
        elif word == "to" and last:
            through = True
        elif word != "and":
            break
    return found


def named() -> set[str]:
    """Return the requirements that the names of all tests name."""
    return {
        number for path in TESTS.rglob("test_*.py") for match in NUMBERED.finditer(path.read_text())
        for number in numbers(match[1] or match[2] or "")
    }


@pytest.mark.parametrize(("name", "expected"), [
    ("ht_02_to_05_accept", {"HT-02", "HT-03", "HT-04", "HT-05"}), ("et_04_and_05", {"ET-04", "ET-05"}),
    ("us_03_and_04_and_cm_06_x", {"US-03", "US-04", "CM-06"}), ("bu-06-a-failed-post", {"BU-06"}),
    ("cu_08_and_18_and_20_things", {"CU-08", "CU-18", "CU-20"}), ("et_conditions", set()), ("a_page_of_10", set()),
    ("me_is_the_user_of_10", set()),
])
def test_names_tell_their_numbers(name: str, expected: set[str]) -> None:
    assert numbers(name) == expected


def test_each_requirement_has_a_test() -> None:
    missing = {number for number, reason in requirements().items() if reason is None} - named()
    assert not missing, sorted(missing)


def test_what_is_not_for_us_has_no_test() -> None:
    both = {number for number, reason in requirements().items() if reason} & named()
    assert not both, sorted(both)


def test_no_test_names_a_requirement_that_is_not_there() -> None:
    assert named() <= requirements().keys()
