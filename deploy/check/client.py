"""Requests to the published port, well-behaved and not."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deploy.check.engine import CheckFailed


@dataclass
class Answer:
    """What came back, and after how many seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Give the body as JSON; raises CheckFailed where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise CheckFailed(f"This is no JSON (status {self.status}): {self.body[:300]!r}") from None


@dataclass
class Client:
    """Talks to one port of 127.0.0.1, with one token."""

    port: int
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, payload: Any = None, *, timeout: float = 40.0) -> Answer:
        """Send one request on a connection of its own; raises OSError, http.client.HTTPException."""
        headers = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **self.headers}
        body = None
        if payload is not None:
            body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            headers["Content-Type"] = "application/scim+json"
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return Answer(response.status, dict(response.headers), content, time.monotonic() - began)

    def expect(self, status: int, method: str, path: str, payload: Any = None) -> Answer:
        """Send one request; raises CheckFailed where the status is another."""
        answer = self.send(method, path, payload)
        if answer.status != status:
            raise CheckFailed(f"{method} {path} gave {answer.status}, not {status}: {answer.body[:500]!r}")
        return answer

    def half_sent(self, start: bytes) -> socket.socket:
        """Open a connection, send the start of a request, and leave it there."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(start)
        return connection

    def raw(self, request: bytes) -> bytes:
        """Send these bytes and give all that comes back."""
        with self.half_sent(request) as connection:
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
            return answer


class Load:
    """Requests at a steady rate while something happens to the stack: `with Load(send, 25) as load: ...`."""

    def __init__(self, send: Callable[[int], Answer], rate: int) -> None:
        self.send, self.rate = send, rate
        self.answers: list[Answer] = []
        self.failures: list[str] = []
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Load:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._clock.join()
        for thread in self._threads:
            thread.join()

    def _tick(self) -> None:
        began, number = time.monotonic(), 0
        while not self._end.wait(max(0.0, began + number / self.rate - time.monotonic())):
            thread = threading.Thread(target=self._one, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)
            number += 1

    def _one(self, number: int) -> None:
        try:
            answer = self.send(number)
            failure = "" if answer.status < 400 else f"{answer.status} {answer.body[:200]!r}"
        except (OSError, http.client.HTTPException) as error:
            answer, failure = Answer(0, {}, b"", 0.0), repr(error)
        with self._lock:
            self.answers.append(answer)
            if failure:
                self.failures.append(failure)

    def require_none_failed(self, what: str) -> str:
        """Give one line of figures; raises CheckFailed where a request failed."""
        if self.failures:
            some = "\n".join(self.failures[:5])
            raise CheckFailed(f"{what}: {len(self.failures)} of {len(self.answers)} requests failed, such as\n{some}")
        return f"{len(self.answers)} requests, none failed, slowest {max(a.seconds for a in self.answers):.2f} s"
