"""One run of a check: all steps of a client in order, and the report about them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from string import Template
from typing import Any, TypedDict
from urllib.parse import quote, urlsplit

from app.check.exchanges import Client, Exchange, Step
from app.check.target import CheckFailed, SentRequest, Target, detail_of

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Result(TypedDict):
    """The result of a step: `result` is ok, wrong or skipped; `detail` says what is wrong, in one or two sentences."""

    step: str
    result: str
    detail: str
    requests: list[SentRequest]


class Report(TypedDict):
    """The results of a check; `ok` says whether every step is."""

    url: str
    client: str
    ok: bool
    steps: list[Result]


class Skipped(Exception):
    """A step needs a resource that an earlier step could not create."""


def run_check(url: str, token: str, name: str, client: Client) -> Report:
    """Do every step of `client`, delete what they created, and return the report.

    The run ends early if the URL, the first step or the test of a wrong token fails.
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
            for exchange in step.exchanges:
                self._make(exchange)

        return step.sentence, take

    def _take(self, sentence: str, step: Callable[[], None]) -> bool:
        sent: list[SentRequest] = []
        self._target.sent = sent
        result, detail = "ok", ""
        try:
            step()
        except Skipped as skipped:
            result, detail = "skipped", str(skipped)
        except CheckFailed as wrong:
            result, detail = "wrong", str(wrong)
        self.results.append({"step": sentence, "result": result, "detail": detail, "requests": sent})
        return result == "ok"

    def _address(self) -> None:
        try:
            parts = urlsplit(self._target.url)
        except ValueError as error:
            raise CheckFailed(f"This is not a URL: {error}.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CheckFailed("This is not a whole URL: it begins with https://, or on this machine with http://.")
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise CheckFailed(f"{self._client.title} uses only https; put a proxy with TLS in front of the server.")
        if parts.query or parts.fragment:
            raise CheckFailed("The URL must end with its path, without ? and #.")

    def _wrong_token(self) -> None:
        answer = self._target.send("GET", "/Users?count=1", token="wrong-" + uuid.uuid4().hex)
        if answer.status_code != 401:
            raise CheckFailed(f"The response to a wrong token is {answer.status_code}; it must be 401.")

    def _make(self, exchange: Exchange) -> None:
        """Send the request of an exchange and check the response; raises CheckFailed, Skipped."""
        path = self._fill(exchange.path, quote)
        body = self._fill(exchange.body)
        if exchange.merge:
            body = self._answer(Exchange(path=path), path, None) | body
        response = self._answer(exchange, path, body)
        where = f"{exchange.method} {path.partition('?')[0]}"
        if exchange.save:
            if not isinstance(response.get("id"), str):
                raise CheckFailed(f"{where} must answer with the resource and its id.")
            self._names[exchange.save] = response["id"]
        if exchange.contains is not None and not _contains(response, self._fill(exchange.contains)):
            raise CheckFailed(f"{where} must show {json.dumps(self._fill(exchange.contains))}. {exchange.why}".strip())
        if exchange.lacks is not None and _contains(response, self._fill(exchange.lacks)):
            raise CheckFailed(f"{where} still contains {json.dumps(self._fill(exchange.lacks))}.")

    def _answer(self, exchange: Exchange, path: str, body: Any) -> dict[str, Any]:
        """Return the object in the response, {} if it has no body; raises CheckFailed."""
        answer = self._target.send(exchange.method, path, body)
        if answer.status_code == 401:
            raise CheckFailed("The token is refused. Issue a new one: scimd token issue TENANT.")
        if answer.status_code not in exchange.status:
            where = f"{exchange.method} {path.partition('?')[0]}"
            cut = answer.status_code == 404 and not self.results[1:]  # nothing has worked yet
            advice = " Is this the whole SCIM URL, and nothing else?" if cut else ""
            raise CheckFailed(f"The response to {where} is {answer.status_code}: {detail_of(answer)}{advice}")
        return self._target.read(answer) if answer.content else {}

    def _deleting(self, path: str) -> Callable[[], None]:
        def delete() -> None:
            status = self._target.send("DELETE", path).status_code
            if status not in (204, 404):
                raise CheckFailed(f"The response to DELETE is {status}; {path} may be left on the server.")
            if (status := self._target.send("GET", path).status_code) != 404:
                raise CheckFailed(f"The response for a deleted resource is {status}; it must be 404.")

        return delete

    def _fill(self, value: Any, encode: Callable[[str], str] = str) -> Any:
        """Return `value` with the names of this run substituted; raises Skipped for one that does not exist."""
        if isinstance(value, str):
            try:
                return Template(value).substitute({name: encode(text) for name, text in self._names.items()})
            except KeyError as missing:
                raise Skipped(f"There is no {missing.args[0]} to try this with.") from None
        if isinstance(value, Mapping):
            return {key: self._fill(inner, encode) for key, inner in value.items()}
        return [self._fill(inner, encode) for inner in value] if isinstance(value, list) else value


def _contains(actual: Any, expected: Any) -> bool:
    """Return whether a response has what is expected; see `Exchange.contains`."""
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(_contains(actual.get(key), value) for key, value in expected.items())
    if isinstance(expected, list):
        if not isinstance(actual, list) or (not expected and actual):
            return False
        return all(any(_contains(each, element) for each in actual) for element in expected)
    return type(actual) is type(expected) and bool(actual == expected)
