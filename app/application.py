"""The application as a WSGI server runs it: Flask's, and the time limit around each request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import IO, Any, TypeVar

from flask import Flask, Request
from werkzeug.datastructures import Authorization
from werkzeug.routing import MapAdapter

from app.background.deliveries import DeliveryThread
from app.background.janitor import Chore
from app.background.relay import Bell, RelayThread
from app.feed.feed import Feed
from app.store.mongo.database import Budget, Database

F = TypeVar("F", bound=Callable[..., Any])


class _Request(Request):
    """A request whose `Authorization` may have any characters: Werkzeug fails for Basic with others than ASCII."""

    @cached_property
    def authorization(self) -> Authorization | None:
        try:
            return super().authorization
        except ValueError:
            return None


class Application(Flask):
    """The Flask application; no route depends on the host."""

    request_class = _Request
    database: Database
    chores: tuple[Chore, ...]
    """What a worker does besides answering requests."""
    relay: RelayThread
    """What moves the events of changes to the log, in one worker at a time; not started yet."""
    deliveries: DeliveryThread
    """What sends events to endpoints, in one worker at a time; not started yet."""
    feed: Feed

    def start(self, bell: Bell) -> None:
        """Start what moves and sends events, in a worker; `bell` is that of all workers."""
        self.relay.start(bell)
        self.deliveries.start()

    def stop(self) -> None:
        """Stop it, so that another worker goes on at once."""
        self.relay.stop()
        self.deliveries.stop()

    def ensure_sync(self, func: F) -> F:
        return func  # Flask would look whether it is a coroutine, which none is (D-160)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        # Flask's own would answer 400 to a `Host` that is no valid name and to an upgrade to WebSocket (D-160).
        return self.url_map.bind("", path_info=request.path, default_method=request.method) if request else None


class OneBudget:
    """WSGI middleware that limits the time of all database calls of one request together (D-103).

    The log line of a refusal is included, the time in which the client sends the body is not; each block of a streamed
    response has a budget of its own.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], database: Database) -> None:
        self._app = app
        self._database = database

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Respond to a request (PEP 3333)."""
        budget = self._database.budget()
        with budget:
            environ["wsgi.input"] = _Body(environ["wsgi.input"], budget)
            return self._app(environ, start_response)


class _Body:
    """The body of a request: the time that a client takes to send it is none of the database's."""

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, size: int = -1) -> bytes:
        start = time.monotonic()
        try:
            return self._stream.read(size)
        finally:
            self._budget.extend(time.monotonic() - start)
