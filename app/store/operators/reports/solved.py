"""Whether a refusal was cured since: the same person or group was later created, or changed as was asked for.

A line of the log has no mark of that, since it is never changed; it is found among the later lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from app.advice.explain import OF_PEOPLE, PASSING, short
from app.schemas.comparison import fold
from app.schemas.tables.common import EXTERNAL_ID
from app.store.log.event import MEMBER
from app.store.log.events import Events
from app.store.log.reading.page import LogFilter, LogPage, Place, Window

Line = dict[str, Any]
SOLVED = "solved"
"""The field of a refused line with the later line that says so."""
MOST, MOST_OF_A_LIST = 50, 500
"""Lines since, the newest, that are looked through: those about one person, and those about all of a list."""
_ANEW = frozenset({"create", "import", "restore"})
_PAST = {"create": "created", "import": "imported", "restore": "restored", "delete": "deleted"}
_WHOLE = _ANEW | {"replace"}
_FILTER = re.compile(r"\[[^][]*\]")


def one(events: Events, event_id: str) -> Line | None:
    """Return the line of a log with an id, with what solved it if it was refused; None if there is none."""
    line = events.one(event_id)
    return marked([line], events, MOST)[0] if line else None


def marked(lines: Sequence[Line], events: Events | None = None, most: int = MOST_OF_A_LIST) -> list[Line]:
    """Return lines, the newest first, in which those that were refused have what solved them.

    That is looked for among the lines themselves, and then by one command among `most` later ones of a log, if given.
    """
    found = [
        {**line, SOLVED: solution(line, lines[:place])} if line.get("failed") else line
        for place, line in enumerate(lines)
    ]
    unsolved = [line for line in found if line.get("failed") and not line[SOLVED] and can_be_solved(line)]
    keys = tuple({key for line in unsolved for key in keys_of(line)})
    if events is None or not keys:
        return found
    later = events.page(LogFilter(keys=keys, since=min(line["time"] for line in unsolved)), Window(limit=most)).events
    return [{**line, SOLVED: solution(line, later)} if line in unsolved else line for line in found]


def latest(events: Events, wanted: LogFilter, window: Window, front: Place | None) -> tuple[LogPage, int]:
    """Return a page of a log, and how many lines are newer than the place `front`; without any, no page is read.

    Of refusals alone, the page is read at once and says what is newer, so that one command is left for `marked`.
    """
    if front is None:
        return events.page(wanted, window), 0
    if wanted.failed or wanted.cause:
        found = events.page(wanted, window)
        return found, sum(line["time"] >= front.time and line["_id"] not in front.ids for line in found.events)
    newer = events.page(wanted, Window(front, window.limit + 1, newer=True))
    return (events.page(wanted, window) if newer.events else newer), len(newer.events)


def can_be_solved(line: Line) -> bool:
    """Return whether a refusal is one of a change; those of sign-ons are none."""
    return bool(line["resource"].get("type")) and line["operation"] not in OF_PEOPLE


def solution(refused: Line, later: Sequence[Line]) -> Line | None:
    """Return which of the later lines, the newest first, says first that the refusal was cured, and how, in words."""
    if not can_be_solved(refused):
        return None
    line = next((line for line in reversed(later) if _is_same(refused, line) and _solves(refused, line)), None)
    words = line and f"This {line['resource']['type'].lower()} was {_PAST.get(line['operation'], 'changed')}"
    return line and {"_id": line["_id"], "time": line["time"], "words": words}


def _is_same(refused: Line, line: Line) -> bool:
    """Return whether a line of something done is about the resource that was refused.

    One that was not there is known by its externalId, or by its name if it was then created: before that, another one
    may have had the name. If its name was taken, one that has the name and another externalId is not it.
    """
    mine, its = refused["resource"], line["resource"]
    if line.get("failed") or its.get("type") != mine.get("type") or line["time"] < refused["time"]:
        return False
    if mine.get("id"):
        return bool(its.get("id") == mine["id"])
    known_as = its.get(EXTERNAL_ID.name)
    by_name = line["operation"] in _ANEW and not (known_as and refused.get("cause") == "taken")
    names = [known_as, its.get("name") if by_name else None]
    return any(fold(name) in refused["keys"] for name in names if name)


def _solves(refused: Line, line: Line) -> bool:
    """Return whether what was done later is what was refused: all of the resource, or the attribute and the members."""
    before, after, attribute = refused["operation"], line["operation"], refused.get("attribute")
    if "delete" in (before, after):
        return bool(before == after)
    members = {key for key in refused["keys"] if key.startswith(MEMBER)}
    if not members.issubset(line["keys"]):
        return False
    if before in _ANEW or after in _WHOLE:
        return True
    if not attribute:  # it is not known what was refused, so another change is none of it
        return before == after and (bool(members) or refused.get("cause") in PASSING)
    return any(_is_part(attribute, each) or _is_part(each, attribute) for each in _said(line))


def _said(line: Line) -> Iterator[str]:
    """Yield the attributes that a line says something of; of a complex one, those of its parts that differ."""
    for change in line.get("changes", ()):
        old, new = change.get("old", {}), change.get("new", {})
        if isinstance(old, dict) and isinstance(new, dict) and (old or new):
            differ = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
            yield from (f"{change['attribute']}.{name}" for name in differ)
        else:
            yield change["attribute"]
    if line.get("members"):
        yield "members"


def _is_part(path: str, of: str) -> bool:
    """Return whether the attribute `path` is the attribute `of`, or a part of it; filters are left aside."""
    path, of = (_FILTER.sub("", short(each)).lower() for each in (path, of))
    return path == of or path.startswith(f"{of}.")


def keys_of(line: Line) -> tuple[str, ...]:
    """Return the keys by which later lines about what was refused are found."""
    own = line["resource"].get("id")
    return (own,) if own else tuple(key for key in line["keys"] if not key.startswith(MEMBER))
