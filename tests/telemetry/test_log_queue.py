"""Lines of the log that nobody waits for: whole, in order, none lost but where there is no room for them."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from app.telemetry.log_queue import MOST, Lines
from tests.conftest import Server, end_with_parent, make_server, new_database
from tests.processes import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def start() -> Iterator[Callable[[int], Lines]]:
    """Start a queue whose lines go to a descriptor; stop it after the test."""
    started: list[Lines] = []

    def new(descriptor: int) -> Lines:
        lines = Lines(descriptor)
        lines.start()
        started.append(lines)
        return lines

    yield new
    for lines in started:
        lines.stop()


def put(lines: Lines, text: str) -> None:
    lines.handler.handle(logging.makeLogRecord({"msg": text}))


def read(descriptor: int, end: bytes) -> list[bytes]:
    """Return the lines up to and with the last one."""
    text = b""
    while end not in text:
        text += os.read(descriptor, 65_536)
    return text.splitlines()


def test_lines_are_written_without_being_asked_for(pipe: tuple[int, int], start: Callable[[int], Lines]) -> None:
    lines = start(pipe[1])
    put(lines, "one")
    put(lines, "two")
    assert read(pipe[0], b"two\n") == [b"one", b"two"]


def test_the_lines_of_several_writers_stay_whole_and_in_order(
    pipe: tuple[int, int], start: Callable[[int], Lines]
) -> None:
    """As those of several workers on one pipe, which takes no more than 4,096 bytes at once."""
    number, rest = 2_000, "." * 300

    def write(name: str) -> None:
        lines = start(pipe[1])
        for count in range(number):
            put(lines, f"{name} {count} {rest}")

    writers = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for writer in writers:
        writer.start()
    text = b""
    while text.count(b"\n") < len(writers) * number:
        text += os.read(pipe[0], 65_536)
    for name in "abc":
        mine = [line for line in text.decode().splitlines() if line.startswith(name)]
        assert mine == [f"{name} {count} {rest}" for count in range(number)]


def test_a_stop_writes_what_is_in_the_queue(pipe: tuple[int, int]) -> None:
    lines = Lines(pipe[1])
    lines.start()
    for count in range(100):
        put(lines, str(count))
    lines.stop()
    put(lines, "of a thread that is still running")
    lines.start()
    lines.stop()
    written = [str(count).encode() for count in range(100)] + [b"of a thread that is still running"]
    assert read(pipe[0], b"running\n") == written


def test_a_reader_that_is_slow_delays_nobody_and_is_told_how_many_lines_were_dropped(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Lines(pipe[1])
    logger = logging.getLogger("scimd")
    monkeypatch.setattr(logger, "handlers", [lines.handler])
    monkeypatch.setattr(logger, "propagate", False)
    for count in range(MOST + 5):  # nothing reads yet, and the queue does not grow without end
        put(lines, str(count))
    assert lines.queue.qsize() == MOST
    lines.start()
    *kept, last = read(pipe[0], b"dropped")
    assert kept == [str(count).encode() for count in range(MOST)]
    assert last.startswith(b"5 lines of the log were dropped")
    lines.stop()


def test_a_log_that_cannot_be_written_stops_nobody(start: Callable[[int], Lines]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    lines = start(writing)
    put(lines, "lost")  # EPIPE
    until(lines.queue.empty)
    lines.stop()
    lines.start()
    assert lines.queue.empty()


LOGS_MUCH = """
import logging, sys
from app.telemetry.logs import configure

configure()
for number in range(2_000):
    logging.getLogger("scimd").warning("number %d of many, %s", number, "." * 100)
print("done", flush=True)
sys.stdin.read()
"""


def test_a_process_waits_for_no_reader_of_its_log_and_loses_no_line_at_its_end() -> None:
    """A pipe takes 64 KB; what is logged here is more, and nothing reads it yet."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOGS_MUCH], cwd=ROOT, text=True, preexec_fn=end_with_parent,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    assert process.stdout and process.stdout.readline() == "done\n"
    _, log = process.communicate()
    rows = [json.loads(line) for line in log.splitlines()]
    assert [int(row["event"].split()[1]) for row in rows] == list(range(2_000))
    assert rows[0].keys() == {"event", "level", "logger", "timestamp"}


@pytest.mark.long
@pytest.mark.parametrize("end", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_server_that_ends_has_written_its_last_line(tmp_path: Path, end: signal.Signals, mongod_uri: str) -> None:
    server = make_server(tmp_path, SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    base, token = server.create_tenant()
    answer = requests.get(f"{base}/Users", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert server.process
    server.process.send_signal(end)
    server.process.wait(60)
    assert answer.headers["X-Request-Id"] in server.log.read_text()


def test_a_line_is_there_a_moment_after_the_answer(live_server: Server) -> None:
    answer = requests.get(f"{live_server.url}/nobody/scim/v2/Users", timeout=30)
    until(lambda: answer.headers["X-Request-Id"] in live_server.log.read_text())
