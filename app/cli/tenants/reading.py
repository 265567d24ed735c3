"""The lines of an import, read ahead in a process of its own.

To check a user takes as long as to write one, and two threads of one process would do so in turn (D-665).
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import chain, pairwise
from typing import IO, NamedTuple

from app.errors import ScimError, Unavailable
from app.export_import import Batch, read_batch
from app.processes import collect_seldom, start_module
from app.schemas.resource_type import Catalogue
from app.schemas.validation.json_object import object_in

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes; MongoDB stores no larger document."""
MOST_LINES = 500
"""Lines of a batch, which is one transaction and as many events as the relay moves at once."""
Text = tuple[int, bytes | None]
"""The number of a line, and its bytes, None where it has too many."""


class Read(NamedTuple):
    """A batch, with the bytes and lines that it was read from."""

    size: int
    lines: int
    batch: Batch


def read_ahead(source: IO[bytes], catalogue: Catalogue, *, strict: bool) -> Generator[Read, None, None]:
    """Yield the batches of a file; while the caller writes one, the next one is read.

    `strict` refuses attributes that are not known. Raises Unavailable where the process that reads is killed.
    """
    texts = _texts(source)
    first, second = next(texts), next(texts, None)
    if second is None:  # a process would take longer to start than to read this
        yield Read(first[0], len(first[1]), _read(first[1], catalogue, strict=strict))
        return
    process = start_module(__name__, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    with process:
        try:
            _send(process.stdin, (catalogue, strict))
            _send(process.stdin, first[1])
            for (size, lines), (_, following) in pairwise(chain([first, second], texts, [(0, [])])):
                batch = pickle.load(process.stdout)  # noqa: S301 - from our own process
                _send(process.stdin, following)  # after the batch has come: neither process waits for the other
                yield Read(size, len(lines), batch)
        except (EOFError, BrokenPipeError) as error:
            raise Unavailable("The process that reads the lines has ended; repeat the import.") from error
        finally:
            process.kill()


def main() -> None:
    """Read what another process sends, until that ends."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    collect_seldom()
    given, output = sys.stdin.buffer, sys.stdout.buffer
    catalogue, strict = pickle.load(given)  # noqa: S301 - from the process that has started this one
    with suppress(EOFError):
        while True:
            _send(output, _read(pickle.load(given), catalogue, strict=strict))  # noqa: S301 - as above


def _send(pipe: IO[bytes], what: object) -> None:
    pickle.dump(what, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def _read(texts: list[Text], catalogue: Catalogue, *, strict: bool) -> Batch:
    return read_batch(((number, _line(text)) for number, text in texts), catalogue, strict=strict)


def _texts(source: IO[bytes]) -> Iterator[tuple[int, list[Text]]]:
    """Yield the lines in batches limited in lines and bytes, each with the number of bytes read for it."""
    batch: list[Text] = []
    number = size = 0
    while text := source.readline(LONGEST_LINE):
        number += 1
        size += len(text)
        if len(text) == LONGEST_LINE and not text.endswith(b"\n"):
            rest = text
            while rest and not rest.endswith(b"\n"):
                rest = source.readline(LONGEST_LINE)
                size += len(rest)
            batch.append((number, None))
        elif text.strip():
            batch.append((number, text))
        if len(batch) == MOST_LINES or size > LONGEST_LINE:
            yield size, batch
            batch, size = [], 0
    yield size, batch


def _line(text: bytes | None) -> dict[str, object] | str:
    """Return the object in a line, or the reason why it has none."""
    if text is None:
        return f"The line has more than {LONGEST_LINE} bytes."
    try:
        return object_in(text, "The line")
    except ScimError as error:
        return error.detail


if __name__ == "__main__":
    main()
