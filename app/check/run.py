"""One run of a check: every step of a client, one after the other, and the report on them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from string import Template
from typing import Any, TypedDict
from urllib.parse import quote, urlsplit

from app.check.moves import Client, Move, Step
from app.check.target import Sent, Target, Wrong, detail_of

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Result(TypedDict):
    """A step of the report: `result` is ok, wrong or skipped; `detail` says what is wrong, in one or two sentences."""

    step: str
    result: str
    detail: str
    requests: list[Sent]


class Report(TypedDict):
    """What a check has found: `ok` where every step is."""

    url: str
    client: str
    ok: bool
    steps: list[Result]


class Skipped(Exception):
    """A step needs what an earlier one could not make."""


def run_check(url: str, token: str, name: str, client: Client) -> Report:
    """Do every step of `client`, delete what was made for it, and return the report.

    Without a good address and a good token there is nothing more to look at.
    """
    run = _Run(url.rstrip("/"), token, client)
    run.run()
    return {"url": url, "client": name, "ok": all(row["result"] == "ok" for row in run.results), "steps": run.results}


class _Run:
    def __init__(self, url: str, token: str, client: Client) -> None:
        self._target = Target(url, token, client.media_type, client.title)
        self._client = client
        self.results: list[Result] = []
        key = uuid.uuid4().hex[:12]
        name = f"scimd-check-{key}@example.com"
        self._names = {
            "name": name, "upper": name.upper(), "nobody": str(uuid.uuid4()), "group_name": f"scimd-check-{key}",
        }

    def run(self) -> None:
        first, *others = self._client.steps
        for sentence, step in (
            (f"The URL is one that {self._client.title} can use", self._address), self._as_step(first),
            ("A wrong token is refused", self._wrong_token),
        ):
            if not self._take(sentence, step):
                return
        try:
            for each in others:
                self._take(*self._as_step(each))
        finally:
            for word, name in (("Users", "user"), ("Groups", "group")):
                if name in self._names:
                    delete = self._deleting(f"/{word}/{self._names[name]}")
                    self._take(f"What was made for the check is deleted: {word}", delete)

    def _as_step(self, step: Step) -> tuple[str, Callable[[], None]]:
        def take() -> None:
            for move in step.moves:
                self._make(move)

        return step.sentence, take

    def _take(self, sentence: str, step: Callable[[], None]) -> bool:
        sent: list[Sent] = []
        self._target.sent = sent
        result, detail = "ok", ""
        try:
            step()
        except Skipped as skipped:
            result, detail = "skipped", str(skipped)
        except Wrong as wrong:
            result, detail = "wrong", str(wrong)
        self.results.append({"step": sentence, "result": result, "detail": detail, "requests": sent})
        return result == "ok"

    def _address(self) -> None:
        parts = urlsplit(self._target.url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise Wrong(f"{self._client.title} takes only https; put a proxy with TLS in front.")
        if parts.query or parts.fragment:
            raise Wrong("The URL must end with its path, without ? and #.")

    def _wrong_token(self) -> None:
        answer = self._target.send("GET", "/Users?count=1", token="wrong-" + uuid.uuid4().hex)
        if answer.status_code != 401:
            raise Wrong(f"A wrong token is answered with {answer.status_code}; it must be 401.")

    def _make(self, move: Move) -> None:
        """Send the request of a move and judge the answer; raises Wrong, Skipped."""
        path = self._fill(move.path, quote)
        body = self._fill(move.body)
        if move.merge:
            body = self._answer(Move(path=path), path, None) | body
        shown = self._answer(move, path, body)
        where = f"{move.method} {path.partition('?')[0]}"
        if move.save:
            if not isinstance(shown.get("id"), str):
                raise Wrong(f"{where} must answer with the resource and its id.")
            self._names[move.save] = shown["id"]
        if move.shows is not None and not _shows(shown, self._fill(move.shows)):
            raise Wrong(f"{where} must show {json.dumps(self._fill(move.shows))}. {move.why}".strip())
        if move.lacks is not None and _shows(shown, self._fill(move.lacks)):
            raise Wrong(f"{where} still shows {json.dumps(self._fill(move.lacks))}.")

    def _answer(self, move: Move, path: str, body: Any) -> dict[str, Any]:
        """Return the object that the answer has, {} for one without a body; raises Wrong."""
        answer = self._target.send(move.method, path, body)
        if answer.status_code == 401:
            raise Wrong("The token is refused. Issue a new one: scimd token issue TENANT.")
        if answer.status_code not in move.status:
            where = f"{move.method} {path.partition('?')[0]}"
            raise Wrong(f"{where} is answered with {answer.status_code}: {detail_of(answer)}")
        return self._target.read(answer) if answer.content else {}

    def _deleting(self, path: str) -> Callable[[], None]:
        def delete() -> None:
            status = self._target.send("DELETE", path).status_code
            if status not in (204, 404):
                raise Wrong(f"DELETE is answered with {status}; {path} may be left behind.")
            if (status := self._target.send("GET", path).status_code) != 404:
                raise Wrong(f"A deleted resource is answered with {status}; it must be 404.")

        return delete

    def _fill(self, value: Any, encode: Callable[[str], str] = str) -> Any:
        """Return `value` with the names of this run filled in; raises Skipped for one that is not there."""
        if isinstance(value, str):
            try:
                return Template(value).substitute({name: encode(text) for name, text in self._names.items()})
            except KeyError as missing:
                raise Skipped(f"There is no {missing.args[0]} to try this with.") from None
        if isinstance(value, Mapping):
            return {key: self._fill(inner, encode) for key, inner in value.items()}
        return [self._fill(inner, encode) for inner in value] if isinstance(value, list) else value


def _shows(actual: Any, expected: Any) -> bool:
    """Return whether an answer has what is expected of it; see `Move.shows`."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(_shows(actual.get(key), value) for key, value in expected.items())
    if isinstance(expected, list):
        if not isinstance(actual, list) or (not expected and actual):
            return False
        return all(any(_shows(each, element) for each in actual) for element in expected)
    return type(actual) is type(expected) and bool(actual == expected)
