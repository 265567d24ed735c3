"""An operation that is compared: its requests, and what makes an answer to them right.

An answer is looked at in two ways. While the load runs, `good` looks for what each one must have. Before and after,
`check` reads one answer in full, and reads back what it changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from bench.people import Population
from bench.requests import Requests


class Wrong(Exception):
    """A server has refused a request, or its answer is not right; the text says what it answered."""


@dataclass(frozen=True)
class Answer:
    """The response to one request."""

    status: int
    text: str

    @property
    def body(self) -> Any:
        """The JSON of the body; raises Wrong if it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            raise Wrong(f"{self.status} and no JSON: {self.text[:100]!r}") from None


@dataclass(frozen=True)
class Sent:
    """One request, as it was sent."""

    method: str
    path: str
    body: Any

    @classmethod
    def read(cls, request: bytes) -> Sent:
        """Return what the bytes of a request say."""
        head, _, content = request.partition(b"\r\n\r\n")
        method, path, _ = head.decode().split(" ", 2)
        return cls(method, path, json.loads(content) if content else None)

    @property
    def id(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


Read = Callable[[str], Answer]
"""Sends a GET to a path below the SCIM URL."""


@dataclass(frozen=True)
class Operation:
    """Requests of one kind to one server."""

    source: Requests
    name: ClassVar[str]
    title: ClassVar[str]

    @property
    def of(self) -> Population:
        """The population that is asked about."""
        return self.source.population

    @property
    def most(self) -> int | None:
        """The number of requests that there can be; None for any number."""
        return None

    def good(self, response: bytearray, connection: int, turn: int) -> bool:
        """Return whether a response has what each of them must have, besides a good status."""
        return True

    def check(self, sent: Sent, answer: Answer, read: Read) -> str:
        """Look at an answer in full, and return a remark on it, mostly an empty one.

        Raises Wrong, or KeyError, TypeError or IndexError if the answer has another form.
        """
        raise NotImplementedError


def expect(right: bool, answered: str) -> None:
    """Raise Wrong with what a server has answered if that is not right."""
    if not right:
        raise Wrong(answered)
