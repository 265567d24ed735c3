"""The client: a process of its own with some keep-alive connections, each of which asks again when it is answered.

It is one thread over plain sockets, so that little of the machine goes into asking. What it sends is made by a source,
a callable of (connection, turn).
"""

from __future__ import annotations

import multiprocessing
import re
import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import ClassVar, Protocol, Self

from bench.processes import holder

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)
"""scimd ends a connection after some answers; who takes the next one is not looked at."""
_PATIENCE = 60.0
_TRIES = 1_000
"""Connections that are opened until each worker has its share."""


class Source(Protocol):
    """Makes the requests."""

    expected: ClassVar[bytes]
    """What is in every good answer."""

    def __call__(self, connection: int, turn: int) -> bytes:
        """Give the bytes of one HTTP request."""


@dataclass(frozen=True)
class Round:
    """What is to be asked: of whom, by how many connections, until when."""

    port: int
    source: Source
    first_turn: int = 0
    connections: int = 8
    seconds: float = 1.0
    most: int = 100_000
    """Requests that are sent at most."""
    workers: tuple[int, ...] = ()
    """The processes that are to have as many of the connections each. Left to themselves the first one that wakes takes
    all, in four rounds of ten, and such a round is half as fast: it tells how they were dealt out, not what they do."""


@dataclass
class Outcome:
    """How a round went."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    """Seconds from a request to the end of its answer."""
    statuses: Counter[int] = field(default_factory=Counter)
    turns: int = 0
    """How many turns the busiest connection had."""
    failure: str = ""
    """The first answer that is not a good one."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.times) / self.seconds if self.seconds else 0.0


class Client:
    """The client's process."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()

    def run(self, work: Round) -> Outcome:
        """Drive one round and give how it went; raises RuntimeError where the server hangs or hangs up."""
        self._pipe.send(work)
        answer = self._pipe.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        assert isinstance(answer, Outcome)
        return answer


def _serve(pipe: Connection) -> None:
    while True:
        try:
            work = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(drive(work))
        except (OSError, RuntimeError) as error:
            pipe.send(f"{type(error).__name__}: {error}")


@dataclass
class _Line:
    """One connection."""

    number: int
    socket: socket.socket
    turn: int
    sent: float = 0.0
    answer: bytearray = field(default_factory=bytearray)


def drive(work: Round) -> Outcome:
    """Ask and ask again over all connections until time or number is up; raises OSError, RuntimeError."""
    outcome = Outcome()
    lines = [_Line(number, opened, work.first_turn) for number, opened in enumerate(_connections(work))]
    with selectors.DefaultSelector() as selector:
        start = time.perf_counter()
        busy = min(len(lines), work.most)
        for first in lines[:busy]:
            selector.register(first.socket, selectors.EVENT_READ, first)
            _ask(first, work.source)
        left = work.most - busy
        while busy:
            ready = selector.select(_PATIENCE)
            if not ready:
                raise RuntimeError(f"no answer within {_PATIENCE:.0f} s")
            for key, _ in ready:
                line: _Line = key.data
                if not _read(line):
                    continue
                now = time.perf_counter()
                outcome.times.append(now - line.sent)
                _note(outcome, line, work.source.expected)
                if left and now - start < work.seconds:
                    left -= 1
                    if _CLOSES.search(line.answer, 0, 4_096):
                        selector.unregister(line.socket)
                        line.socket.close()
                        line.socket = _connect(work.port)
                        selector.register(line.socket, selectors.EVENT_READ, line)
                    _ask(line, work.source)
                else:
                    busy -= 1
                    selector.unregister(line.socket)
        outcome.seconds = time.perf_counter() - start
    for line in lines:
        line.socket.close()
    outcome.turns = max(line.turn for line in lines) - work.first_turn
    return outcome


def _connections(work: Round) -> list[socket.socket]:
    """Open the connections; raises RuntimeError where a worker does not get its share."""
    if not work.workers:
        return [_connect(work.port) for _ in range(work.connections)]
    share = -(-work.connections // len(work.workers))
    dealt: Counter[int] = Counter()
    chosen: list[socket.socket] = []
    others: list[socket.socket] = []
    while len(chosen) < work.connections:
        if len(chosen) + len(others) >= _TRIES:
            raise RuntimeError(f"of {_TRIES} connections the workers took {dict(dealt)}")
        opened = _connect(work.port)
        worker = _taker(work, opened)
        good = dealt[worker] < share
        dealt[worker] += 1
        (chosen if good else others).append(opened)
    for one in others:
        one.close()
    return chosen


def _taker(work: Round, opened: socket.socket) -> int:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if worker := holder(work.workers, work.port, opened.getsockname()[1]):
            return worker
        time.sleep(0.001)
    raise RuntimeError(f"nobody accepted a connection within {_PATIENCE:.0f} s")


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _ask(line: _Line, source: Source) -> None:
    request = source(line.number, line.turn)
    line.turn += 1
    line.answer.clear()
    line.sent = time.perf_counter()
    line.socket.sendall(request)


def _read(line: _Line) -> bool:
    """Read what there is; tell whether the answer is complete. Raises RuntimeError where the server hangs up."""
    data = line.socket.recv(262_144)
    if not data:
        raise RuntimeError(f"the server closed connection {line.number} in turn {line.turn}")
    line.answer += data
    head_end = line.answer.find(b"\r\n\r\n", 0, 16_384)
    if head_end < 0:
        return False
    status = int(line.answer[9:12])
    if status in (204, 304):
        return True
    head = bytes(line.answer[:head_end])
    length = _LENGTH.search(head)
    if length:
        return len(line.answer) >= head_end + 4 + int(length[1])
    if _CHUNKED.search(head):
        return line.answer.endswith(b"0\r\n\r\n")  # JSON has no line breaks in it: nothing else ends so
    raise RuntimeError(f"an answer without a length: {head!r}")


def _note(outcome: Outcome, line: _Line, expected: bytes) -> None:
    status = int(line.answer[9:12])
    outcome.statuses[status] += 1
    if (status >= 300 or expected not in line.answer) and not outcome.failure:
        outcome.failure = bytes(line.answer[:1500]).decode(errors="replace")
