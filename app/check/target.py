"""The server under test: sends it requests, keeps a record of them, and puts failures into words."""

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


class CheckFailed(Exception):
    """A check has failed; the text says in one or two sentences what is wrong and what to do."""


class SentRequest(TypedDict):
    """A request that was sent, and the status of its response; None if there was no response."""

    method: str
    path: str
    status: int | None


@dataclass
class Target:
    """A SCIM server: its URL, the token to send, and the media type to use."""

    url: str
    token: str
    media_type: str
    title: str
    """The name of the identity provider, for the sentences about failures."""
    sent: list[SentRequest] = field(default_factory=list)
    session: requests.Session = field(default_factory=requests.Session)

    def send(self, method: str, path: str, body: Any = None, token: str | None = None) -> requests.Response:
        """Send a request and return the response, whatever its status; raises CheckFailed."""
        headers = {"Authorization": f"Bearer {token or self.token}", "Accept": self.media_type}
        data = None
        if body is not None:
            headers["Content-Type"], data = f"{self.media_type}; charset=utf-8", json.dumps(body).encode()
        record: SentRequest = {"method": method, "path": path, "status": None}
        self.sent.append(record)
        with self._explained():
            answer = self.session.request(
                method, self.url + path, headers=headers, data=data, timeout=PATIENCE, allow_redirects=False
            )
        record["status"] = answer.status_code
        if 300 <= answer.status_code < 400:
            target = answer.headers.get("Location")
            raise CheckFailed(f"The server redirects to {target}; {self.title} does not follow redirects.")
        return answer

    def read(self, answer: requests.Response) -> dict[str, Any]:
        """Return the JSON object of a response in a media type that the client accepts; raises CheckFailed."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if kind not in ("application/scim+json", self.media_type):
            raise CheckFailed(f"The media type of the response is {kind or 'missing'}; it must be {self.media_type}.")
        return read_object(answer)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except requests.exceptions.SSLError as error:
            reason = error.args[0]
            inner = getattr(reason, "reason", reason)
            if not isinstance(inner, ssl.SSLCertVerificationError):
                raise CheckFailed(
                    "No TLS connection could be made; does the server speak plain HTTP at this port?"
                ) from None
            raise CheckFailed(
                f"The certificate is not valid: {inner.verify_message}. {self.title} accepts those of public "
                "authorities only."
            ) from None
        except requests.exceptions.Timeout:
            raise CheckFailed(f"The server does not answer within {PATIENCE} seconds.") from None
        except requests.exceptions.ConnectionError:
            raise CheckFailed("Nothing answers at this address; check its name, its port and the firewall.") from None
        except requests.exceptions.RequestException as error:
            raise CheckFailed(f"This URL cannot be used: {error}.") from None


def read_object(answer: requests.Response) -> dict[str, Any]:
    """Return the JSON object of a response; raises CheckFailed."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CheckFailed("The response is not a JSON object; is this the SCIM URL?")
    return body


def detail_of(answer: requests.Response) -> str:
    """Return the detail of an error, or a sentence if it has none."""
    try:
        return str(read_object(answer).get("detail", "no detail is given"))
    except CheckFailed:
        return "It is not a SCIM error."
