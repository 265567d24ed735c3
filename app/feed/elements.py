"""The elements of a page, up to a number and a size."""

from __future__ import annotations

from typing import Any

import orjson

MOST_BYTES = 4 * 1024 * 1024


class Elements:
    """The elements of one page, as they are collected."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self.found: list[dict[str, Any]] = []

    @property
    def room(self) -> int:
        """How many more elements the page may have."""
        return self._limit - len(self.found) if self._bytes < MOST_BYTES else 0

    def add(self, element: dict[str, Any]) -> None:
        """Add an element; the last one may exceed the size, so that each page has at least one."""
        self.found.append(element)
        self._bytes += len(orjson.dumps(element))
