"""The demo's receiver of webhooks: it verifies what arrives, and prints it; `scimd serve --demo-webhook` starts it.

The first line of its standard input says where it listens and which key signs, as JSON; it runs until the input ends.
"""

from __future__ import annotations

import base64
import binascii
import json
import signal
import sys
import time
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, request

from app.demo.serving import Place

TOLERANCE = 300
"""Seconds that an attempt may be old."""


class Receiver:
    """Takes webhooks at one path; `write` gets a line for each that is signed with the key, `whpk_...`."""

    def __init__(self, path: str, key: str, write: Callable[[str], object]) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.removeprefix("whpk_")))
        self._write = write
        self.app = Flask(__name__, static_folder=None)
        self.app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
        self.app.add_url_rule(path, view_func=self._receive, methods=["POST"])

    def _receive(self) -> tuple[str, int]:
        body = request.get_data()
        if not self._is_genuine(body):
            return "", 400
        self._write(f"webhook {json.dumps(json.loads(body))}")  # what controls a terminal is escaped
        return "", 204

    def _is_genuine(self, body: bytes) -> bool:
        event_id, timestamp, signatures = (
            request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        if not (timestamp.isdecimal() and len(timestamp) < 12 and abs(time.time() - int(timestamp)) < TOLERANCE):
            return False
        signed = f"{event_id}.{timestamp}.".encode() + body
        return any(self._fits(each, signed) for each in signatures.split(" "))

    def _fits(self, text: str, signed: bytes) -> bool:
        version, _, signature = text.partition(",")
        try:
            self._key.verify(base64.b64decode(signature), signed)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return version == "v1a"


def _print(line: str) -> None:
    print(f"{line}\n", end="", flush=True)  # by one write: several threads print


def main() -> None:
    """Receive webhooks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends scimd, and with it the input
    settings = json.loads(sys.stdin.readline())
    receiver = Receiver(settings["path"], settings["key"], _print)
    with Place(socket_number=settings["socket"]).serving(receiver.app):
        sys.stdin.read()


if __name__ == "__main__":
    main()
