"""Cursors of the feed: a place in the sequence, and whose events the reader reads.

A cursor is no secret, since the scope in it is compared with that of the request. It is text of digits, letters and a
dot, so that it needs no escaping in a URL.
"""

from __future__ import annotations

import re

from app.errors import Gone, InvalidCursor
from app.store.log.sequence import AGAIN, Scope

ALL = "all"
"""The scope of a reader of all tenants, as text; no tenant's id reads like this."""
_CURSOR = re.compile(r"(0|[1-9]\d{0,15})\.([0-9a-f]{1,16}|all)", re.ASCII)


def cursor_text(place: int, scope: Scope | None) -> str:
    """Return the cursor for a place; `scope` None means all tenants."""
    return f"{place}.{scope.tenant_id if scope else ALL}"


def read_cursor(text: str, scope: Scope | None) -> int:
    """Return the place in a cursor; raises InvalidCursor, and Gone for a cursor of another scope."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidCursor("after: must be a cursor that this server has given out, or now.")
    if match[2] != (scope.tenant_id if scope else ALL):
        whose = "of another tenant, or of an earlier one with this name" if scope else "of one tenant"
        raise Gone(f"The cursor belongs to the feed {whose}; {AGAIN}.")
    return int(match[1])
