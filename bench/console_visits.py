"""A browser that was let in by links, over one connection."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from urllib.parse import urlsplit

from app.config import Config
from app.store.mongo.database import Database
from app.store.operators.links import Links
from app.store.operators.visits import CONSOLE
from bench.console_data import BIG

VISITS = 100
"""A visit may send 20 requests a second."""
_HOST = urlsplit(Config.from_environment({}).base_url).netloc


@dataclass(frozen=True)
class Answer:
    """An answer: how long it took, and the bytes of its body."""

    seconds: float
    size: int


class Visitor:
    """A browser whose requests take turns in several visits."""

    def __init__(self, port: int, database: Database, kind: str, visits: int = VISITS) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies = cycle([self._enter(database, kind) for _ in range(visits)])

    def cookie(self) -> str:
        """Return the cookie of the next visit, as a header has it."""
        return next(self._cookies)

    def get(self, path: str, *, reconnect: bool = False) -> Answer:
        """Return how a page was answered; raises RuntimeError unless it was good."""
        if reconnect:
            self._connection.close()
        begun = time.perf_counter()
        response, body = self._send("GET", path, {"Cookie": self.cookie()})
        seconds = time.perf_counter() - begun
        if response.status not in (200, 204):
            raise RuntimeError(f"{path}: {response.status} {body.decode()[:3000]}")
        return Answer(seconds, len(body))

    def _enter(self, database: Database, kind: str) -> str:
        links, hour = Links(database), timedelta(hours=1)
        secret = links.make_console("operator", "bench", hour) if kind == CONSOLE else links.make_setup(
            BIG, "setup", "bench", hour
        )[0]
        response, _ = self._send("POST", f"/{kind}/enter/{secret}", {"Sec-Fetch-Site": "same-origin"})
        if response.status != 303:
            raise RuntimeError(f"a link into {kind}: {response.status}")
        return response.headers["Set-Cookie"].partition(";")[0]

    def _send(self, method: str, path: str, headers: dict[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request(method, path, headers={"Host": _HOST} | headers)
        response = self._connection.getresponse()
        return response, response.read()
