"""Credentials that a worker has seen a moment ago: they are let in without asking the database.

Only what was let in is kept, never what was refused, and never the credential itself.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

from app.auth.principal import Principal

LIFETIME = 4.0
"""Seconds. A revocation takes effect within 5 on every worker; one is left for a request that is under way."""
MOST = 10_000


class Seen:
    """A bounded memory of principals by tenant and credential."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        # Monotonic: a clock that is set back must not keep a revoked token alive.
        self._monotonic = monotonic
        self._entries: dict[bytes, tuple[float, float, Principal]] = {}
        self._lock = threading.Lock()

    def moment(self) -> float:
        """Give the moment from which on what is read now may be remembered."""
        return self._monotonic()

    def get(self, tenant: str, credential: str, now: float) -> Principal | None:
        """Give who that was, or None; `now` is the time of day that the credential's own expiry is compared with."""
        key = _key(tenant, credential)
        entry = self._entries.get(key)
        if entry is None:
            return None
        since, expires, principal = entry
        if self._monotonic() - since < LIFETIME and now < expires:
            return principal
        with self._lock:
            self._entries.pop(key, None)
        return None

    def put(self, tenant: str, credential: str, principal: Principal, *, since: float, expires: float) -> None:
        """Remember who that is; `since` is the moment before the database was asked."""
        with self._lock:
            while len(self._entries) >= MOST:
                self._entries.pop(next(iter(self._entries)))
            self._entries[_key(tenant, credential)] = (since, expires, principal)


def _key(tenant: str, credential: str) -> bytes:
    return hashlib.sha256(f"{tenant}\0{credential}".encode("utf-8", "surrogatepass")).digest()
