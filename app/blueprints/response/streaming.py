"""Streamed bodies: files, and JSON that contains an iterator, such as a large group's members, are sent while read.

The first block is read before the response begins, so that a failure of the database is a 503. A later failure cannot
change the status: the connection is closed before the end of the body, which the client notices (RFC 9112 section 8).
Each block has a time budget of its own: reading a group of a million takes longer than one request may wait.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

import orjson

from app.errors import ScimError, describe

log = logging.getLogger("scimd")
ELEMENTS = 500
"""Elements of an iterator that are rendered at a time."""
BLOCK = 64 * 1024
"""The minimum size of a block in bytes."""


class Stream:
    """The blocks of a body; `close` ends the reading, at any time and more than once."""

    def __init__(
        self, blocks: Generator[bytes], request_id: str, budget: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Read the first block; raises ScimError."""
        self._blocks = blocks
        self._request_id = request_id
        self._budget = budget
        self.on_close: Callable[[], None] | None = None
        self._first: bytes | None = next(self._blocks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Return the next block; raises BrokenPipeError, which closes the connection, if it cannot be read."""
        first, self._first = self._first, None
        if first is not None:
            return first
        try:
            with self._budget():
                block = next(self._blocks, None)
        except ScimError as error:
            log.warning("request %s: the response is cut off: %s", self._request_id, describe(error))
            raise BrokenPipeError(errno.EPIPE, "The response is cut off.") from error
        if block is None:
            self.close()
            raise StopIteration
        return block

    def close(self) -> None:
        """End the reading; calls `on_close` once."""
        self._blocks.close()
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()


def is_streamed(value: Any) -> bool:
    """Return whether a value contains an iterator."""
    if isinstance(value, dict):
        return any(map(is_streamed, value.values()))
    return isinstance(value, Iterator) or (isinstance(value, list) and any(map(is_streamed, value)))


def json_blocks(value: Any) -> Generator[bytes]:
    """Return a value as JSON, in blocks."""
    block = bytearray()
    for piece in _pieces(value):
        block += piece
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _pieces(value: Any) -> Iterator[bytes]:
    """Yield a value as JSON, in one piece unless it contains an iterator."""
    if isinstance(value, Iterator):
        before = b"["
        while elements := list(islice(value, ELEMENTS)):
            yield before + orjson.dumps(elements)[1:-1]
            before = b","
        yield b"[]" if before == b"[" else b"]"
    elif isinstance(value, dict) and is_streamed(value):
        before = b"{"
        for key, item in value.items():
            yield before + orjson.dumps(key) + b":"
            yield from _pieces(item)
            before = b","
        yield b"}"
    elif isinstance(value, list) and is_streamed(value):
        before = b"["
        for item in value:
            yield before
            yield from _pieces(item)
            before = b","
        yield b"]"
    else:
        yield orjson.dumps(value)
