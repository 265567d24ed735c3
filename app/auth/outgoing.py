"""All HTTP that scimd sends of itself: one deadline for everything, a limit on size, no redirects, verified TLS.

Built on requests: the environment's proxy (`HTTPS_PROXY`, `NO_PROXY`) and certificates (`REQUESTS_CA_BUNDLE`) count.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from app.protocol.messages import JSON
from app.store.accounts.trusts import is_loopback

CONNECT_SECONDS = 1.0
"""For each address that the host's name has."""
HEADERS = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "scimd"}


class OutgoingError(Exception):
    """Nothing usable came back; the text is for the operator, and never names the proxy, which may have a password."""


def get(url: str, *, deadline: float, most_bytes: int) -> bytes:
    """Return the body at the URL, once all of it is here with status 200; raises OutgoingError.

    `deadline` is a moment of `time.monotonic`, by which the proxy, TLS, the headers and the body have to be through.
    """
    with _Line(deadline) as line, _Session(line) as session:
        # What is on this machine is asked directly: a proxy elsewhere would ask its own.
        session.trust_env = not is_loopback(urlsplit(url).hostname or "")
        try:
            seconds = CONNECT_SECONDS, max(deadline - time.monotonic(), 0.001)
            answer = session.get(url, headers=HEADERS, stream=True, allow_redirects=False, timeout=seconds)
            if answer.status_code != 200:
                raise OutgoingError(f"{url} answered {answer.status_code}")
            body: bytes = answer.raw.read(most_bytes + 1, decode_content=False)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            why = "it takes too long" if line.is_cut else type(error).__name__
            raise OutgoingError(f"{url} could not be read: {why}") from error
    if len(body) > most_bytes:
        raise OutgoingError(f"{url} is larger than {most_bytes} bytes")
    return body


class _Line:
    """The connection of one request, which is cut when the time is over.

    The time limits of a socket are for each packet: a server that drips would hold a thread for ever. The cut goes
    through a handle of its own, whatever the layers above have done with the socket meanwhile.
    """

    def __init__(self, deadline: float) -> None:
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(max(deadline - time.monotonic(), 0.0), self._cut)
        self.is_cut = False

    def __enter__(self) -> _Line:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for each in self._sockets:
            each.close()

    def watch(self, connected: socket.socket) -> None:
        """Cut this connection, too, when the time is over; at once if it is."""
        self._sockets.append(connected.dup())
        if self.is_cut:
            self._cut()

    def _cut(self) -> None:
        self.is_cut = True
        for each in self._sockets:
            with suppress(OSError):  # it is closed already
                each.shutdown(socket.SHUT_RDWR)


class _Session(requests.Session):
    """One request: no redirect is looked at, and no password is taken from a `.netrc`."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        # The machine's own certificates, as Python's ssl has it, and not those that come with requests.
        paths = ssl.get_default_verify_paths()
        self.verify = paths.cafile or paths.capath or True
        self.auth = lambda request: request
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(line))

    def get_redirect_target(self, _: object) -> None:
        """Follow none: it leads where nobody has looked. Requests would also read its whole body."""
        return


class _Adapter(HTTPAdapter):
    """Shows each connection to the line as soon as there is one, before proxy and TLS have a say."""

    def __init__(self, line: _Line) -> None:
        super().__init__()
        self._line = line

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections for a request."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        line = self._line

        class Watched(pool.ConnectionCls):
            def _new_conn(self) -> socket.socket:
                connected: socket.socket = super()._new_conn()
                line.watch(connected)
                return connected

        pool.ConnectionCls = Watched
        return pool
