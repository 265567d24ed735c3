"""Receive webhooks from scimd: verify the signature of each, and print every event once.

Needs Python 3.9 or newer and the package cryptography. docs/consumers.md explains webhooks.

    export SCIM_WEBHOOK_KEY=whpk_...                what `scimd webhook create` printed; several with commas
    python examples/receiver.py 8080

It listens on this machine only. Put it behind what ends TLS for your other services.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE = 300  # seconds: an older request may be one that was recorded and is sent again
MOST_BYTES = 1_000_000  # scimd sends 256 KiB at most


def is_genuine(keys, headers, body):
    """Return whether one of the keys has signed the request, and just now; `body` is the very bytes that came."""
    timestamp = headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or len(timestamp) > 12 or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{headers.get('webhook-id')}.{timestamp}.".encode() + body
    signatures = [each.partition(",")[::2] for each in headers.get("webhook-signature", "").split(" ")]
    return any(fits(key, *signature, signed) for key in keys for signature in signatures)


def fits(key, version, signature, signed):
    """Return whether a signature was made by a key: v1a by that of a public key, v1 by a shared secret."""
    kind, _, encoded = key.partition("_")
    try:
        known, given = base64.b64decode(encoded), base64.b64decode(signature)
        if (kind, version) == ("whsec", "v1"):
            return hmac.compare_digest(hmac.digest(known, signed, hashlib.sha256), given)
        if (kind, version) == ("whpk", "v1a"):
            Ed25519PublicKey.from_public_bytes(known).verify(given, signed)
            return True
    except (InvalidSignature, binascii.Error, ValueError):
        pass
    return False


class Receiver(BaseHTTPRequestHandler):
    keys = os.environ.get("SCIM_WEBHOOK_KEY", "").split(",")
    seen = set()  # in a service: a table of your database
    lock = threading.Lock()
    timeout = 20

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return self.answer(413)
        body = self.rfile.read(int(length))
        if not is_genuine(self.keys, self.headers, body):
            return self.answer(400)
        event = json.loads(body)
        with self.lock:
            # In a service, one transaction: do what the event says, and store its id. Answer when it is committed.
            if event["id"] not in self.seen:
                print(json.dumps(event), flush=True)
                self.seen.add(event["id"])
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = status != 204  # of a request that is refused, the rest is not read

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if len(sys.argv) != 2 or not all(Receiver.keys):
        sys.exit(__doc__)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
    except (OSError, OverflowError, ValueError) as error:
        sys.exit(f"Port {sys.argv[1]} cannot be used: {error}")
    server.serve_forever()
