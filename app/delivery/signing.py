"""Signatures of webhooks, as Standard Webhooks 1.0 defines them: `v1a` by Ed25519, `v1` by HMAC-SHA256.

What is signed is `id.timestamp.body`, with the very bytes that are sent. Receivers are given the key in the same
specification's form: `whpk_` and the public key, or `whsec_` and the shared secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.protocol.messages import JSON
from app.store.accounts.sealing import Sealer
from app.store.delivery.endpoint import ED25519, HMAC, SigningKey

PUBLIC, SECRET = "whpk_", "whsec_"  # noqa: S105 - prefixes
SECRET_BYTES = 32


class Key(NamedTuple):
    """A key as it signs."""

    kind: str
    """`ED25519` or `HMAC`."""
    private: bytes
    """The 32 bytes of an Ed25519 private key, or the shared secret."""


def new_key(kind: str) -> tuple[Key, str]:
    """Return a new key and its text for receivers: the public key, or the shared secret."""
    if kind == HMAC:
        secret = secrets.token_bytes(SECRET_BYTES)
        return Key(HMAC, secret), SECRET + _base64(secret)
    private = Ed25519PrivateKey.generate()
    return Key(ED25519, private.private_bytes_raw()), PUBLIC + _base64(private.public_key().public_bytes_raw())


def sealed(key: Key, text: str, sealer: Sealer, moment: datetime) -> SigningKey:
    """Return a new key as it is stored; the text of a shared secret is not."""
    public = "" if key.kind == HMAC else text
    return SigningKey(kind=key.kind, private=sealer.seal(key.private), public=public, created=moment)


def unsealed(keys: Iterable[SigningKey], unseal: Callable[[str], bytes], moment: datetime) -> list[Key]:
    """Return those keys of an endpoint that sign at a moment; raises what `unseal` does, such as StoreError."""
    signing = (each for each in keys if each.until is None or each.until > moment)
    return [Key(each.kind, unseal(each.private)) for each in signing]


def headers(keys: Iterable[Key], event_id: str, body: bytes, moment: datetime) -> dict[str, str]:
    """Return the headers of a webhook: what it is, and a signature by each key for the moment of this attempt."""
    timestamp = str(int(moment.timestamp()))
    signed = b".".join((event_id.encode(), timestamp.encode(), body))
    return {
        "Content-Type": JSON,
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(key, signed) for key in keys),
    }


def _signature(key: Key, signed: bytes) -> str:
    if key.kind == HMAC:
        return "v1," + _base64(hmac.digest(key.private, signed, hashlib.sha256))
    return "v1a," + _base64(Ed25519PrivateKey.from_private_bytes(key.private).sign(signed))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
