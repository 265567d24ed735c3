"""The load generator: one process with some keep-alive connections, in one thread over plain sockets.

With `rate` it sends at a steady pace, otherwise each connection sends again as soon as it is answered. A source, a
callable of (connection, turn), makes the requests. One thread and plain sockets leave most of the machine to the
server.
"""

from __future__ import annotations

import multiprocessing
import re
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import ClassVar, Protocol, Self

from bench.connections import PATIENCE, connect, deal

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


class Source(Protocol):
    """Makes the requests."""

    expected: ClassVar[bytes]
    """Part of every good response."""
    block: ClassVar[int]
    """A round starts with a turn that is a multiple of this."""

    def __call__(self, connection: int, turn: int) -> bytes:
        """Return the bytes of one HTTP request."""


Check = Callable[[bytearray, int, int], bool]
"""Returns whether the response to the request of a connection and a turn is good; it comes to another process."""


@dataclass(frozen=True)
class Round:
    """What is sent to which port, by how many connections, for how long."""

    port: int
    source: Source
    first_turn: int = 0
    connections: int = 8
    seconds: float = 1.0
    most: int = 100_000
    """The number of requests after which the round ends."""
    workers: tuple[int, ...] = ()
    """Processes that get an equal share of the connections. Without it the first worker that wakes takes them all in
    four rounds of ten, and such a round is half as fast: it measures how connections are dealt out, not the server."""
    rate: float = 0.0
    """Requests per second, over all connections. A request is timed from the moment it is due, even if no connection is
    free then, so that a server that falls behind is not spared (an open loop). 0: as fast as they are answered."""
    is_good: Check | None = None
    """A test that a good response passes besides those of the status and of what the source expects."""


@dataclass
class Outcome:
    """How a round went."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    """Seconds from each request to the end of its response."""
    statuses: Counter[int] = field(default_factory=Counter)
    turns: int = 0
    """The turns of the busiest connection."""
    failure: str = ""
    """The start of the first bad response: an error, or a body without what the source expects."""
    failures: int = 0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.times) / self.seconds if self.seconds else 0.0


class Client:
    """The load generator's process."""

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
        """Drive one round; raises RuntimeError if the server hangs, or closes a connection in place of an answer."""
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


def drive(work: Round) -> Outcome:
    """Send and receive until the time or the number is up; raises OSError, RuntimeError."""
    with selectors.DefaultSelector() as selector:
        return _Drive(work, selector).run()


@dataclass(eq=False)
class _Line:
    """One connection."""

    number: int
    socket: socket.socket
    turn: int
    since: float = 0.0
    response: bytearray = field(default_factory=bytearray)


class _Drive:
    """One round while it runs."""

    def __init__(self, work: Round, selector: selectors.BaseSelector) -> None:
        self._work = work
        self._selector = selector
        self._outcome = Outcome()
        opened = deal(work.port, work.connections, work.workers)
        self._lines = [_Line(number, each, work.first_turn) for number, each in enumerate(opened)]
        self._idle = deque(self._lines)
        self._sent = 0
        self._start = time.perf_counter()

    def run(self) -> Outcome:
        for line in self._lines:
            self._selector.register(line.socket, selectors.EVENT_READ, line)
        self._start = heard = time.perf_counter()
        self._send()
        while len(self._idle) < len(self._lines) or not self._is_over():
            for key, _ in self._selector.select(self._until_due()):
                heard = time.perf_counter()
                if self._read(key.data):
                    self._note(key.data)
                    self._idle.append(key.data)
                    self._send()
            self._send()
            if time.perf_counter() - heard > PATIENCE:
                raise RuntimeError(f"no response within {PATIENCE:.0f} s")
        self._outcome.seconds = time.perf_counter() - self._start
        for line in self._lines:
            line.socket.close()
        self._outcome.turns = max(line.turn for line in self._lines) - self._work.first_turn
        return self._outcome

    def _is_over(self) -> bool:
        work = self._work
        return self._sent >= work.most or (
            self._sent >= work.rate * work.seconds if work.rate else time.perf_counter() - self._start >= work.seconds
        )

    def _due(self) -> float:
        """Return when the next request is due."""
        return self._start + self._sent / self._work.rate if self._work.rate else 0.0

    def _until_due(self) -> float:
        if self._work.rate and self._idle and not self._is_over():
            return max(0.0, self._due() - time.perf_counter())
        return 1.0

    def _send(self) -> None:
        """Send what is due over the idle connections. At a rate of 0, each has its first request in any case."""
        while self._idle and (self._sent < len(self._lines) and not self._work.rate or not self._is_over()):
            now, due = time.perf_counter(), self._due()
            if due > now or self._sent >= self._work.most:
                return
            line = self._idle.popleft()
            request = self._work.source(line.number, line.turn)
            line.turn += 1
            line.response.clear()
            line.since = due or time.perf_counter()
            line.socket.sendall(request)
            self._sent += 1

    def _read(self, line: _Line) -> bool:
        """Read what there is; return whether the response is complete. Raises RuntimeError if it ends before."""
        data = line.socket.recv(262_144)
        if not data:
            if line not in self._idle:
                raise RuntimeError(f"the server closed connection {line.number} in turn {line.turn}")
            self._reopen(line)  # it has been idle for longer than the server waits
        line.response += data
        return bool(data) and is_complete(line.response)

    def _note(self, line: _Line) -> None:
        outcome, status = self._outcome, int(line.response[9:12])
        outcome.times.append(time.perf_counter() - line.since)
        outcome.statuses[status] += 1
        if status >= 400 or not self._is_good(line):
            outcome.failures += 1
            outcome.failure = outcome.failure or bytes(line.response[:1500]).decode(errors="replace")
        if _CLOSES.search(line.response, 0, 4_096):
            self._reopen(line)

    def _reopen(self, line: _Line) -> None:
        """Connect once more; which worker takes the connection is not looked at."""
        self._selector.unregister(line.socket)
        line.socket.close()
        line.socket = connect(self._work.port)
        self._selector.register(line.socket, selectors.EVENT_READ, line)

    def _is_good(self, line: _Line) -> bool:
        expected, check = self._work.source.expected, self._work.is_good
        return expected in line.response and (check is None or check(line.response, line.number, line.turn - 1))


def is_complete(response: bytearray) -> bool:
    """Return whether these are the bytes of a whole HTTP response; raises RuntimeError if nothing tells its length."""
    head_end = response.find(b"\r\n\r\n", 0, 16_384)
    if head_end < 0:
        return False
    if int(response[9:12]) in (204, 304):
        return True
    head = bytes(response[:head_end])
    length = _LENGTH.search(head)
    if length:
        return len(response) >= head_end + 4 + int(length[1])
    if _CHUNKED.search(head):
        return response.endswith(b"\r\n0\r\n\r\n")  # JSON has no line breaks in it: nothing else ends so
    raise RuntimeError(f"a response without a length: {head!r}")
