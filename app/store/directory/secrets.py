"""Secrets in documents: only their hashes are stored."""

from __future__ import annotations

import base64
import hashlib
import os
import re

_HASH = re.compile(r"^scrypt\$\d+\$\d+\$\d+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+$")
COST = (2**14, 8, 1)
"""The parameters n, r and p of scrypt (RFC 7914 section 2): a hash takes 0.05 s and 16 MiB."""


class Hashed(str):
    """A secret that is already hashed."""

    __slots__ = ()


def hashed(secret: str) -> Hashed:
    """Return the hash under which a secret is stored: salted, and slow to guess (RFC 7643 section 9.2)."""
    if isinstance(secret, Hashed):
        return secret
    salt = os.urandom(16)
    n, r, p = COST
    digest = hashlib.scrypt(secret.encode(), salt=salt, n=n, r=r, p=p)
    return Hashed(f"scrypt${n}${r}${p}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}")


def as_hashed(text: str) -> Hashed:
    """Return the hash for a secret in an export, which is a hash already or is hashed now."""
    return Hashed(text) if _HASH.match(text) else hashed(text)
