"""Serves the demo's applications on the loopback interface, in threads of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

HOST = "127.0.0.1"


class _Quiet(WSGIRequestHandler):
    """Logs no requests: their URLs have codes and states."""

    def log_request(self, *_: Any) -> None:
        return None


class _Late:
    """A WSGI application that is set later, when the port is known."""

    app: Flask | None = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        assert self.app is not None
        return self.app(environ, start_response)


class Place:
    """A port of the loopback interface on which an application can be served."""

    def __init__(self, port: int = 0, *, socket_number: int | None = None) -> None:
        """Take the port, or any if it is 0, or a socket that listens already; raises OSError if the port is taken."""
        self._late = _Late()
        self._server = make_server(
            HOST, port, self._late, threaded=True, request_handler=_Quiet, fd=socket_number
        )
        self.port = int(self._server.socket.getsockname()[1])
        self.url = f"http://{HOST}:{self.port}"

    @contextmanager
    def serving(self, app: Flask) -> Iterator[None]:
        """Serve the application inside the block."""
        self._late.app = app
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
