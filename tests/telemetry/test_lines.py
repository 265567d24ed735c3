"""Lines of the log that nobody waits for: whole, in order, none lost but where there is no room for them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.telemetry.lines import MOST, Lines
from tests.conftest import make_server
from tests.processes import until


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read(descriptor: int, end: bytes) -> list[bytes]:
    """Give the lines up to and with the last one."""
    text = b""
    while end not in text:
        text += os.read(descriptor, 65_536)
    return text.splitlines()


def test_lines_are_written_without_being_asked_for(pipe: tuple[int, int]) -> None:
    lines = Lines(pipe[1])
    lines.write(b"one\n")
    lines.flush()
    lines.write(b"two\n")
    assert read(pipe[0], b"two\n") == [b"one", b"two"]


def test_the_lines_of_several_writers_stay_whole_and_in_order(pipe: tuple[int, int]) -> None:
    """As those of several workers on one pipe, which takes no more than 4,096 bytes at once."""
    number, rest = 2_000, b"." * 300

    def write(name: bytes) -> None:
        lines = Lines(pipe[1])
        for count in range(number):
            lines.write(b"%s %d %s\n" % (name, count, rest))
        lines.drain()

    writers = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    text = b""
    while text.count(b"\n") < len(writers) * number:
        text += os.read(pipe[0], 65_536)
    for name in (b"a", b"b", b"c"):
        mine = [line for line in text.splitlines() if line.startswith(name)]
        assert mine == [b"%s %d %s" % (name, count, rest) for count in range(number)]


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    lines = Lines(writing)
    for count in range(MOST + 5):  # nothing grows without end
        lines.write(b"%d\n" % count)
    lines.drain()  # EPIPE
    assert lines.waiting <= MOST
    while lines.waiting:
        lines.drain()
    os.close(writing)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_ends_has_written_its_last_line(tmp_path: Path, end: signal.Signals) -> None:
    server = make_server(tmp_path)
    server.start()
    base, token = server.create_tenant()
    answer = requests.get(f"{base}/Users", headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert server.process
    server.process.send_signal(end)
    server.process.wait(60)
    assert answer.headers["X-Request-Id"] in server.log.read_text()


def test_a_line_is_there_a_moment_after_the_answer(tmp_path: Path) -> None:
    server = make_server(tmp_path)
    server.start()
    try:
        answer = requests.get(f"{server.url}/nobody/scim/v2/Users", timeout=30)
        until(lambda: answer.headers["X-Request-Id"] in server.log.read_text(), 2)
    finally:
        server.stop()
