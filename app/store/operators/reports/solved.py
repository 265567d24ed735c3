"""Whether a refusal was cured since: the same person or group was later created, or changed as was asked for.

A line of the log has no mark of that, since it is never changed; it is found among the later lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.advice.explain import short
from app.schemas.comparison import fold
from app.schemas.tables.common import EXTERNAL_ID
from app.store.log.event import MEMBER
from app.store.log.events import Events
from app.store.log.reading.page import LogFilter, Window

Line = dict[str, Any]
SOLVED = "solved"
"""The field of a refused line with the later line that says so."""
MOST = 50
"""Lines about a person since, the newest, that are looked through."""
_ANEW = frozenset({"create", "import", "restore"})
_PAST = {"create": "created", "import": "imported", "restore": "restored", "delete": "deleted"}
_WHOLE = _ANEW | {"replace"}


def one(events: Events, event_id: str) -> Line | None:
    """Return the line of a log with an id, with what solved it if it was refused; None if there is none."""
    line = events.one(event_id)
    keys = _keys(line) if line and line.get("failed") and line["resource"].get("type") else ()
    if line is None or not keys:
        return line
    later = events.page(LogFilter(keys=keys, since=line["time"]), Window(limit=MOST)).events
    return {**line, SOLVED: _solution(line, later)}


def marked(lines: Sequence[Line]) -> list[Line]:
    """Return lines, the newest first, in which those that were refused have what solved them, if that is among them."""
    return [
        {**line, SOLVED: _solution(line, lines[:place])} if line.get("failed") else line
        for place, line in enumerate(lines)
    ]


def _solution(refused: Line, later: Sequence[Line]) -> Line | None:
    """Return which of the later lines, the newest first, says first that the refusal was cured, and how, in words."""
    line = next((line for line in reversed(later) if _is_same(refused, line) and _solves(refused, line)), None)
    words = line and f"This {line['resource']['type'].lower()} was {_PAST.get(line['operation'], 'changed')}"
    return line and {"_id": line["_id"], "time": line["time"], "words": words}


def _is_same(refused: Line, line: Line) -> bool:
    """Return whether a line of something done is about the resource that was refused.

    One that was not there is known by its externalId, or by its name if it was then created: before that, another one
    may have had the name.
    """
    mine, its = refused["resource"], line["resource"]
    if line.get("failed") or its.get("type") != mine.get("type") or line["time"] < refused["time"]:
        return False
    if mine.get("id"):
        return bool(its.get("id") == mine["id"])
    names = [its.get(EXTERNAL_ID.name), its.get("name") if line["operation"] in _ANEW else None]
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
    return _root(attribute) in map(_root, _said(line)) if attribute else bool(before == after)


def _said(line: Line) -> list[str]:
    """Return the attributes that a line says something of."""
    return [*(change["attribute"] for change in line.get("changes", ())), *(["members"] if line.get("members") else ())]


def _root(path: str) -> str:
    return short(path).partition(".")[0].partition("[")[0].lower()


def _keys(line: Line) -> tuple[str, ...]:
    own = line["resource"].get("id")
    return (own,) if own else tuple(key for key in line["keys"] if not key.startswith(MEMBER))
