"""What is wrong with a payload: Marshmallow's nested messages as one error.

Its detail, which the client gets, repeats no value. Its problems are for operators; they say what was received.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.errors import InvalidSyntax, InvalidValue, Problem
from app.schemas.validation.secrets import NOT_KEPT, kept
from app.schemas.validation.structures import UNKNOWN, Misplaced

MAX_PROBLEMS = 20
"""Problems that an error names; a body may have thousands."""
REQUIRED, BLANK = "is required", "must not be blank"
_LONGEST = 200
"""Bytes of a received value, and characters of a path; the names in it come from the client."""
_EXPECTED = {REQUIRED: "a value", BLANK: "text", UNKNOWN: "no such attribute", "is there more than once": "once"}
_CAUSES = {REQUIRED: "required", BLANK: "required", UNKNOWN: "unknown-attribute"}


class Fault(NamedTuple):
    """One thing that is wrong with a payload."""

    path: str
    message: str
    steps: tuple[str | int, ...] | None = None
    """The names and indexes that lead from the payload to the value; None if there is none."""


def faults_in(messages: Any, path: str = "", joint: str = ".", steps: tuple[str | int, ...] = ()) -> Iterator[Fault]:
    """Yield Marshmallow's nested messages with their paths: `emails[1].value`, `urn:...:User:manager.value`."""
    if not isinstance(messages, Mapping):
        yield from (Fault(path, message, steps) for message in messages)
        return
    for key, inner in messages.items():
        if isinstance(key, int):
            yield from faults_in(inner, f"{path}[{key}]", steps=(*steps, key))
        else:
            name = key if key.isprintable() else ascii(key)[1:-1]
            below = f"{path}{joint}{name}" if path else name
            yield from faults_in(inner, below, ":" if ":" in key else ".", (*steps, key))


def raise_for(faults: list[Fault], sent: Any, hidden: frozenset[str]) -> None:
    """Raise InvalidSyntax or InvalidValue, if there are faults.

    `sent` is the value that they are in, and `hidden` the names of attributes whose values nobody may see.
    """
    if not faults:
        return
    first = faults[:MAX_PROBLEMS]
    listed = "; ".join(f"{fault.path[:_LONGEST]}: {fault.message}" for fault in first)
    more = len(faults) - MAX_PROBLEMS
    detail = f"{listed}; and {more} more" if more > 0 else listed
    kind = InvalidSyntax if any(isinstance(fault.message, Misplaced) for fault in faults) else InvalidValue
    problems = [
        Problem(fault.path[:_LONGEST], _expected(fault.message), _received(fault, sent, hidden)) for fault in first
    ]
    raise kind(detail, *problems, cause=_cause(faults[0].message))


def received(value: Any, hidden: frozenset[str] = frozenset()) -> str:
    """Return a value that was received as a short text for operators."""
    return "nothing" if value is None else kept(value, hidden, _LONGEST)


def _received(fault: Fault, sent: Any, hidden: frozenset[str]) -> str:
    value = sent if fault.steps is not None else None
    for step in fault.steps or ():
        if isinstance(step, str) and step.lower() in hidden:
            return NOT_KEPT
        value = _inside(value, step)
    if isinstance(value, str | list) and fault.message.startswith("must have at most"):
        return f"{len(value)} {'characters' if isinstance(value, str) else 'values'}"
    return received(value, hidden)


def _inside(value: Any, step: str | int) -> Any:
    """Return what is under a name, case-insensitively, or at an index; None if there is nothing."""
    if isinstance(step, int):
        return value[step] if isinstance(value, list | tuple) and step < len(value) else None
    if not isinstance(value, Mapping):
        return None
    return next((item for key, item in value.items() if key.lower() == step.lower()), None)


def _expected(message: str) -> str:
    return _EXPECTED.get(message) or message.removeprefix("must be ").removeprefix("must have ")


def _cause(message: str) -> str:
    """Return the cause (`app.causes`) of a problem."""
    if message.startswith("must have at most"):
        return "too-long" if message.endswith("characters") else "too-many"
    return _CAUSES.get(message, "wrong-type")
