"""One server in one operation: its answers looked at, its load, its figures."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import Any

from bench.client import Client, Outcome, Round
from bench.connections import PATIENCE
from bench.peers.contenders import Contender
from bench.peers.operation import Answer, Operation, Sent, Wrong
from bench.processes import Server
from bench.requests import CONNECTIONS
from bench.rounds import Tally

FEWEST = 5 * CONNECTIONS
"""Requests that have to be left for another turn."""
SCIM = "application/scim+json"
_FIGURES = ("rate", "p50_ms", "p95_ms", "p99_ms", "server_cpu_ms", "mongod_cpu_ms")


class Side:
    """One server and how it does in one operation."""

    def __init__(self, contender: Contender, operation: Operation) -> None:
        self.contender = contender
        self.operation = operation
        self.tally = Tally(contender.name)
        self.seconds = 0.0
        self.answered = ""
        """What was wrong; empty as long as everything is right."""
        self._remark = ""
        self._turn = 0

    def check(self) -> None:
        """Send one request and look at its answer in full."""
        if self.answered or not self.contender.token:
            return
        sent = Sent.read(self.operation.source(0, self._turn))
        self._turn += 1
        try:
            self._remark = self._looked_at(sent, ask(self.contender, sent)) or self._remark
        except Wrong as wrong:
            self.answered = str(wrong)
        except (OSError, http.client.HTTPException) as error:
            self.answered = f"no answer: {error!r}"

    def _looked_at(self, sent: Sent, answer: Answer) -> str:
        if answer.status >= 400:
            raise Wrong(f"{answer.status}: {_brief(answer.text)}")
        try:
            return self.operation.check(sent, answer, self._read)
        except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
            raise Wrong(f"{answer.status} in another form ({error!r}): {_brief(answer.text)}") from error

    def _read(self, path: str) -> Answer:
        return ask(self.contender, Sent("GET", self.operation.of.path + path, None))

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to send: something was wrong, or nobody is left."""
        return bool(self.answered) or self._left < FEWEST

    @property
    def _left(self) -> int:
        most = self.operation.most
        return 100_000 if most is None else most - self._turn * CONNECTIONS

    def drive(self, client: Client, mongod: Server, seconds: float, most: int = 100_000) -> None:
        """Send requests for some seconds, and keep what came of it."""
        server = self.contender.server
        work = Round(
            server.port, self.operation.source, self._turn, CONNECTIONS, seconds, min(most, self._left // 2),
            tuple(server.workers()), is_good=self.operation.good if self.contender.token else None,
        )
        before = server.cpu_seconds(), mongod.cpu_seconds()
        try:
            outcome = client.run(work)
        except RuntimeError as error:
            self.answered = str(error)
            return
        self._add(outcome, server.cpu_seconds() - before[0], mongod.cpu_seconds() - before[1])

    def _add(self, outcome: Outcome, server: float, mongod: float) -> None:
        self._turn += outcome.turns
        self.seconds += outcome.seconds
        self.tally.add(outcome, server, mongod)
        if outcome.failure:
            self.answered = f"{outcome.failures} of {len(outcome.times)} answers were wrong: {_brief(outcome.failure)}"

    def warm_up(self, client: Client, mongod: Server, seconds: float) -> None:
        """Send the first requests, which are not counted."""
        self.drive(client, mongod, seconds, 2 * CONNECTIONS)
        self.tally, self.seconds = Tally(self.contender.name), 0.0

    def figures(self) -> dict[str, Any]:
        """Return the figures, which are None if anything was wrong, and what was."""
        found = {"side": self.contender.name} | dict.fromkeys(_FIGURES)
        if not self.answered:
            figures = self.tally.figures()
            found |= {name: figures[name] for name in ("requests", *_FIGURES)}
        return found | {"answered": self.answered, "remark": self._remark}


def _brief(response: str) -> str:
    """Return the beginning of a response in one line: of its status and body, where it has a head."""
    head, _, body = response.partition("\r\n\r\n")
    words = f"{head.partition(chr(13))[0]} {body}" if response.startswith("HTTP/") else response
    return " ".join(words.split())[:200]


def ask(contender: Contender, sent: Sent) -> Answer:
    """Send one request and return its answer; raises OSError, HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.server.port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {contender.token}", "Accept": SCIM}
    if sent.body is not None:
        headers["Content-Type"] = SCIM
    with contextlib.closing(connection):
        connection.request(sent.method, sent.path, None if sent.body is None else json.dumps(sent.body), headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode(errors="replace"))
