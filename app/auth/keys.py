"""Finds the key that a token was signed with: a stored one, or one from the issuer if those are old or lack it.

While the issuer is down, the stored keys keep working. For unknown keys, all workers together ask the issuer at most
once a minute.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from joserfc.jwk import RSAKey

from app.auth.jwks import SECONDS, FetchError, fetch_keys
from app.outgoing.addresses import Networks
from app.store.accounts.trusts import Trust, Trusts
from app.store.mongo.database import Database

log = logging.getLogger("scimd")
PAUSE = timedelta(minutes=1)
"""The time between two attempts to fetch keys."""
FIRST_PAUSE = timedelta(seconds=5)
"""The time between two attempts while no keys are stored."""
MOST_AGE = timedelta(hours=1)
"""Older keys are fetched again, so that a key that the issuer has withdrawn stops working."""
_POLL = 0.05


class Keys:
    """The public keys of the issuers that tenants trust."""

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.time, networks: Networks = ()
    ) -> None:
        """Make them; `networks` are those of the setting `SCIMD_WEBHOOK_NETWORKS`."""
        self._trusts = Trusts(database)
        self._clock = clock
        self._networks = networks

    def find(self, trust: Trust, key_id: str) -> RSAKey | None:
        """Return the issuer's key with this id, or None; it may fetch the keys first."""
        key = _pick(trust, key_id)
        if key is None or self._is_old(trust):
            trust = self._refreshed(trust)
            key = _pick(trust, key_id)
        return key

    def refresh(self, trust: Trust) -> str:
        """Fetch the keys now; return why that failed, or ""."""
        try:
            keys = fetch_keys(trust, self._networks)
        except FetchError as error:
            self._trusts.record_fault(trust.id, str(error))
            return str(error)
        self._trusts.store_keys(trust.id, keys, self._now(), first=trust.keys is None)
        return ""

    def _refreshed(self, trust: Trust) -> Trust:
        pause = FIRST_PAUSE if trust.keys is None else PAUSE
        if self._trusts.claim_fetch(trust, self._now(), pause):
            if fault := self.refresh(trust):
                log.warning("the keys of %s (trust %s) could not be fetched: %s", trust.issuer, trust.id, fault)
            return self._trusts.find(trust.id) or trust
        return self._awaited(trust)

    def _awaited(self, trust: Trust) -> Trust:
        """Return the trust after waiting for another worker that is fetching its keys, if there is one."""
        deadline = time.monotonic() + SECONDS
        while True:
            trust = self._trusts.find(trust.id) or trust
            began = trust.attempted or trust.created
            stale = self._now() - began > timedelta(seconds=2 * SECONDS)  # that worker was killed
            if not trust.fetching or stale or time.monotonic() >= deadline:
                return trust
            time.sleep(_POLL)

    def _is_old(self, trust: Trust) -> bool:
        return trust.fetched is None or self._now() - trust.fetched > MOST_AGE

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _pick(trust: Trust, key_id: str) -> RSAKey | None:
    for key in trust.keys or ():
        if key["kid"] == key_id:
            return RSAKey.import_key(dict(key))
    return None
