"""Sends requests as Entra does: the path byte for byte as written, never quoted again, and no redirect is followed."""

from __future__ import annotations

import json
import select
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

SCIM = "application/scim+json; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON, or None if it is not JSON."""
        try:
            return json.loads(self.text) if self.text else None
        except ValueError:
            return None


class Client:
    """A connection to one tenant."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base = urlsplit(base_url.rstrip("/"))
        self.token = token
        self._connection = HTTPConnection(self.base.netloc, timeout=30)

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str | None] | None = None
    ) -> Answer:
        """Send one request and return the response. A text is sent as it is; a header that is None is left out."""
        content = body if isinstance(body, str) or body is None else json.dumps(body, ensure_ascii=False)
        sent: dict[str, str | None] = {"Authorization": f"Bearer {self.token}"}
        if content is not None:
            sent["Content-Type"] = SCIM
        sent |= headers or {}
        target = self.base.path + path if path.startswith("/") else path
        if target.startswith("http"):
            parts = urlsplit(target)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._leave_if_closed()
        self._connection.request(
            method, target, content.encode() if content is not None else None,
            {name: value for name, value in sent.items() if value is not None},
        )  # fmt: skip
        response = self._connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read().decode())

    def _leave_if_closed(self) -> None:
        """Connect again if the server has closed the connection, as it does after a while without requests."""
        if self._connection.sock and select.select([self._connection.sock], [], [], 0)[0]:
            self._connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
