"""The PATCH message (RFC 7644 section 3.5.2): its body as operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.errors import InvalidSyntax, PayloadTooLarge
from app.protocol.messages import PATCH_URN, check_urn
from app.protocol.profile import Profile

OPERATIONS = ("add", "remove", "replace")
MAX_OPERATIONS = 1_000
"""Of one request. One operation may name any number of members."""
ABSENT: Any = object()
"""The value of an operation that has none; null is a value (RFC 7643 section 2.5)."""


@dataclass(frozen=True)
class Operation:
    """One operation as it was sent, with `op` in lower case."""

    op: str
    path: object = None
    value: Any = ABSENT


def read_patch(payload: object, profile: Profile) -> tuple[Operation, ...]:
    """Return the operations of a PATCH body; raises InvalidSyntax, and PayloadTooLarge if there are too many."""
    message = _lowered(payload, "The body")
    if not profile.any_message_schemas:
        check_urn(message, PATCH_URN)
    items = message.get("operations")
    if not isinstance(items, list) or not (items or profile.empty_operations):
        raise InvalidSyntax("Operations: must be an array with at least one operation.")
    if len(items) > MAX_OPERATIONS:
        raise PayloadTooLarge(f"Operations: must have at most {MAX_OPERATIONS} operations, not {len(items)}.")
    return tuple(_read_operation(item, number) for number, item in enumerate(items, 1))


def _lowered(payload: object, name: str) -> dict[str, Any]:
    """Return an object with its names in lower case; raises InvalidSyntax, which begins with `name`."""
    if not isinstance(payload, dict):
        raise InvalidSyntax(f"{name} must be a JSON object.")
    lowered = {key.lower(): value for key, value in payload.items()}
    if len(lowered) < len(payload):
        raise InvalidSyntax(f"{name} has the same member twice, in different case.")
    return lowered


def _read_operation(item: object, number: int) -> Operation:
    """Return one operation, without unknown members (D-129: Microsoft's collection sends `name`)."""
    given = _lowered(item, f"Operation {number}")
    op = given.get("op")
    if not isinstance(op, str) or op.lower() not in OPERATIONS:
        raise InvalidSyntax(f"Operation {number}: op must be one of {', '.join(OPERATIONS)}.")
    value = given.get("value", ABSENT)
    if op.lower() == "remove" and value is None:
        value = ABSENT  # null is no value (RFC 7643 section 2.5), so all values are removed
    return Operation(op.lower(), given.get("path"), value)
