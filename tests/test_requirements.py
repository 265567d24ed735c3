"""Each requirement in `samples/` has a test that is named by its number."""

from __future__ import annotations

import pytest

from tests.requirements import kinds, named, numbers, requirements

FILES = pytest.mark.parametrize("file", ["requirements", "sign_on", "events", "console"])
"""What a SCIM server does; how people sign in; changes, feed, webhooks and security event tokens; the web pages."""
KINDS = {"ht", "et", "us", "cm", "bu", "cu", "me", "sso", "oi", "op", "ev"}


@pytest.mark.parametrize(("name", "expected"), [
    ("ht_02_to_05_accept", {"HT-02", "HT-03", "HT-04", "HT-05"}), ("et_04_and_05", {"ET-04", "ET-05"}),
    ("us_03_and_04_and_cm_06_x", {"US-03", "US-04", "CM-06"}), ("bu-06-a-failed-post", {"BU-06"}),
    ("cu_08_and_18_and_20_things", {"CU-08", "CU-18", "CU-20"}), ("et_conditions", set()), ("a_page_of_10", set()),
    ("me_is_the_user_of_10", set()), ("sso_97_98_99_a_code", {"SSO-97", "SSO-98", "SSO-99"}),
    ("oi_17_sso_20_metadata", {"OI-17", "SSO-20"}), ("what_op_does_in_20_seconds", set()),
    ("ev_98_with_1000_events", {"EV-98"}), ("ev_101_the_last_20", {"EV-101"}), ("many_to_20_ev_05", {"EV-05"}),
])
def test_names_have_their_numbers(name: str, expected: set[str]) -> None:
    assert numbers(name, KINDS) == expected


@FILES
def test_each_requirement_has_a_test(file: str) -> None:
    wanted = requirements(file)
    missing = {number for number, requirement in wanted.items() if requirement.is_must} - named(kinds(wanted))
    assert not missing, sorted(missing)


@FILES
def test_what_is_not_for_us_has_no_test(file: str) -> None:
    wanted = requirements(file)
    both = {number for number, requirement in wanted.items() if requirement.not_for_us} & named(kinds(wanted))
    assert not both, sorted(both)


@FILES
def test_no_test_names_a_requirement_that_is_not_there(file: str) -> None:
    wanted = requirements(file)
    unknown = named(kinds(wanted)) - wanted.keys()
    assert not unknown, sorted(unknown)
