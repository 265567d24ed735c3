"""A small app that receives logout tokens, with the answers that it is told to give."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class LogoutReceiver(ThreadingHTTPServer):
    """The app; `answers` are the next statuses, 200 after those."""

    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.tokens: list[str] = []
        self.requests: list[str] = []
        self.go = threading.Event()
        """Cleared, it lets no request be answered."""
        self.go.set()

    @property
    def url(self) -> str:
        """The URI for logout tokens."""
        return f"http://127.0.0.1:{self.server_address[1]}/logout"


class _Handler(BaseHTTPRequestHandler):
    server: LogoutReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append(f"{self.path} {self.headers['Content-Type']}")
        self.server.tokens += parse_qs(body).get("logout_token", [])
        self.server.go.wait(30)
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self.server.url}?followed")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_: object) -> None: ...


@contextmanager
def running_receiver() -> Iterator[LogoutReceiver]:
    """Run the app."""
    with LogoutReceiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
