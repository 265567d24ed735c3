"""All HTTP requests that scimd itself sends: one deadline, a limit on size, no redirects, verified TLS.

Built on requests, so that the environment's proxy (`HTTPS_PROXY`, `NO_PROXY`) and certificates (`REQUESTS_CA_BUNDLE`)
apply.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from app.protocol.messages import JSON
from app.store.accounts.trusts import is_loopback

CONNECT_SECONDS = 1.0
"""For each address that the host's name resolves to."""
HEADERS = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "scimd"}


class OutgoingError(Exception):
    """The request failed; the text is for the operator and never names the proxy, whose URL may have a password."""


class Unreachable(OutgoingError):
    """No connection could be made, or it was closed without an answer."""


@dataclass(frozen=True)
class Answer:
    """The response to a request: its status, and its body, which is complete."""

    status: int
    body: bytes


def get(url: str, *, deadline: float, most_bytes: int, accept: str = JSON) -> bytes:
    """Return the body at the URL, complete and with status 200; raises OutgoingError.

    `deadline` is a time of `time.monotonic`, by which proxy, TLS, headers and body must be done; `accept` is a media
    type.
    """
    answer = _send(requests.Request("GET", url, headers=HEADERS | {"Accept": accept}), deadline, most_bytes)
    if answer.status != 200:
        raise OutgoingError(f"{url} answered {answer.status}")
    return answer.body


def post(
    url: str, form: Mapping[str, str], *, deadline: float, most_bytes: int, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send a form to the URL and return the answer, whatever its status; raises OutgoingError.

    `deadline` and `most_bytes` limit the answer as in `get`; `headers` are sent besides the usual ones.
    """
    return _send(requests.Request("POST", url, headers=HEADERS | dict(headers or {}), data=form), deadline, most_bytes)


def _send(request: requests.Request, deadline: float, most_bytes: int) -> Answer:
    url = request.url
    with _Connections(deadline) as connections, _Session(connections) as session:
        # A server on this machine is asked directly: for a proxy, "localhost" would be the proxy's own machine.
        session.trust_env = not is_loopback(urlsplit(url).hostname or "")
        try:
            seconds = CONNECT_SECONDS, max(deadline - time.monotonic(), 0.001)
            answer = session.request(
                request.method, url, headers=request.headers, data=request.data, stream=True, allow_redirects=False,
                timeout=seconds,
            )
            body: bytes = answer.raw.read(most_bytes + 1, decode_content=False)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            if connections.are_cut:
                raise OutgoingError(f"{url} could not be read: it takes too long") from error
            kind = Unreachable if isinstance(error, requests.ConnectionError) else OutgoingError
            raise kind(f"{url} could not be read: {type(error).__name__}") from error
    if len(body) > most_bytes:
        raise OutgoingError(f"{url} is larger than {most_bytes} bytes")
    return Answer(answer.status_code, body)


class _Connections:
    """The connections of one request, which are cut at the deadline.

    A socket's own timeout applies to each packet, so that a slow server could hold a thread for ever. Each connection
    is cut through a duplicate of its socket, whatever the layers above have done with the original.
    """

    def __init__(self, deadline: float) -> None:
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0.0), self._cut)
        self.are_cut = False

    def __enter__(self) -> _Connections:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for each in self._sockets:
            each.close()

    def watch(self, connected: socket.socket) -> None:
        """Cut this connection, too, at the deadline; at once if that has passed."""
        self._sockets.append(connected.dup())
        if self.are_cut:
            self._cut()

    def _cut(self) -> None:
        self.are_cut = True
        for each in self._sockets:
            with suppress(OSError):  # it is closed already
                each.shutdown(socket.SHUT_RDWR)


class _Session(requests.Session):
    """A session that follows no redirect and takes no password from a `.netrc`."""

    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        # The system's certificates, which Python's ssl uses, rather than those that come with requests.
        paths = ssl.get_default_verify_paths()
        self.verify = paths.cafile or paths.capath or True
        self.auth = lambda request: request
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(connections))

    def get_redirect_target(self, _: object) -> None:
        """Return None: the target of a redirect is not checked, and requests would read the whole body first."""
        return


class _Adapter(HTTPAdapter):
    """Registers each connection as soon as it exists, before the proxy and TLS handshakes."""

    def __init__(self, connections: _Connections) -> None:
        super().__init__()
        self._connections = connections

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections for a request."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        connections = self._connections

        class Watched(pool.ConnectionCls):
            def _new_conn(self) -> socket.socket:
                connected: socket.socket = super()._new_conn()
                connections.watch(connected)
                return connected

        pool.ConnectionCls = Watched
        return pool
