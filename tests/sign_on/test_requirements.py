"""Each requirement on sign-on, and each row of attacks, has a test that is named by its number.

`samples/sign_on.txt` has the requirements, a line each: its number, a sentence, and `[should]` where it is no must. The
attacks are SA (SAML), OI (OpenID Connect towards the identity provider), OP (the provider for apps) and PE (people and
time). A test is called `test_sso_16_...`, `test_sso_97_98_...` or `test_pe_12_...`; a row of a corpus begins with its number.
"""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
LINE = re.compile(r"(SSO-\d{2,3})  .+\.(  \[should\])?")
NAME = re.compile(r"def test_(\w+)|\"(oi_\d\d)|\"(SA-\d\d)")
ATTACKS = {"SA": 68, "OI": 20, "OP": 24, "PE": 14}
KINDS = {"sso", *map(str.lower, ATTACKS)}


def requirements() -> dict[str, bool]:
    """Return whether each requirement is a must."""
    lines = [LINE.fullmatch(line) for line in (TESTS / "samples" / "sign_on.txt").read_text().splitlines()]
    assert all(lines), "a line is none"
    return {line[1]: not line[2] for line in lines if line}


def numbers(name: str) -> set[str]:
    """Return the rows that the name of a test names."""
    found, kind = set(), ""
    for word in name.lower().replace("-", "_").split("_"):
        if word in KINDS:
            kind = word.upper()
        elif kind and re.fullmatch(r"\d{2,3}", word):
            found.add(f"{kind}-{word}")
        else:
            kind = ""
    return found


def named() -> set[str]:
    """Return the rows that tests and corpora name."""
    texts = [path.read_text() for path in TESTS.rglob("*.py")]
    return {row for text in texts for groups in NAME.findall(text) for row in numbers("".join(groups))}


def test_names_have_their_numbers() -> None:
    assert numbers("sso_97_98_99_a_code") == {"SSO-97", "SSO-98", "SSO-99"}
    assert numbers("oi_17_sso_20_metadata") == {"OI-17", "SSO-20"}
    assert numbers("what_op_does_in_20_seconds") == set()


def test_each_requirement_has_a_test() -> None:
    missing = {number for number, is_must in requirements().items() if is_must} - named()
    assert not missing, sorted(missing)


def test_no_test_names_a_requirement_that_is_not_there() -> None:
    unknown = {number for number in named() if number.startswith("SSO-")} - requirements().keys()
    assert not unknown, sorted(unknown)


def test_each_attack_has_a_test() -> None:
    rows = {f"{kind}-{number:02}" for kind, last in ATTACKS.items() for number in range(1, last + 1)}
    assert not rows - named(), sorted(rows - named())
    unknown = {row for row in named() if not row.startswith("SSO-")} - rows
    assert not unknown, sorted(unknown)
