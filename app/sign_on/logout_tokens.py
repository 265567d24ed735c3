"""Logout tokens, by which apps are told that a session has ended (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from joserfc import jwt

from app.errors import describe
from app.outgoing import http
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import now
from app.store.sign_on.apps import Apps
from app.store.sign_on.logouts import Logout, Logouts
from app.store.sign_on.signing_keys import ID_TOKEN, SigningKeys

log = logging.getLogger("scimd")
SECONDS = 2.5
"""The time for one attempt."""
MOST_BYTES = 16 * 1024
ROUND_SECONDS = 60.0
"""The time for the database calls of one round."""
LIFETIME = 120
"""Seconds for which a logout token is valid."""
EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPE = "logout+jwt"
TOLD = "logout-told"
"""The operation in the log."""
_AT_ONCE = 8
"""Apps that one worker tells at the same time, so that a slow one does not hold up the others."""
_DONE = (200, 204)
_REFUSED = 400
"""The app has understood and does not want it; section 2.8."""
_UNREACHABLE = 504
"""The status in the log where an app has not answered."""


@dataclass(frozen=True)
class Teller:
    """Sends logout tokens to all apps; `issuer` returns a tenant's issuer, and `days` is how long a log is kept."""

    database: Database
    keys: SigningKeys
    issuer: Callable[[str], str]
    days: int
    count: Callable[[str, str], object] = lambda app, result: None
    """Counts an attempt by its app and its result: `done`, `refused`, `later` or `failed`."""
    clock: Callable[[], datetime] = now

    def round(self) -> int:
        """Work through all logouts that are due, and return how many apps were told."""
        first = self._claim()
        if first is None:
            return 0
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return sum(threads.map(self._tell_all, (first, *[None] * (_AT_ONCE - 1))))

    def _claim(self) -> Logout | None:
        return Logouts(self.database, self.clock).claim()

    def _tell_all(self, logout: Logout | None) -> int:
        """Send a logout that was claimed, and then each that is due; return how many apps were told."""
        told = 0
        with self.database.budget(ROUND_SECONDS):
            while logout := logout or self._claim():
                told += self._tell(logout)
                logout = None
        return told

    def _tell(self, logout: Logout) -> bool:
        """Make one attempt, and return whether the app was told."""
        app = Apps(self.database).get(logout.app)
        uri = app.settings.backchannel_logout_uri if app else ""
        if not uri:
            Logouts(self.database, self.clock).finish(logout)
            return False
        status, answer = self._send(uri, logout)
        if status in _DONE or status == _REFUSED or logout.is_last:
            result = "done" if status in _DONE else "refused" if status == _REFUSED else "failed"
            self._finish(logout, 0 if status in _DONE else status, f"The app {logout.app} {answer}.")
        else:
            result = "later"
            Logouts(self.database, self.clock).postpone(logout)
            log.warning("the app %s was not told of a logout, and will be later: it %s", logout.app, answer)
        self.count(logout.app, result)
        return status in _DONE

    def _send(self, uri: str, logout: Logout) -> tuple[int, str]:
        """Return the status of the answer, and what the app did as the end of a sentence."""
        form, deadline = {"logout_token": self.token(logout)}, time.monotonic() + SECONDS
        try:
            answer = http.post(uri, form, deadline=deadline, most_bytes=MOST_BYTES)
        except http.OutgoingError as error:
            return _UNREACHABLE, f"was not reached: {describe(error)}"
        return answer.status, f"answered {answer.status}"

    def token(self, logout: Logout) -> str:
        """Return the logout token (sections 2.4 and 2.5)."""
        key, moment = self.keys.current(ID_TOKEN), int(self.clock().timestamp())
        claims = {
            "iss": self.issuer(logout.tenant), "aud": logout.app, "sub": logout.user, "sid": logout.sid, "iat": moment,
            "exp": moment + LIFETIME, "jti": secrets.token_hex(16), "events": {EVENT: {}},
        }
        return jwt.encode({"alg": "RS256", "typ": TYPE, "kid": key.id}, claims, key.jwk)

    def _finish(self, logout: Logout, status: int, detail: str) -> None:
        """Note in one transaction that there is no further attempt, and the line of the log."""
        about = {"app": logout.app, "sid": logout.sid}
        event = Event(TOLD, USER_TYPE.name, logout.user, status=status, detail=detail, sign_on=about)
        lines = Events(self.database, logout.tenant, LogSettings(self.days))

        def work(session: Session) -> None:
            finished = Logouts(self.database, self.clock).finish(logout, session)
            tenant = Tenants(self.database).get(logout.tenant)
            if finished and tenant and tenant.created <= logout.created:  # else it has no log, or another one
                lines.append(event, Actor("scimd"), session)

        self.database.transaction(work)
