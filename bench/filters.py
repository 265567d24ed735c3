"""Filters: how fast they are read and compiled, and whether any text makes the parser fail or dawdle.

    python -m bench.filters                 # speed, beside scim2-filter-parser where that is installed
    python -m bench.filters --fuzz 1000000  # texts, mutated; nothing but a FilterError, nothing over 10 ms
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from app.schemas.columns import columns
from app.schemas.group import GROUP_TYPE
from app.schemas.user import ENTERPRISE_URN, USER_TYPE, USER_URN
from scim_filter import FilterError, Resolve, parse_filter, parse_path, to_mongo
from scim_filter.parser import _cached_filter, _lark

SLOWEST = 0.010
ROUNDS = 40
CALLS = 500

# What Entra sends (recorded in tests/entra, and in Microsoft's collections); `?` is another value each time.
ENTRA = (
    'userName eq "?@contoso.com"',
    'externalId eq "?"',
    'emails[type eq "work"].value eq "?@contoso.com"',
    'displayName eq "?"',
    f'id eq "?" and {ENTERPRISE_URN}:manager eq "?"',
    'id eq "?" and members eq "?"',
    'emails[primary eq true].value eq "?@contoso.com"',
    'emails.value eq "?@contoso.com"',
    f'{ENTERPRISE_URN}:employeeNumber eq "?"',
    'emails[type eq "work"] eq "?@contoso.com"',
)
# No service of Microsoft's has been seen sending this; it is in their collection of tests.
BEYOND = 'name.familyName eq "?" and (emails.value co "?" or emails.value co "example.org")'


def nothing(query: dict[str, Any]) -> dict[str, Any]:
    """Stand in for the question who is in a group, which is the database's and not the compiler's."""
    return {"_id": query}


def resolvers() -> tuple[Resolve, Resolve]:
    """Give the columns of users and of groups."""
    return columns(USER_TYPE), columns(GROUP_TYPE, joins={"members": nothing})


def compiler(template: str) -> Callable[[str], object]:
    """Give what makes a query of a text, as the server does."""
    users, groups = resolvers()
    resolve = groups if "members" in template else users
    return lambda text: to_mongo(parse_filter(text), resolve)


def peer() -> Callable[[str], object] | None:
    """Give what makes SQL of a text with scim2-filter-parser, or None where it is not installed."""
    try:
        from scim2_filter_parser.queries import SQLQuery
    except ImportError:
        return None
    single = ("userName", "externalId", "displayName", "id", "members", "emails")
    pairs = (("emails", "type"), ("emails", "value"), ("emails", "primary"), ("name", "familyName"))
    known = {(name, None, None): name for name in single} | {(name, sub, None): sub for name, sub in pairs}
    known |= {(name, None, ENTERPRISE_URN): name for name in ("manager", "employeeNumber")}
    return lambda text: SQLQuery(text, "users", known)


def microseconds(*sides: tuple[Callable[[str], object], Callable[[], list[str]]]) -> list[float]:
    """Give the time of one call for each side: its best round of many, taken in turns."""
    best = [float("inf")] * len(sides)
    for _ in range(ROUNDS):
        for index, (call, texts) in enumerate(sides):
            batch = texts()
            gc.collect()
            start = time.thread_time()  # of the processor: others may use it meanwhile
            for text in batch:
                call(text)
            best[index] = min(best[index], (time.thread_time() - start) / len(batch))
    return [seconds * 1e6 for seconds in best]


def compare() -> None:
    """Print the time of each of Entra's filters: never seen before, and seen before; beside the peer's."""
    numbers = count()
    theirs = peer()
    _lark(False)  # built once in a process's life
    print(f"{'new':>8} {'seen':>8} {'peer':>8} {'times':>6}   microseconds a filter, parsed and compiled")
    rows = []
    for template in (*ENTRA, BEYOND):
        parts, ours = template.split("?"), compiler(template)

        def fresh(parts: list[str] = parts) -> list[str]:
            return [f"{next(numbers):08d}".join(parts) for _ in range(CALLS)]

        def known(template: str = template) -> list[str]:
            return [template] * CALLS

        new, seen, *rest = microseconds((ours, fresh), (ours, known), *([(theirs, fresh)] if theirs else []))
        other = rest[0] if rest else float("nan")
        rows.append((new, seen, other))
        print(f"{new:8.2f} {seen:8.2f} {other:8.2f} {other / new:6.1f}   {template}")
    new, seen, other = (sum(column) for column in zip(*rows[:-1], strict=True))
    print(f"{new:8.2f} {seen:8.2f} {other:8.2f} {other / new:6.1f}   Entra's ten")


SEEDS = (
    *(template.replace("?", "x") for template in ENTRA),
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
    "not (" * 20, "a pr or " * 30, "(" * 100, '"' * 50, "\\" * 99, "x" * 3_000,
)


def mutated(random_: random.Random) -> str:
    """Give a seed with a few parts of it taken out, put in, doubled or crossed with another."""
    text = random_.choice(SEEDS)
    for _ in range(random_.randint(1, 4)):
        at, end = sorted((random_.randint(0, len(text)), random_.randint(0, len(text))))
        kind = random_.random()
        if kind < 0.5:
            text = text[:at] + random_.choice(PIECES) + text[min(at + random_.randint(0, 3), len(text)) :]
        elif kind < 0.7:
            text = text[:at] + text[min(end, at + 8) :]
        elif kind < 0.85:
            text = text[:end] + text[at:end][:200] + text[end:]
        else:
            other = random_.choice(SEEDS)
            text = text[:at] + other[random_.randint(0, len(other)) :]
    return text


def fuzz(number: int, seed: int) -> None:
    """Read that many texts as filters and as paths; any other exception than FilterError ends the program."""
    random_ = random.Random(seed)
    users = resolvers()[0]
    slowest, slowest_text, over, read = 0.0, "", 0, 0
    start = time.monotonic()
    for index in range(number):
        text, bare_words = mutated(random_), bool(index & 1)

        def call(text: str = text, bare_words: bool = bare_words, index: int = index) -> bool:
            try:
                if index % 4 > 2:
                    parse_path(text, bare_words=bare_words)
                else:
                    to_mongo(parse_filter(text, bare_words=bare_words), users, absent_if_unknown=True)
            except FilterError:
                return False
            return True

        begin = time.thread_time()
        read += call()
        took = time.thread_time() - begin
        if took > min(slowest, SLOWEST):  # the processor's caches are not ours alone: the best of several tells
            took = min(took, *(timed(call) for _ in range(4)))
            if took > SLOWEST:  # and where the whole machine is taken away for a moment, later ones do
                took = min(took, *(timed(call, after=0.05) for _ in range(20)))
            if took > slowest:
                slowest, slowest_text = took, text
        over += took > SLOWEST
    print(f"{number} texts in {time.monotonic() - start:.0f} s: {read} well-formed, {number - read} refused;")
    print(f"slowest {slowest * 1e3:.2f} ms ({len(slowest_text)} characters), {over} over {SLOWEST * 1e3:.0f} ms")
    assert over == 0, slowest_text[:200]


def timed(call: Callable[[], object], *, after: float = 0.0) -> float:
    """Give the processor's time of a call, so many seconds later."""
    _cached_filter.cache_clear()
    time.sleep(after)
    begin = time.thread_time()
    call()
    return time.thread_time() - begin


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fuzz", type=int, metavar="TEXTS", help="read that many mutated texts")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.fuzz:
        fuzz(given.fuzz, given.seed)
    else:
        compare()
