"""Each row of attacks on sign-on has a test that is named by its number.

The attacks are SA (SAML), OI (OpenID Connect towards the identity provider), OP (the provider for apps) and PE (people
and time). A test is called `test_pe_12_...`, and a row of a corpus begins with its number.
"""

from __future__ import annotations

from tests.requirements import kinds, named

LAST = {"SA": 68, "OI": 20, "OP": 24, "PE": 14}
ATTACKS = {f"{kind}-{number:02}" for kind, last in LAST.items() for number in range(1, last + 1)}


def test_each_attack_has_a_test() -> None:
    missing = ATTACKS - named(kinds(ATTACKS))
    assert not missing, sorted(missing)


def test_no_test_names_an_attack_that_is_not_there() -> None:
    unknown = named(kinds(ATTACKS)) - ATTACKS
    assert not unknown, sorted(unknown)
