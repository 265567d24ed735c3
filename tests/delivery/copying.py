"""A consumer that keeps a copy of all directories by webhooks alone, with the code of examples/copy.py.

It verifies each signature, commits before it answers, and skips ids that it has; and it can be made to fail.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXAMPLE = Path(__file__).parents[2] / "examples" / "copy.py"


def example() -> ModuleType:
    """Return the example as a module, without what its first lines do to the path of modules."""
    spec = importlib.util.spec_from_file_location("copy_example", EXAMPLE)
    assert spec
    assert spec.loader
    module, path = importlib.util.module_from_spec(spec), list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
    return module


class Copying(ThreadingHTTPServer):
    """The consumer; `failing` is the share of requests that it answers with an error, before or after its commit."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, file: Path, public: str, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, _Handler)
        self.file = file
        self.key = self.public(public) if public else None
        self.failing = 0.0
        self.arrived = self.repeated = self.failed = 0
        self.wrong: list[str] = []
        """What must never be: requests that are not signed, and events of one resource at once."""
        self._copy = example().Copy(str(file))
        self._copy.db = sqlite3.connect(file, isolation_level="IMMEDIATE", check_same_thread=False)
        self._copy.db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)")
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    @staticmethod
    def public(text: str) -> Ed25519PublicKey:
        """Return the key for its text, `whpk_...`."""
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix("whpk_")))

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Return the status for a request."""
        self.verify(headers, body)
        event = json.loads(body)
        touched = self._touched(event)
        with self._lock:
            self.arrived += 1
            if touched & self._under_way:
                self.wrong.append(f"two at once: {event['id']}")
            self._under_way |= touched
        try:
            return self._answer(event)
        finally:
            with self._lock:
                self._under_way -= touched

    def _answer(self, event: dict[str, Any]) -> int:
        chance = random.random()
        time.sleep(random.uniform(0, 0.005))
        if chance >= self.failing / 2:
            with self._lock, self._copy.db:
                if self._copy.db.execute("INSERT OR IGNORE INTO seen VALUES (?)", [event["id"]]).rowcount:
                    self._copy.apply(event["tenantid"], *event["type"].split(".")[1:], event["data"])
                else:
                    self.repeated += 1
        if chance < self.failing:
            with self._lock:
                self.failed += 1
            return random.choice((500, 503, 404, 400))
        return 204

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check the signature, as Standard Webhooks has it."""
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        version, _, signature = headers["webhook-signature"].partition(",")
        assert version == "v1a"
        assert self.key
        self.key.verify(base64.b64decode(signature), signed)

    @staticmethod
    def _touched(event: dict[str, Any]) -> set[str]:
        data = event["data"]
        members = data.get("members", {})
        return {data["id"], *members.get("added", ()), *members.get("removed", ()), *data.get("groups", ())}

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=30) as db:
            return db.execute(text).fetchall()


class _Handler(BaseHTTPRequestHandler):
    server: Copying

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            status = self.server.take(self.headers, body)
        except Exception as error:
            self.server.wrong.append(repr(error))
            raise
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def served(server: Copying) -> Iterator[Copying]:
    """Serve until the block ends; the port is then closed."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
