"""A consumer's endpoint on loopback: it keeps what arrives, and answers as a test says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Arrived:
    """One request."""

    headers: Mapping[str, str]
    body: bytes
    begun: float
    """By `time.monotonic`, like `ended`."""
    ended: float = 0.0
    status: int = 0

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


@dataclass
class Reply:
    """How a request is answered: after `seconds`, with a status, and further headers."""

    status: int = 204
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


class Target(ThreadingHTTPServer):
    """Answers by the function `reply`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.arrived: list[Arrived] = []
        self.reply: Callable[[Arrived], Reply] = lambda _: Reply()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    @property
    def accepted(self) -> list[Arrived]:
        """What was answered with success, in the order of the answers."""
        with self.lock:
            return sorted((each for each in self.arrived if 200 <= each.status < 300), key=lambda each: each.ended)

    @property
    def ids(self) -> list[str]:
        """The ids of the events that were accepted, in the order of the answers."""
        return [each.id for each in self.accepted]


class _Handler(BaseHTTPRequestHandler):
    server: Target

    def do_POST(self) -> None:
        arrived = Arrived(dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])), time.monotonic())
        with self.server.lock:
            self.server.arrived.append(arrived)
        reply = self.server.reply(arrived)
        time.sleep(reply.seconds)
        arrived.ended, arrived.status = time.monotonic(), reply.status
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def running_target() -> Iterator[Target]:
    """Yield an endpoint that is being served."""
    with Target() as target:
        thread = threading.Thread(target=target.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield target
        finally:
            target.shutdown()
