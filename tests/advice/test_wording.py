"""Numbers and times in words are the same on pages, in sentences, and in what commands print."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.advice.facts import Contact, Credential, Facts
from app.advice.state import state_of
from app.advice.wording import ago, lasted, plural, utc
from app.cli.output import cell

NOW = datetime(2026, 11, 8, 6, 4, 7, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "words"), [
    (0, "just now"), (59, "just now"), (60, "1 minute ago"), (7_100, "118 minutes ago"), (7_199, "2 hours ago"),
    (90_000, "25 hours ago"), (200_000, "2 days ago"), (-1, "in a moment"), (-3_600, "in 60 minutes"), (-200_000, "in 2 days"),
])
def test_co_45_an_age_is_in_one_unit(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_each_moment_says_utc_on_pages_and_in_what_commands_print() -> None:
    assert (utc(NOW), cell(NOW)) == ("8 Nov 2026, 06:04:07 UTC", "2026-11-08 06:04 UTC")


@pytest.mark.parametrize("seconds", [0, 31, 59, 89, 119, 3_599, 7_199, 90_000])
def test_co_45_a_sentence_and_the_figure_beside_it_have_one_age(seconds: int) -> None:
    last = NOW - timedelta(seconds=seconds)
    facts = Facts(
        name="contoso", last=last, contacts=(Contact(last, True),), profile="interop", provider="okta", credentials=(Credential("token", "a"),),
    )
    state = state_of(facts, NOW)
    assert state.sentence == f"Connected: the last request came {ago(last, NOW)}."


def test_co_45_times_are_in_utc_and_say_so() -> None:
    assert utc(NOW) == "8 Nov 2026, 06:04:07 UTC"
    assert utc(NOW.astimezone(timezone(timedelta(hours=5)))) == utc(NOW.replace(tzinfo=None)) == utc(NOW)


def test_numbers_have_commas_and_nouns() -> None:
    assert (plural(1, "user"), plural(1_200, "user"), lasted(timedelta(0))) == ("1 user", "1,200 users", "1 minute")
