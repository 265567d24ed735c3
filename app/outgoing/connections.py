"""The connections of one outgoing request: cut at its deadline, limited in size, and checked if required."""

from __future__ import annotations

import functools
import io
import os
import socket
import ssl
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter

from app.outgoing import addresses
from app.outgoing.deadlines import DEADLINES

MOST_HEADER_BYTES = 65_536


class Connections:
    """The connections of one request, which are cut at the deadline.

    A socket's own timeout applies to each packet, so that a slow server could hold a thread for ever. Each connection
    is cut through a duplicate of its socket, whatever the layers above have done with the original. `most_bytes` limits
    what one connection receives; `allowed` are the networks to which it may go beside the public ones, or None for
    connections that are not checked.
    """

    def __init__(self, deadline: float, most_bytes: int, allowed: addresses.Networks | None = None) -> None:
        self._sockets: list[socket.socket] = []
        self._deadline = deadline
        self.most_bytes = most_bytes
        self.allowed = allowed
        self.are_cut = False

    def __enter__(self) -> Connections:
        self._key = DEADLINES.add(self._deadline, self._cut)
        return self

    def __exit__(self, *_: object) -> None:
        DEADLINES.call_off(self._key)
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


def trusted() -> str | bool:
    """Return the file or folder with the certificates that are trusted: the environment's, or else the system's.

    Python's ssl uses the latter, too; requests has some of its own.
    """
    paths = ssl.get_default_verify_paths()
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return named or paths.cafile or paths.capath or True


class Adapter(HTTPAdapter):
    """Registers each connection as soon as it exists, before the proxy and TLS handshakes.

    It is used without a session, which would follow redirects, keep cookies, take a password from a `.netrc`, and cost
    as much as the request itself.
    """

    def __init__(self, connections: Connections) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._connections = connections

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Return what distinguishes pools, with a TLS context that other requests share."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, pool | ({"ssl_context": _tls(str(verify))} if isinstance(verify, str) else {})

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the certificates to the TLS context, which has read them."""
        if not isinstance(verify, str):
            super().cert_verify(conn, url, verify, cert)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool of connections for a request."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        connections = self._connections

        class Watched(pool.ConnectionCls):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.response_class = functools.partial(_Limited, connections.most_bytes)

            def _new_conn(self) -> socket.socket:
                connected: socket.socket
                if connections.allowed is None:
                    connected = super()._new_conn()
                else:
                    plain = pool.scheme == "http"
                    connected = addresses.connect(self.host, self.port, plain=plain, allowed=connections.allowed)
                connections.watch(connected)
                return connected

        pool.ConnectionCls = Watched
        return pool


class _Limited(HTTPResponse):
    """A response of limited size, headers and framing included, after all interim responses (RFC 9110 section 15.2).

    `http.client` limits a line and the number of headers, but reads interim responses for ever, and a limit on the body
    does not count chunk extensions. Of the interim responses it knows only 100, and a header section that is cut off
    counts as a whole one.
    """

    def __init__(self, most_bytes: int, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._lines = _Lines(_Counted(sock, MOST_HEADER_BYTES + 10 * most_bytes))
        self.fp = self._lines

    def begin(self) -> None:
        """Read the header section; raises ConnectionResetError if the connection ends in it."""
        self._lines.must_end = True
        super().begin()
        while self.status < HTTPStatus.OK and self.status != HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment]  # what `begin` takes for a response that is not read yet
            super().begin()
        self._lines.must_end = False


class _Lines(io.BufferedReader):
    """What a connection receives; while lines `must_end`, one that does not is an error.

    Without a line at all, before the response begins, `http.client` itself raises an error.
    """

    must_end = False
    _has_begun = False

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line; raises ConnectionResetError if the connection ends before the line does."""
        line = super().readline(size)
        if self.must_end and not line.endswith(b"\n") and len(line) != size and (line or self._has_begun):
            raise ConnectionResetError("The connection is closed in the header section.")
        self._has_begun = True
        return line


class _Counted(io.RawIOBase):
    """What a connection receives, up to a number of bytes."""

    def __init__(self, connection: socket.socket, most_bytes: int) -> None:
        super().__init__()
        self._raw = connection.makefile("rb", buffering=0)
        self._left = most_bytes

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read into the buffer; raises HTTPException for what exceeds the limit."""
        number = self._raw.readinto(buffer)
        self._left -= number or 0
        if self._left < 0:
            raise HTTPException("The response is too long.")
        return number

    def close(self) -> None:
        """Close the connection's file, too, so that the socket can be closed."""
        self._raw.close()
        super().close()


def _tls(trusted: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the certificates in a file or folder, as they are now."""
    return _tls_of(trusted, Path(trusted).stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _tls_of(trusted: str, _: int) -> ssl.SSLContext:
    """Return a new context; to read the certificates takes 18 ms, so contexts are kept until the file changes."""
    if Path(trusted).is_dir():
        return ssl.create_default_context(capath=trusted)
    return ssl.create_default_context(cafile=trusted)
