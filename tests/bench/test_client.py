"""The client that measures: it asks as often as it is told, waits for whole answers and looks at them."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from bench.client import Round, drive, is_complete
from bench.connections import holder

SLOW = 0.05


class Handler(BaseHTTPRequestHandler):
    """Answers by the path: with a length, in chunks, with nothing, with an error."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        if self.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (b'{"members":"0', b'"}', b""):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            return
        if self.path == "/slow":
            time.sleep(SLOW)
        self.close_connection = self.path in ("/left", "/nothing")
        if self.path == "/nothing":
            return
        status = {"/none": 204, "/error": 500}.get(self.path, 200)
        body = b"" if status == 204 else b'{"userName":"a"}'
        self.send_response(status)
        if body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@dataclass(frozen=True)
class Ask:
    """Asks for one path."""

    path: str
    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        return f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


class AskForSomebodyElse(Ask):
    """Expects what is not in the answer."""

    expected: ClassVar[bytes] = b"displayName"


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()


@pytest.mark.parametrize(("path", "status"), [("/length", 200), ("/chunks", 200), ("/none", 204)])
def test_it_sends_as_many_requests_as_it_is_told(server: ThreadingHTTPServer, path: str, status: int) -> None:
    outcome = drive(Round(server.server_port, Ask(path), connections=3, seconds=60, most=20))
    assert server.asked == [path] * 20  # type: ignore[attr-defined]
    assert outcome.statuses == {status: 20}
    assert len(outcome.times) == 20 and outcome.rate > 0 and not outcome.failure


def test_it_stops_when_the_time_is_up(server: ThreadingHTTPServer) -> None:
    outcome = drive(Round(server.server_port, Ask("/length"), connections=2, seconds=0.2))
    assert 0.2 <= outcome.seconds < 5 and outcome.turns > 1


def test_a_paced_round_sends_at_its_rate_and_counts_the_wait(server: ThreadingHTTPServer) -> None:
    outcome = drive(Round(server.server_port, Ask("/length"), connections=2, seconds=0.5, rate=100))
    assert len(outcome.times) == 50 and outcome.seconds > 0.49
    late = drive(Round(server.server_port, Ask("/slow"), connections=1, seconds=0.1, rate=100))
    assert len(late.times) == 10
    assert late.times[-1] > 10 * SLOW - 0.1, "it waits for those before it, and that counts"


@pytest.mark.parametrize(("received", "complete"), [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nLocation: /Users/10\r\n\r\n", False),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nLocation: /Users/10\r\n\r\n2\r\n{}\r\n0\r\n\r\n", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
])
def test_the_end_of_chunks_is_not_a_header_that_ends_with_zero(received: bytes, complete: bool) -> None:
    assert is_complete(bytearray(received)) is complete


@pytest.mark.parametrize("source", [Ask("/error"), AskForSomebodyElse("/length")])
def test_an_answer_that_is_no_good_is_told(server: ThreadingHTTPServer, source: Ask) -> None:
    outcome = drive(Round(server.server_port, source, connections=1, seconds=60, most=2))
    assert outcome.failure.startswith("HTTP/1.1 ")


@dataclass(frozen=True)
class AskEach:
    """Asks for a path on each connection."""

    paths: tuple[str, ...]
    expected: ClassVar[bytes] = b""

    def __call__(self, connection: int, turn: int) -> bytes:
        return Ask(self.paths[connection])(connection, turn)


def test_a_connection_may_be_closed_between_two_requests_but_not_within_one(server: ThreadingHTTPServer) -> None:
    port = server.server_port
    outcome = drive(Round(port, AskEach(("/left", "/slow")), connections=2, seconds=0.0))
    assert (len(outcome.times), outcome.failures) == (2, 0)
    with pytest.raises(RuntimeError, match="closed connection 1"):
        drive(Round(port, AskEach(("/slow", "/nothing")), connections=2, seconds=0.0))


def test_the_holder_of_a_connection_is_who_has_accepted_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            ours = client.getsockname()[1]
            assert holder([os.getpid()], port, ours) is None
            with listener.accept()[0]:
                assert holder([os.getppid(), os.getpid()], port, ours) == os.getpid()


class Tell(Handler):
    """Tells who answers whom."""

    def do_GET(self) -> None:
        self.server.answered.put((os.getpid(), self.client_address[1]))  # type: ignore[attr-defined]
        self.server.asked = []  # type: ignore[attr-defined]
        super().do_GET()


def _serve(listener: socket.socket, answered: Any) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Tell, bind_and_activate=False) as running:
        running.socket.close()
        running.socket, running.answered = listener, answered  # type: ignore[attr-defined]
        running.serve_forever()


def test_each_worker_gets_as_many_connections() -> None:
    context = multiprocessing.get_context("fork")
    answered = context.SimpleQueue()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        workers = [context.Process(target=_serve, args=(listener, answered), daemon=True) for _ in range(2)]
        for worker in workers:
            worker.start()
        try:
            pids = tuple(worker.pid or 0 for worker in workers)
            drive(Round(port, Ask("/length"), connections=6, seconds=60, most=30, workers=pids))
        finally:
            for worker in workers:
                worker.terminate()
                worker.join()
    clients: dict[int, set[int]] = defaultdict(set)
    for _ in range(30):
        pid, port = answered.get()
        clients[pid].add(port)
    assert {pid: len(ports) for pid, ports in clients.items()} == dict.fromkeys(pids, 3)
