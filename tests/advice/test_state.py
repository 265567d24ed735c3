"""Whether a customer is all right: facts and the one state that they lead to."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.advice.facts import Contact, Credential, Denial, Facts
from app.advice.state import Key, Level, attention, state_of
from app.advice.wording import lasted, utc
from app.causes import CAUSES
from tests.examples import examples

NOW = datetime(2026, 11, 28, 17, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def contacts(*hours: float, denied: int = 0) -> tuple[Contact, ...]:
    """Return contacts that began these hours ago, of which the last ones were denied."""
    return tuple(Contact(ago(each), place < len(hours) - denied) for place, each in enumerate(hours))


def token(days: float | None, *, used: float | None = 1, id_: str = "7f3a", label: str = "entra-2026", kind: str = "token") -> Credential:
    """Return a credential that ends in some days and was used some hours ago."""
    expires = None if days is None else NOW + timedelta(days=days)
    return Credential(kind, id_, label, expires, None if used is None else ago(used))


RUNNING = contacts(2.2, 1.5, 0.8, 0.1)
DAILY = contacts(50, 49, 25, 1)
EXPIRED = Denial(ago(0.1), "expired", 41)
NOBODY = Denial(ago(0.1), "no-credential", 3)
ASTRAY = Denial(ago(0.1), "wrong-url", 3, ago(0.2))
FOREIGN = Denial(ago(0.1), "malformed", 1)
ENDED = Credential("token", "7f3a", "entra-2026", ago(2), ago(3), revoked=True)
READS = Credential("token", "7f3a", "report", None, ago(1), writes=False)
GOOD: dict[str, Any] = {"contacts": RUNNING, "last": ago(0.1), "credentials": (token(90),)}

ROWS: list[tuple[str, dict[str, Any], str, str]] = [
    ("all is well", GOOD, "healthy", "Healthy"),
    ("the last token was revoked, and nobody has asked since", GOOD | {"credentials": (), "ended": ENDED}, "locked-out", "Locked out"),
    ("the last credential was deleted", GOOD | {"credentials": ()}, "locked-out", "Locked out"),
    ("a lock-out to come comes before silence", GOOD | {"credentials": (), "last": ago(4), "contacts": contacts(6, 5.3, 4.6, 4)}, "locked-out", "Locked out"),
    ("no credential, and one contact without any token", GOOD | {"credentials": (), "denied": NOBODY, "contacts": contacts(2.2, 1.5, 0.8, 0.1, denied=1)}, "locked-out", "Locked out"),
    ("a client that made changes may only read by now", GOOD | {"last_write": ago(9), "credentials": (READS,)}, "locked-out", "Locked out"),
    ("a client that only ever read", GOOD | {"credentials": (READS,)}, "healthy", "Healthy"),
    ("suspended, and without a credential", GOOD | {"suspended": True, "credentials": ()}, "suspended", "Suspended"),
    ("a suspended one", GOOD | {"suspended": True}, "suspended", "Suspended"),
    ("suspended, whatever else", GOOD | {"suspended": True, "denied": EXPIRED, "failed": 3, "refused": 9}, "suspended", "Suspended"),
    ("suspended and never connected", {"suspended": True}, "suspended", "Suspended"),
    ("an expired token", GOOD | {"denied": EXPIRED, "contacts": contacts(2, 1.3, 0.6, denied=2)}, "locked-out", "Locked out"),
    ("an expired token, just now", GOOD | {"denied": EXPIRED, "contacts": contacts(2, 1.3, 0.6, denied=1)}, "locked-out", "Locked out"),
    ("an expired token in the same contact", GOOD | {"denied": EXPIRED}, "locked-out", "Locked out"),
    ("the first Test Connection has a cut token", {"denied": Denial(ago(0.1), "malformed", 2), "contacts": contacts(0.1, denied=1)}, "locked-out", "Locked out"),
    ("a lock-out comes before refusals", GOOD | {"denied": EXPIRED, "refused": 7}, "locked-out", "Locked out"),
    ("a lock-out comes before silence", GOOD | {"denied": Denial(ago(5), "revoked", 1), "last": ago(6), "contacts": contacts(8, 7, 6, 5, denied=1)}, "locked-out", "Locked out"),
    ("one contact without any token", GOOD | {"denied": NOBODY, "contacts": contacts(2.2, 1.5, 0.8, 0.1, denied=1)}, "healthy", "Healthy"),
    ("two contacts without any token", GOOD | {"denied": NOBODY, "contacts": contacts(2.2, 1.5, 0.8, 0.1, denied=2)}, "locked-out", "Locked out"),
    ("only requests without any token", {"denied": NOBODY, "contacts": contacts(3, 2, 1, denied=3)}, "never", "Never connected"),
    ("the first requests go to a wrong address", {"denied": ASTRAY, "contacts": contacts(0.1, denied=1)}, "locked-out", "Wrong address"),
    ("the latest requests of a client that gets in go to a wrong address", GOOD | {"denied": ASTRAY}, "refused", "Wrong address"),
    ("a client came once for another address alone", GOOD | {"denied": ASTRAY, "contacts": contacts(2.2, 1.5, 0.8, 0.1, denied=1)}, "refused", "Wrong address"),
    ("a wrong address comes before refused changes", GOOD | {"denied": ASTRAY, "refused": 3}, "refused", "Wrong address"),
    ("a client goes to a wrong address by now", GOOD | {"denied": ASTRAY, "contacts": contacts(2.2, 1.5, 0.8, 0.1, denied=2)}, "locked-out", "Wrong address"),
    ("a stranger, whose token is none of ours, comes to a customer that is well", GOOD | {"denied": FOREIGN}, "refused", "Wrong credential"),
    ("a client comes once with a wrong token", GOOD | {"denied": FOREIGN, "contacts": contacts(2.2, 1.5, 0.8, 0.1, denied=1)}, "refused", "Wrong credential"),
    ("a client has a wrong token by now", GOOD | {"denied": FOREIGN, "contacts": contacts(2.2, 1.5, 0.8, 0.1, denied=2)}, "locked-out", "Locked out"),
    ("a wrong token, and no other credential is valid", GOOD | {"denied": FOREIGN, "credentials": (), "ended": ENDED}, "locked-out", "Locked out"),
    ("resumed, and not come again since", GOOD | {"denied": Denial(ago(1), "suspended", 9)}, "healthy", "Healthy"),
    ("once a day since the day before yesterday", GOOD | {"contacts": DAILY, "last": ago(1)}, "quarantine", "Quarantine suspected"),
    ("once a day, and today's is a little late", GOOD | {"contacts": contacts(76, 75, 51, 27), "last": ago(27)}, "quarantine", "Quarantine suspected"),
    ("once a day, and today's did not come", GOOD | {"contacts": contacts(79, 78, 54, 30), "last": ago(30)}, "healthy", "Healthy"),
    ("once a day from the beginning", GOOD | {"contacts": contacts(73, 49, 25, 1), "last": ago(1)}, "healthy", "Healthy"),
    ("once a day, by Okta", GOOD | {"contacts": DAILY, "last": ago(1), "provider": "okta"}, "healthy", "Healthy"),
    ("once a day, but denied", GOOD | {"contacts": contacts(50, 49, 25, 1, denied=1), "denied": EXPIRED}, "locked-out", "Locked out"),
    ("once a day for a day only", GOOD | {"contacts": contacts(27, 26, 25, 1), "last": ago(1)}, "healthy", "Healthy"),
    ("a quarantine comes before an expiry", GOOD | {"contacts": DAILY, "last": ago(1), "credentials": (token(2),)}, "quarantine", "Quarantine suspected"),
    ("no request for four hours", GOOD | {"contacts": contacts(6, 5.3, 4.6, 4), "last": ago(4)}, "silent", "Silent"),
    ("no request for a month", GOOD | {"contacts": contacts(722, 721.3, 720.6, 720), "last": ago(720)}, "silent", "Silent"),
    ("no request for three hours", GOOD | {"contacts": contacts(5, 4.3, 3.6, 3), "last": ago(3)}, "healthy", "Healthy"),
    ("no request for four hours, which comes twice a day", GOOD | {"contacts": contacts(40, 28, 16, 4), "last": ago(4)}, "healthy", "Healthy"),
    ("one contact a long while ago", GOOD | {"contacts": contacts(50), "last": ago(50)}, "healthy", "Healthy"),
    ("two contacts a long while ago", GOOD | {"contacts": contacts(51, 50), "last": ago(50)}, "healthy", "Healthy"),
    ("no request for four hours, by Okta", GOOD | {"contacts": contacts(6, 5.3, 4.6, 4), "last": ago(4), "provider": "okta"}, "healthy", "Healthy"),
    ("no request for four hours, by an exact client", GOOD | {"contacts": contacts(6, 5.3, 4.6, 4), "last": ago(4), "profile": "rfc"}, "healthy", "Healthy"),
    ("silence comes before failures", GOOD | {"contacts": contacts(6, 5.3, 4.6, 4), "last": ago(4), "failed": 2}, "silent", "Silent"),
    ("a token that ends in six days", GOOD | {"credentials": (token(6.5),)}, "ends-soon", "Expires in 6 days"),
    ("a token that ends tomorrow", GOOD | {"credentials": (token(1.2),)}, "ends-soon", "Expires in 1 day"),
    ("a token that ends today", GOOD | {"credentials": (token(0.2),)}, "ends-soon", "Expires today"),
    ("the token that writes ends, and one that only reads does not", GOOD | {"last_write": ago(9), "credentials": (token(6), READS)}, "ends-soon", "Expires in 6 days"),
    ("a token that only reads ends", GOOD | {"last_write": ago(9), "credentials": (token(90), replace(READS, expires=NOW + timedelta(days=6)))}, "healthy", "Healthy"),
    ("a token that ends in seven days exactly", GOOD | {"credentials": (token(7),)}, "ends-soon", "Expires in 7 days"),
    ("a token that ends in three weeks", GOOD | {"credentials": (token(21.5),)}, "ends", "Expires in 21 days"),
    ("a token that ends in 31 days", GOOD | {"credentials": (token(31),)}, "healthy", "Healthy"),
    ("a client whose secret ends", GOOD | {"credentials": (token(6, kind="client"),)}, "ends-soon", "Expires in 6 days"),
    ("a token without an end", GOOD | {"credentials": (token(None),)}, "healthy", "Healthy"),
    ("the next token is pasted already", GOOD | {"credentials": (token(6), token(90, id_="new"))}, "healthy", "Healthy"),
    ("the next token is issued, and nobody has pasted it", GOOD | {"credentials": (token(6), token(90, used=None, id_="new"))}, "ends-soon", "Expires in 6 days"),
    ("two jobs with a token each that end", GOOD | {"credentials": (token(6), token(9.5, id_="new"))}, "ends", "Expires in 9 days"),
    ("an old token beside a trust in use", GOOD | {"credentials": (token(2, used=900), token(None, kind="trust"))}, "healthy", "Healthy"),
    ("a token that nobody has used yet ends", {"credentials": (token(3, used=None),)}, "ends-soon", "Expires in 3 days"),
    ("errors of the server", GOOD | {"failed": 2, "failed_since": ago(1)}, "failing", "Failing"),
    ("errors come before an expiry in three weeks", GOOD | {"failed": 2, "credentials": (token(21),)}, "failing", "Failing"),
    ("errors come after an expiry in six days", GOOD | {"failed": 2, "credentials": (token(6),)}, "ends-soon", "Expires in 6 days"),
    ("refused changes", GOOD | {"refused": 12, "commonest": "required name.givenName"}, "refused", "12 refused today"),
    ("many refused changes", GOOD | {"refused": 1_200}, "refused", "1,200 refused today"),
    ("refusals come after an expiry in three weeks", GOOD | {"refused": 12, "credentials": (token(21),)}, "ends", "Expires in 21 days"),
    ("nobody has ever come", {}, "never", "Never connected"),
    ("nobody has ever come, with a link", {"link_until": NOW + DAY}, "never", "Never connected"),
    ("nobody has ever come, with a token", {"credentials": (token(90, used=None),)}, "never", "Never connected"),
    ("nobody has ever come, and the token was revoked", {"ended": ENDED}, "never", "Never connected"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "facts", "key", "title"), ROWS, ids=[row[0] for row in ROWS])
def test_co_124_facts_lead_to_a_state(name: str, facts: dict[str, Any], key: str, title: str) -> None:
    state = state_of(Facts(name="contoso", **facts), NOW)
    assert (state.key, state.title) == (key, title), state


def test_co_124_the_table_has_every_state_and_forty_rows() -> None:
    assert {row[2] for row in ROWS} == set(Key)
    assert len(ROWS) >= 40


EVERY = "Every request since 28 Nov 2026, 15:00:00 UTC was refused, 41 so far, the last on 28 Nov 2026, 16:54:00 UTC: "
SENTENCES = [
    ({"suspended": True, "suspended_by": "alice", "suspended_at": ago(1)}, "Suspended by alice since 28 Nov 2026, 16:00:00 UTC: every request is refused."),
    (GOOD | {"denied": replace(EXPIRED, since=ago(2))},
     f"{EVERY}The token has expired. Create another token, and paste it into the identity provider."),
    (GOOD | {"denied": replace(EXPIRED, cause="audience", since=ago(2))}, f"{EVERY}The audience is wrong."),
    (GOOD | {"denied": replace(EXPIRED, count=1)},
     "The last request, on 28 Nov 2026, 16:54:00 UTC, was refused: The token has expired. Create another token, and paste it into the identity provider."),
    (GOOD | {"denied": replace(EXPIRED, since=ago(2)), "credentials": (), "ended": ENDED},
     f"{EVERY}The token has expired. The token 7f3a “entra-2026” was revoked on 28 Nov 2026, 15:00:00 UTC, and no other credential allows changes. "
     "Create one, and paste it into the identity provider."),
    (GOOD | {"denied": replace(EXPIRED, since=ago(2)), "credentials": (token(90, used=None, id_="b"),)},
     f"{EVERY}The token has expired. The token b “entra-2026” has not been used yet: paste it into the identity provider."),
    (GOOD | {"denied": replace(EXPIRED, since=ago(2)), "credentials": (token(90, used=None, kind="client"),)},
     f"{EVERY}The token has expired. Create another token, and paste it into the identity provider."),
    (GOOD | {"denied": replace(EXPIRED, cause="wrong-secret", since=ago(2)), "credentials": (token(90, kind="client"),)},
     f"{EVERY}The secret is wrong. Create another Client Secret, and paste it into the identity provider. Before that, the connection worked: "
     "the last request came 6 minutes ago."),
    ({"denied": replace(ASTRAY, count=41, since=ago(2), reason="the end of the Tenant URL should be /a, and is /a/Users")},
     f"{EVERY}the end of the Tenant URL should be /a, and is /a/Users. Copy the whole Tenant URL again, and paste it into the identity provider."),
    (GOOD | {"denied": replace(ASTRAY, count=41, since=ago(2))},
     f"{EVERY}Wrong address. Copy the whole Tenant URL again, and paste it into the identity provider. Before that, the connection worked: "
     "the last request came 6 minutes ago."),
    (GOOD | {"contacts": DAILY, "last": ago(1), "commonest": "required name.givenName"},
     "Since 26 Nov 2026, 16:00:00 UTC Entra has sent requests only once a day: it has probably put the job into quarantine, because too much was refused. "
     "Most refusals: name.givenName is missing. Fix that, then select Restart provisioning."),
    (GOOD | {"contacts": contacts(28, 27.3, 26.6, 26), "last": ago(26)},
     "No request for 26 hours; before that, one every 42 minutes. Provisioning was switched off, or Entra has put the job into quarantine."),
    (GOOD | {"credentials": (token(6.5),)}, "The token 7f3a “entra-2026” is the only credential in use; it expires on 5 Dec 2026, 05:00:00 UTC."),
    (GOOD | {"credentials": (token(2, id_="a", label=""), token(6, id_="b"))},
     "The token b “entra-2026” is the last credential in use to expire; it expires on 4 Dec 2026, 17:00:00 UTC."),
    (GOOD | {"failed": 1, "failed_since": ago(1)}, "1 request failed with a server error since 28 Nov 2026, 16:00:00 UTC; the server's log says why."),
    (GOOD | {"refused": 12, "commonest": "required name.givenName"}, "12 changes were refused in the last 24 hours, fixed since or not, most often: name.givenName is missing. The connection works: the last request came 6 minutes ago."),
    (GOOD | {"refused": 1, "commonest": "other"}, "1 change was refused in the last 24 hours, fixed since or not: other. The connection works: the last request came 6 minutes ago."),
    ({"link_until": NOW + DAY}, "No client has signed in yet. A setup link is valid until 29 Nov 2026, 17:00:00 UTC."),
    ({}, "No client has signed in yet. There is no setup link."),
    ({"ended": ENDED}, "No client has signed in yet. The token 7f3a “entra-2026” was revoked on 28 Nov 2026, 15:00:00 UTC, and no other credential "
     "allows changes. There is no setup link."),
    (GOOD | {"credentials": (), "ended": ENDED}, "The token 7f3a “entra-2026” was revoked on 28 Nov 2026, 15:00:00 UTC, and no other credential allows "
     "changes. Create one, and paste it into the identity provider."),
    (GOOD | {"credentials": (), "ended": replace(ENDED, kind="client", label="", revoked=False)}, "The client 7f3a expired on 28 Nov 2026, 15:00:00 UTC, "
     "and no other credential allows changes. Create one, and paste it into the identity provider."),
    (GOOD | {"credentials": ()}, "No credential allows changes any more. Create one, and paste it into the identity provider."),
    (GOOD, "Connected: the last request came 6 minutes ago."),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "sentence"), SENTENCES)
def test_co_60_the_sentence_says_why(facts: dict[str, Any], sentence: str) -> None:
    assert state_of(Facts(name="contoso", **facts), NOW).sentence == sentence


MOMENTS = st.integers(-60 * 24 * 60, 0).map(lambda minutes: NOW + timedelta(minutes=minutes))
FUTURE = st.integers(1, 60 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
ANY = st.builds(
    Facts, name=st.just("contoso"), profile=st.sampled_from(["gallery", "interop", "rfc"]), provider=st.sampled_from(["", "okta"]),
    suspended=st.booleans(), suspended_by=st.sampled_from(["", "alice"]), suspended_at=st.none() | MOMENTS,
    contacts=st.lists(st.builds(Contact, MOMENTS, st.booleans()), max_size=12).map(lambda rows: tuple(sorted(rows, key=lambda row: row.began))),
    last=st.none() | MOMENTS, denied=st.none() | st.builds(Denial, MOMENTS, st.sampled_from(sorted(CAUSES)), st.integers(1, 9_999), st.none() | MOMENTS),
    refused=st.integers(0, 9_999), commonest=st.sampled_from(["", "taken", "required name.givenName", "other"]),
    failed=st.integers(0, 9_999), failed_since=st.none() | MOMENTS,
    credentials=st.lists(st.builds(
        Credential, st.sampled_from(["token", "client", "trust"]), st.just("abc"), st.sampled_from(["", "entra"]), st.none() | FUTURE, st.none() | MOMENTS,
    ), max_size=3).map(tuple),
    last_write=st.none() | MOMENTS, ended=st.none() | st.builds(Credential, st.just("token"), st.just("abc"), st.just("entra"), MOMENTS, revoked=st.booleans()),
    link_until=st.none() | FUTURE,
)  # fmt: skip


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d\d:\d\d:\d\d|\d(?:[\d,]*\d)?", text))


@settings(max_examples=examples(40), deadline=None)
@given(ANY)
def test_co_124_there_is_exactly_one_state_and_its_sentence_names_no_number_that_the_facts_have_not(facts: Facts) -> None:
    state = state_of(facts, NOW)
    moments = [facts.suspended_at, facts.failed_since, facts.link_until, facts.last, *(each.began for each in facts.contacts)]
    moments += [each.expires for each in (*facts.credentials, *([facts.ended] if facts.ended else []))]
    moments += ([facts.denied.time, facts.denied.since] if facts.denied else [])
    known = {number for each in moments if each for number in numbers(utc(each))}
    known |= {f"{number:,}" for number in (facts.refused, facts.failed, facts.denied.count if facts.denied else 0)}
    spans = [NOW - facts.last] if facts.last else []
    spans += [later.began - earlier.began for earlier in facts.contacts for later in facts.contacts if later.began >= earlier.began]
    known |= {number for span in spans for number in numbers(lasted(span))}
    known |= {str(max(0, (each.expires - NOW) // DAY)) for each in facts.credentials if each.expires}
    known |= {"24"} if facts.refused else set()  # "in the last 24 hours"
    assert numbers(state.sentence) | numbers(state.title) <= known
    assert state.sentence.endswith(".") and "None" not in state.sentence
    assert state.needs_attention == (state.level in (Level.WARNING, Level.BAD))


def test_co_60_the_worst_need_attention_first() -> None:
    customers = [
        Facts(name="b", **GOOD | {"refused": 2}), Facts(name="a", **GOOD | {"refused": 2}), Facts(name="c", **GOOD),
        Facts(name="d", **GOOD | {"denied": EXPIRED}), Facts(name="e"), Facts(name="f", suspended=True),
    ]
    assert [facts.name for facts, _ in attention(customers, NOW)] == ["d", "a", "b"]
    assert [facts.name for facts, _ in attention(customers, NOW, most=1)] == ["d"]
