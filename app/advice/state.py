"""Whether a customer is all right: one of ten states, in a word and a sentence. The first rule that fits decides.

That Entra has put a job into quarantine is a guess from outside: it tells no target. The thresholds come from its
documentation: a cycle about every 40 minutes, and in quarantine one a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import pairwise

from app.advice.denials import ANYONES, cure, denials, is_unsure, may_change, named, no_credential
from app.advice.explain import title_of
from app.advice.facts import Contact, Credential, Facts
from app.advice.guides import ENTRA, provider_of
from app.advice.wording import ago, lasted, plural, utc
from app.causes import WRONG_URL

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_CLOSE = timedelta(minutes=90)
"""Contacts of a running job are at most this far apart."""
_SILENCE = 3 * HOUR
_ONCE_A_DAY = (20 * HOUR, 28 * HOUR)
"""How far apart the contacts of a job in quarantine are."""
_SOON, _LATER = 7 * DAY, 30 * DAY
_IN_USE = DAY
"""Credentials are in use that were used within this time of the last use of any."""
_WRONG_ADDRESS, _WRONG_CREDENTIAL = "Wrong address", "Wrong credential"


class Level(StrEnum):
    """How much attention a state needs; the mark on pages is a circle, a triangle or a diamond."""

    GOOD = "good"
    NONE = "none"
    WARNING = "warning"
    BAD = "bad"


class Key(StrEnum):
    """The states, as metrics and JSON spell them, the worst first."""

    SUSPENDED = "suspended"
    LOCKED_OUT = "locked-out"
    QUARANTINE = "quarantine"
    SILENT = "silent"
    ENDS_SOON = "ends-soon"
    FAILING = "failing"
    ENDS = "ends"
    REFUSED = "refused"
    NEVER = "never"
    HEALTHY = "healthy"


@dataclass(frozen=True)
class State:
    """The state of a customer."""

    key: Key
    level: Level
    title: str
    """In a few words, such as `Expires in 6 days`."""
    sentence: str
    credential: Credential | None = None
    """The one that ends, or was the last one to end."""
    cause: str = ""
    """Why the client does not get in, if a request was refused for it (`app.causes`)."""

    @property
    def needs_attention(self) -> bool:
        """Whether an operator should look."""
        return self.level in (Level.WARNING, Level.BAD)


def state_of(facts: Facts, now: datetime) -> State:
    """Return the one state of a customer."""
    return next(state for rule in _RULES if (state := rule(facts, now)) is not None)


def own_state_of(facts: Facts, now: datetime) -> State:
    """Return the state in the words for the customer: the names of operators are not theirs to read."""
    return state_of(replace(facts, suspended_by=""), now)


def attention(customers: Iterable[Facts], now: datetime, most: int = 20) -> list[tuple[Facts, State]]:
    """Return the customers that need attention with their states, the worst first; of one state, the most refused."""
    worst = {key: place for place, key in enumerate(Key)}
    rows = [(facts, state) for facts in customers if (state := state_of(facts, now)).needs_attention]
    return sorted(rows, key=lambda row: (worst[row[1].key], -row[0].refused, row[0].name))[:most]


# The rules; their order is at the end.


def _suspended(facts: Facts, now: datetime) -> State | None:
    if not facts.suspended:
        return None
    by = f" by {facts.suspended_by}" if facts.suspended_by else ""
    since = f" since {utc(facts.suspended_at)}" if facts.suspended_at else ""
    return State(Key.SUSPENDED, Level.NONE, "Suspended", f"Suspended{by}{since}: every request is refused.")


def _locked_out(facts: Facts, now: datetime) -> State | None:
    denied = facts.denied
    if denied is None or denied.cause == "suspended" or is_unsure(facts):  # it was suspended, and has not come since
        return None
    title = _WRONG_ADDRESS if denied.cause == WRONG_URL else "Locked out"
    ended = None if may_change(facts) or denied.cause == WRONG_URL else facts.ended
    return State(Key.LOCKED_OUT, Level.BAD, title, denials(denied) + cure(facts), ended, denied.cause)


def _shut_out(facts: Facts, now: datetime) -> State | None:
    """Return the state of a customer that will be refused; one that only ever read needs to read, and no more."""
    if facts.last is None or may_change(facts):
        return None
    sentence = cure(replace(facts, denied=None)).strip()
    return State(Key.LOCKED_OUT, Level.BAD, "Locked out", sentence, facts.ended)


def _astray(facts: Facts, now: datetime) -> State | None:
    """Return the state of a customer that got in, and whose latest requests have a wrong address or credential."""
    denied = facts.denied
    if denied is None or denied.cause not in ANYONES or facts.last is None:
        return None
    sentence = f"{denials(denied)}{cure(facts)} Before that, the connection worked: {_last_request(facts.last, now)}"
    title = _WRONG_ADDRESS if denied.cause == WRONG_URL else _WRONG_CREDENTIAL
    return State(Key.REFUSED, Level.WARNING, title, sentence, cause=denied.cause)


def _quarantine(facts: Facts, now: datetime) -> State | None:
    begun = [contact.began for contact in facts.contacts]
    if not _is_entra(facts) or len(begun) < 4 or now - begun[-1] > _ONCE_A_DAY[1]:
        return None
    earlier, *last = _gaps(facts.contacts[-4:])
    least, most = _ONCE_A_DAY
    if earlier >= least or not all(least <= gap <= most for gap in last):
        return None
    why = f" Most refusals: {_reason(facts)}." if facts.commonest else ""
    sentence = (
        f"Since {utc(begun[-3])} Entra has sent requests only once a day: it has probably put the job into "
        f"quarantine, because too much was refused.{why} Fix that, then select Restart provisioning."
    )
    return State(Key.QUARANTINE, Level.BAD, "Quarantine suspected", sentence)


def _silent(facts: Facts, now: datetime) -> State | None:
    gaps = _gaps(facts.contacts[-4:])
    if not _is_entra(facts) or facts.last is None or now - facts.last <= _SILENCE:
        return None
    if len(gaps) < 2 or max(gaps) > _CLOSE:
        return None
    sentence = (
        f"No request for {lasted(now - facts.last)}; before that, one every {lasted(sorted(gaps)[len(gaps) // 2])}. "
        "Provisioning was switched off, or Entra has put the job into quarantine."
    )
    return State(Key.SILENT, Level.BAD, "Silent", sentence)


def _failing(facts: Facts, now: datetime) -> State | None:
    if not facts.failed:
        return None
    since = f" since {utc(facts.failed_since)}" if facts.failed_since else ""
    requests = "request" if facts.failed == 1 else "requests"
    sentence = f"{facts.failed:,} {requests} failed with a server error{since}; the server's log says why."
    return State(Key.FAILING, Level.BAD, "Failing", sentence)


def _refused(facts: Facts, now: datetime) -> State | None:
    if not facts.refused:
        return None
    changes = "change was" if facts.refused == 1 else "changes were"
    most = ": " if facts.refused == 1 else ", most often: "
    why = f"{most}{_reason(facts)}" if facts.commonest else ""
    works = f" The connection works: {_last_request(facts.last, now)}" if facts.last else ""
    return State(
        Key.REFUSED, Level.WARNING, f"{facts.refused:,} refused today",
        f"{facts.refused:,} {changes} refused in the last 24 hours, fixed since or not{why}.{works}",
    )


def _never(facts: Facts, now: datetime) -> State | None:
    if facts.last is not None:
        return None
    link = f"A setup link is valid until {utc(facts.link_until)}." if facts.link_until else "There is no setup link."
    why = f"{no_credential(facts)} " if facts.ended else ""
    return State(Key.NEVER, Level.NONE, "Never connected", f"No client has signed in yet. {why}{link}")


def _healthy(facts: Facts, now: datetime) -> State | None:
    last = f"Connected: {_last_request(facts.last, now)}" if facts.last else "All is well."
    return State(Key.HEALTHY, Level.GOOD, "Healthy", last)


def _last_request(last: datetime, now: datetime) -> str:
    return f"the last request came {ago(last, now)}."


def _ends(facts: Facts, now: datetime, within: timedelta, key: Key, level: Level) -> State | None:
    """Return the state if every credential in use ends within a time; the vendor's, which only read, do not count."""
    in_use = _in_use(may_change(facts))
    last = max(in_use, key=lambda each: each.expires or datetime.max.replace(tzinfo=UTC), default=None)
    if last is None or last.expires is None or last.expires - now > within:
        return None
    days = max(0, (last.expires - now) // DAY)
    only = "is the only credential in use" if len(in_use) == 1 else "is the last credential in use to expire"
    title = f"Expires in {plural(days, 'day')}" if days else "Expires today"
    return State(key, level, title, f"{named(last)} {only}; it expires on {utc(last.expires)}.", last)


def _in_use(credentials: Sequence[Credential]) -> list[Credential]:
    """Return the credentials that were used about when one was last used; all of them if none was used."""
    newest = max((each.used for each in credentials if each.used), default=None)
    return [each for each in credentials if newest is None or (each.used and newest - each.used <= _IN_USE)]


def _gaps(contacts: Sequence[Contact]) -> list[timedelta]:
    return [later.began - earlier.began for earlier, later in pairwise(contacts)]


def _is_entra(facts: Facts) -> bool:
    return provider_of(facts.provider, facts.profile) == ENTRA


def _reason(facts: Facts) -> str:
    cause, _, attribute = facts.commonest.partition(" ")
    return title_of(cause, attribute)


_RULES: tuple[Callable[[Facts, datetime], State | None], ...] = (
    _suspended, _locked_out, _shut_out, _quarantine, _silent,
    partial(_ends, within=_SOON, key=Key.ENDS_SOON, level=Level.BAD), _failing,
    partial(_ends, within=_LATER, key=Key.ENDS, level=Level.WARNING), _astray, _refused, _never, _healthy,
)
