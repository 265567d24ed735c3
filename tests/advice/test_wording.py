"""Numbers and times in words are the same on pages, in sentences, and in what commands print."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.advice.facts import Contact, Facts
from app.advice.state import state_of
from app.advice.wording import ago, dated, lasted, plural, utc

NOW = datetime(2026, 11, 8, 6, 4, 7, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "words"), [
    (0, "just now"), (59, "just now"), (60, "1 minute ago"), (7_100, "118 minutes ago"), (7_199, "2 hours ago"),
    (90_000, "25 hours ago"), (200_000, "2 days ago"), (-1, "in a moment"), (-3_600, "in 60 minutes"), (-200_000, "in 2 days"),
])
def test_co_45_an_age_is_in_one_unit(seconds: int, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


@pytest.mark.parametrize("seconds", [0, 31, 59, 89, 119, 3_599, 7_199, 90_000])
def test_co_45_a_sentence_and_the_figure_beside_it_have_one_age(seconds: int) -> None:
    last = NOW - timedelta(seconds=seconds)
    state = state_of(Facts(name="contoso", last=last, contacts=(Contact(last, True),), profile="interop", provider="okta"), NOW)
    assert state.sentence == f"Connected: the last request came {ago(last, NOW)}."


def test_co_45_times_are_in_utc_and_say_so() -> None:
    assert utc(NOW) == "8 Nov 2026, 06:04:07 UTC"
    assert utc(NOW.astimezone(timezone(timedelta(hours=5)))) == utc(NOW.replace(tzinfo=None)) == utc(NOW)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.text(), st.text())
def test_co_45_a_moment_in_a_sentence_is_found_again(moment: datetime, before: str, after: str) -> None:
    parts = list(dated(f"{before} {utc(moment)}. {after}"))
    assert moment.replace(microsecond=0) in [found for _, found in parts]
    assert "".join(part for part, _ in parts) == f"{before} {utc(moment)}. {after}"


def test_co_45_what_only_looks_like_a_moment_stays_a_text() -> None:
    assert list(dated("on 99 Foo 2026, 99:99:99 UTC")) == [("on ", None), ("99 Foo 2026, 99:99:99 UTC", None), ("", None)]


def test_numbers_have_commas_and_nouns() -> None:
    assert (plural(1, "user"), plural(1_200, "user"), lasted(timedelta(0))) == ("1 user", "1,200 users", "1 minute")
