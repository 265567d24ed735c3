"""Mutated filters and paths: whatever the text, it is read or refused with a FilterError.

The long run looks at the time as well: ten milliseconds of this thread's processor time at most. A text that takes longer
is tried again, since other work of the machine costs time too.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from app.schemas.storage.columns import columns
from app.schemas.tables.user import ENTERPRISE_URN, USER_TYPE, USER_URN
from scim_filter import FilterError, parse_filter, parse_path, to_mongo
from scim_filter.parser import _cached

SLOWEST = 0.010
TRIES = 25
SEEDS = (
    # What Entra sends: recorded in tests/entra, and in Microsoft's collections.
    'userName eq "x@contoso.com"', 'externalId eq "x"', 'emails[type eq "work"].value eq "x@contoso.com"',
    'displayName eq "x"', f'id eq "x" and {ENTERPRISE_URN}:manager eq "x"', 'id eq "x" and members eq "x"',
    'emails[primary eq true].value eq "x@contoso.com"', 'emails.value eq "x@contoso.com"',
    f'{ENTERPRISE_URN}:employeeNumber eq "x"', 'emails[type eq "work"] eq "x@contoso.com"',
    # RFC 7644 section 3.4.2.2, paths, and what is hard to read.
    'userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")',
    'emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]',
    'meta.lastModified gt "2011-05-13T04:42:34Z" and title pr', "members", "name.familyName",
    f"{USER_URN}:name.givenName", 'addresses[type eq "work"].streetAddress', 'members[value eq"2819c223"].$ref',
    'title eq "\\ud83d\\ude00\\n\\"" or active eq true and x gt -1.5e3 or y eq null', "a sw O or b eq 'c d'",
    " or ".join(['a.b eq "xxxx"'] * 100), " and ".join(["(a[b pr and c eq 1].d co 2)"] * 25),
    "(" * 32 + "a pr" + ")" * 32,
)
PIECES = (
    *'()[]".\\:$-\x00\n\ud800 ', " and ", " or ", "not (", " pr", " eq ", " null", "true", '"x"', "\\u12", "é", "😀",
    "urn:", "$where", "1e999",
    "not (" * 20, "a pr or " * 30, "(" * 100, '"' * 50, "\\" * 99, '\\"' * 400, "x" * 3_000,
)


def mutated(chance: random.Random) -> str:
    """Return a seed with a few parts taken out, put in, doubled or crossed with another seed."""
    text = chance.choice(SEEDS)
    for _ in range(chance.randint(1, 4)):
        at, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
        kind = chance.random()
        if kind < 0.5:
            text = text[:at] + chance.choice(PIECES) + text[min(at + chance.randint(0, 3), len(text)) :]
        elif kind < 0.7:
            text = text[:at] + text[min(end, at + 8) :]
        elif kind < 0.85:
            text = text[:end] + text[at:end][:200] + text[end:]
        else:
            other = chance.choice(SEEDS)
            text = text[:at] + other[chance.randint(0, len(other)) :]
    return text


def seconds_of(call: Callable[[], object]) -> float:
    """Return the processor time of a call; what was parsed before is forgotten."""
    _cached.cache_clear()
    began = time.thread_time()
    call()
    return time.thread_time() - began


def read(text: str, number: int) -> bool:
    """Read a text as a filter, every fourth one as a path; return whether it is well-formed."""
    bare_words = bool(number & 1)
    try:
        if number % 4 > 2:
            parse_path(text, bare_words=bare_words)
        else:
            to_mongo(parse_filter(text, bare_words=bare_words), columns(USER_TYPE), absent_if_unknown=True)
    except FilterError:
        return False
    return True


def is_quick(text: str, number: int) -> bool:
    """Return whether a text is read within `SLOWEST`, at least once in many tries."""
    for _ in range(TRIES):
        if seconds_of(lambda: read(text, number)) <= SLOWEST:
            return True
        time.sleep(0.02)
    return False


def test_mutated_texts() -> None:
    chance = random.Random(1)
    well_formed = [read(mutated(chance), number) for number in range(1_000)]
    assert any(well_formed)
    assert not all(well_formed)


@pytest.mark.long
@pytest.mark.timeout(4_000)
def test_mutated_texts_for_an_hour() -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    end = time.monotonic() + 3_600
    number = 0
    while time.monotonic() < end:
        text = mutated(chance)
        assert is_quick(text, number), (seed, number, text[:200])
        number += 1
