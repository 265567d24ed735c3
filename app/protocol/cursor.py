"""Cursors (RFC 9865): a position in the results of a query, sealed, so that the server need not remember it.

A cursor is encrypted and signed (Fernet), bound to tenant, query and page size, and contains the time of its creation.
Forged cursors and those of another tenant or query get the same error.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from app.errors import ExpiredCursor, InvalidCount, InvalidCursor

TIMEOUT = 3_600
"""Seconds for which a cursor is valid."""


@dataclass(frozen=True)
class Cursor:
    """Where the next page begins."""

    id: str
    key: Any
    """The value by which the query is sorted, of the last resource on the page; None if it has none."""
    total: int
    """The number of resources that matched when the first page was read."""
    backwards: bool = False


class Cursors:
    """Seals and opens cursors with the server's key; `timeout` is how many seconds they are valid."""

    def __init__(self, key: bytes, timeout: int = TIMEOUT) -> None:
        self._fernet = Fernet(key)
        self._timeout = timeout

    def seal(self, cursor: Cursor, query: str, count: int) -> str:
        """Return a cursor as text of letters, digits, `-` and `_` (RFC 9865 section 2).

        `query` identifies the query and its tenant, `count` is the page size.
        """
        key, kind = cursor.key, "plain"
        if isinstance(key, datetime):
            key, kind = round(key.timestamp() * 1000), "date"
        content = [_digest(query), count, cursor.id, key, kind, cursor.total, cursor.backwards]
        # Not as ASCII, where each Chinese character has six bytes and not three: a cursor has to fit into a URL.
        text = json.dumps(content, ensure_ascii=False)
        return self._fernet.encrypt(text.encode()).decode().rstrip("=")

    def open(self, text: str, query: str, count: int) -> Cursor:
        """Return the cursor in a text; raises InvalidCursor, ExpiredCursor, InvalidCount (RFC 9865 section 2.1)."""
        token = (text + "=" * (-len(text) % 4)).encode("utf-8", "replace")
        try:
            digest, sealed_count, resource_id, key, kind, total, backwards = json.loads(self._fernet.decrypt(token))
            age = datetime.now(UTC).timestamp() - self._fernet.extract_timestamp(token)
        except (InvalidToken, ValueError) as error:
            raise InvalidCursor("The cursor does not belong to this query.") from error
        if digest != _digest(query):
            raise InvalidCursor("The cursor does not belong to this query.")
        if age > self._timeout:
            raise ExpiredCursor(f"The cursor is older than {self._timeout} seconds; start again with an empty cursor.")
        if count != sealed_count:
            raise InvalidCount(f"count: must stay {sealed_count}, as on the first page.")
        if kind == "date":
            key = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=key)
        return Cursor(resource_id, key, total, backwards)


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:32]
