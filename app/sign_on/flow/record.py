"""The lines of the log about sign-ons: who came in, and why somebody did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.auth.refusal import Check
from app.schemas.tables.user import USER_TYPE
from app.sign_on.flow.visit import Visit
from app.sign_on.matching import NotLetIn, User
from app.sign_on.reasons import SHOWN, SignOnRefused
from app.store.accounts.tenants import Tenant
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Database
from app.store.sign_on.sessions import Session
from app.store.sign_on.sign_ins import SignIn

SIGN_ON, TEST = "sign-on", "sign-on-test"
_DONE = 303


@dataclass(frozen=True)
class Record:
    """Writes these lines; they are kept for `days`, and without `values` they have no address and nothing received."""

    database: Database
    days: int
    values: bool

    def done(self, visit: Visit, tenant: Tenant, user: User, session: Session, app: str) -> None:
        """Note that a person has signed in, to begin with to `app` ("" for none)."""
        about = {
            "connection": session.connection, "app": app, "sid": session.sid, "address": visit.address,
            "amr": list(session.amr),
        }
        event = Event(SIGN_ON, USER_TYPE.name, user.id, user.name, status=_DONE, sign_on=about)
        self._append(visit, tenant, event)

    def refused(
        self, visit: Visit, tenant: Tenant, refusal: SignOnRefused, sign_in: SignIn | None, connection: str
    ) -> None:
        """Note why a person was not signed in."""
        user_id, name = (refusal.user_id, refusal.name) if isinstance(refusal, NotLetIn) else ("", "")
        kind = sign_in.purpose["kind"] if sign_in else ""
        about: dict[str, Any] = {"connection": connection, "address": visit.address}
        if kind == "app" and sign_in:
            about["app"] = sign_in.purpose["request"]["app"]
        detail = f"{refusal.reason}: {refusal.detail}"
        if not self.values:
            detail, name = str(refusal.reason), name if user_id else ""
        event = Event(
            TEST if kind == "test" else SIGN_ON, USER_TYPE.name, user_id, name, status=SHOWN[refusal.reason].status,
            detail=detail, checks=self.shown(refusal.checks), sign_on=about,
        )
        self._append(visit, tenant, event)

    def tested(self, visit: Visit, tenant: Tenant, user: User, connection: str, checks: Sequence[Check]) -> None:
        """Note that a test of a connection has passed."""
        about = {"connection": connection, "address": visit.address}
        shown = self.shown(checks)
        event = Event(TEST, USER_TYPE.name, user.id, user.name, status=_DONE, checks=shown, sign_on=about)
        self._append(visit, tenant, event)

    def shown(self, checks: Sequence[Check]) -> list[dict[str, Any]]:
        """Return checks as the log has them."""
        return [vars(check) if self.values else vars(check) | {"received": ""} for check in checks]

    def _append(self, visit: Visit, tenant: Tenant, event: Event) -> None:
        log = Events(self.database, tenant.name, LogSettings(self.days, self.values, tenant.tenant_id))
        log.append(event, Actor(request_id=visit.request_id))
