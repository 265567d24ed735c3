"""The server that is looked at: takes requests, with a record of them, and failures are put into words."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypedDict

import requests

PATIENCE = 30
"""Seconds to wait for the server."""


class Wrong(Exception):
    """What is wrong, in one sentence, and what to do."""


class Sent(TypedDict):
    """A request that was sent, and the status of its answer; None where there was no answer."""

    method: str
    path: str
    status: int | None


@dataclass
class Target:
    """A SCIM server: its URL, the token to show, and the media type to speak."""

    url: str
    token: str
    media_type: str
    title: str
    """Who is asking, for the sentences about failures."""
    sent: list[Sent] = field(default_factory=list)
    session: requests.Session = field(default_factory=requests.Session)

    def send(self, method: str, path: str, body: Any = None, token: str | None = None) -> requests.Response:
        """Send a request and return the answer, whatever its status; raises Wrong."""
        headers = {"Authorization": f"Bearer {token or self.token}", "Accept": self.media_type}
        data = None
        if body is not None:
            headers["Content-Type"], data = f"{self.media_type}; charset=utf-8", json.dumps(body).encode()
        record: Sent = {"method": method, "path": path, "status": None}
        self.sent.append(record)
        with self._explained():
            answer = self.session.request(
                method, self.url + path, headers=headers, data=data, timeout=PATIENCE, allow_redirects=False
            )
        record["status"] = answer.status_code
        if 300 <= answer.status_code < 400:
            raise Wrong(f"The server redirects to {answer.headers.get('Location')}; {self.title} does not follow.")
        return answer

    def read(self, answer: requests.Response) -> dict[str, Any]:
        """Return the JSON object of an answer in a media type that the client takes; raises Wrong."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if kind not in ("application/scim+json", self.media_type):
            raise Wrong(f"The answer is {kind or 'of no type'}; it must be {self.media_type}.")
        return read_object(answer)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError as error:
            reason = error.args[0]
            inner = getattr(reason, "reason", reason)
            text = inner.verify_message if isinstance(inner, ssl.SSLCertVerificationError) else "TLS failed"
            raise Wrong(
                f"The certificate is not good: {text}. {self.title} takes those of public authorities only."
            ) from None
        except requests.exceptions.Timeout:
            raise Wrong(f"The server does not answer within {PATIENCE} seconds.") from None
        except requests.exceptions.ConnectionError:
            raise Wrong("Nobody answers at this address; look at its name, its port and the firewall.") from None
        except requests.exceptions.RequestException as error:
            raise Wrong(f"This is no URL that can be asked: {error}.") from None


def read_object(answer: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; raises Wrong."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Wrong("The answer is no JSON object; is this the SCIM URL?")
    return body


def detail_of(answer: requests.Response) -> str:
    """Return the detail of an error, or the words for an answer that has none."""
    try:
        return str(read_object(answer).get("detail", "no detail is given"))
    except Wrong as wrong:
        return str(wrong)
