"""The lines of an import that another process reads are those that this one would read."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.cli.tenants import reading
from app.cli.tenants.reading import LONGEST_LINE, MOST_LINES, read_ahead
from app.errors import Unavailable
from app.export_import import Batch
from app.schemas.custom import load_catalogue
from app.schemas.resource_type import Catalogue
from app.store.directory.secrets import Hashed
from tests.blueprints.conftest import ENTERPRISE_URN, USER_URN
from tests.cli.tenants.test_transfer import BAD_LINES, ROBOT, SCHEMA_URN, TYPE_URN, member, text, user
from tests.processes import children

REFUSED = [line for line, why in BAD_LINES if why not in ("is taken", "nonsense")]  # in each profile, by themselves
HASH = "scrypt$16384$8$1$c2FsdA==$aGFzaA=="
META = {"created": "2026-01-02T03:04:05.678Z", "lastModified": "2026-02-02T03:04:05.678Z"}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """Return the types of a tenant, one of them from a file."""
    attributes = [{"name": "label", "required": True}, {"name": "made", "type": "dateTime"}]
    (tmp_path / "a.json").write_text(json.dumps({"schemas": [SCHEMA_URN], "id": ROBOT, "name": "Robot", "attributes": attributes}))
    (tmp_path / "b.json").write_text(json.dumps({"schemas": [TYPE_URN], "name": "Robot", "endpoint": "/Robots", "schema": ROBOT}))
    return load_catalogue(tmp_path, "rfc", "acme")


def rows(number: int) -> Iterator[Any]:
    """Yield a line of each kind."""
    more = {"meta": META, "password": HASH, "emails": [{"value": "\u00e4\u6f22\U0001f600@x", "primary": True}]}
    made = user(number)
    made["resource"] |= more | {"schemas": [USER_URN, ENTERPRISE_URN], ENTERPRISE_URN: {"department": "D"}}
    robot = {"schemas": [ROBOT], "id": f"r{number}", "label": "R2", "made": "2026-01-02T03:04:05+01:00", "meta": META}
    yield made
    yield {"type": "Robot", "resource": robot}
    yield member(str(number), number)
    yield made
    yield ""
    yield REFUSED[number % len(REFUSED)]


MIXED = [row for number in range(100) for row in rows(number)]
FILES: dict[str, Callable[[], bytes]] = {
    "empty": bytes, "short": lambda: text(*MIXED[:100]), "mixed": lambda: text(*MIXED),
    "two batches": lambda: text(*MIXED[:5] * 2 * (MOST_LINES // 4)),
    "long lines": lambda: text(*MIXED[:50], "x" * 20_000_000, *MIXED[50:100], "y" * LONGEST_LINE, *MIXED[:3]).rstrip(),
}
"""Files, made when they are used, since some are large."""


def alone(data: bytes, before: bytes, catalogue: Catalogue, *, strict: bool) -> Batch:
    """Return what is read of a batch in this process, with the same numbers of lines."""
    _, texts = next(reading._texts(io.BytesIO(b"\n" * before.count(b"\n") + data)))
    return reading._read(texts, catalogue, strict=strict)


@pytest.mark.parametrize(("name", "strict"), [*((name, False) for name in FILES), ("short", True), ("mixed", True)])
def test_another_process_reads_the_same(
    catalogue: Catalogue, name: str, strict: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, at = FILES[name](), 0
    there = list(read_ahead(io.BytesIO(data), catalogue, strict=strict))
    monkeypatch.setattr(reading, "MOST_LINES", len(data) + 2)
    for each in there:
        part = data[at : at + each.size]
        assert each.batch == alone(part, data[:at], catalogue, strict=strict)
        at += each.size
        assert all(isinstance(made["password"], Hashed) for _, made in each.batch.resources.get("User", {}).values())
    assert at == len(data)
    assert sum(each.lines for each in there) == sum(bool(line.strip()) for line in data.split(b"\n"))
    assert all(each.lines <= MOST_LINES for each in there)


def test_no_more_than_three_batches_are_read_ahead(catalogue: Catalogue) -> None:
    source, before = io.BytesIO(text(*(user(number) for number in range(20 * MOST_LINES)))), set(children(os.getpid()))
    with closing(read_ahead(source, catalogue, strict=False)) as batches:
        size = next(batches).size
        taken = source.tell() / size
        assert taken < 4, "memory is bounded"
        assert set(children(os.getpid())) > before
    assert set(children(os.getpid())) == before, "an import that ends early leaves no process"


def test_a_process_that_is_killed_is_told_and_none_stays(catalogue: Catalogue) -> None:
    data = text(*(user(number) for number in range(5 * MOST_LINES)))
    before = set(children(os.getpid()))
    with closing(read_ahead(io.BytesIO(data), catalogue, strict=False)) as batches:
        next(batches)
        [reader] = set(children(os.getpid())) - before
        os.kill(reader, signal.SIGKILL)
        with pytest.raises(Unavailable, match="repeat the import"):
            list(batches)
    assert set(children(os.getpid())) == before


IMPORT = """
import io, time
from app.cli.tenants.reading import read_ahead
from app.schemas.custom import load_catalogue
batches = read_ahead(io.BytesIO(b"{}\\n" * 5_000), load_catalogue(None, "rfc", "acme"), strict=False)
print(len(next(batches).batch.refused), flush=True)
time.sleep(60)
"""


def test_the_process_ends_with_an_import_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", IMPORT], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as importer:
        assert importer.stdout
        assert importer.stderr
        assert int(importer.stdout.readline()) == MOST_LINES
        [reader] = children(importer.pid)
        importer.kill()
        assert importer.stderr.read() == b"", "it ends without a word, and has closed its standard error"
    deadline = time.monotonic() + 20
    while Path(f"/proc/{reader}/cmdline").exists() and Path(f"/proc/{reader}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.02)
