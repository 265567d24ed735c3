"""Refusals: each is counted, one line in the log, and a page for the person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import TooManyRequests
from app.sign_on.flow.parts import Parts
from app.sign_on.flow.visit import CONSOLE, Answer, Refused, Visit
from app.sign_on.reasons import Reason, SignOnRefused
from app.store.accounts.tenants import Tenant
from app.store.sign_on.connection import Connection
from app.store.sign_on.sign_ins import SignIn

_UNKNOWN = "unknown"


@dataclass
class Context:
    """What is known of a sign-in, as far as it has come."""

    tenant: Tenant | None = None
    connection: Connection | None = None
    sign_in: SignIn | None = None
    purpose: Mapping[str, Any] | None = None


class Refusing:
    """Turns refusals into answers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def answer(self, visit: Visit, work: Callable[[Context], Answer]) -> Answer:
        """Return what `work` returns, or the answer to the refusal that it raises."""
        context = Context()
        try:
            return work(context)
        except SignOnRefused as refusal:
            return self._refused(visit, context, refusal)
        except TooManyRequests as error:
            return self._too_many(context, error)

    def _refused(self, visit: Visit, context: Context, refusal: SignOnRefused) -> Answer:
        tenant, connection = context.tenant, context.connection
        if tenant is None or refusal.reason is Reason.NOT_AVAILABLE:
            return Refused(Reason.NOT_AVAILABLE)
        try:
            self._parts.limits.count_refusal(visit.address)
        except TooManyRequests as error:
            return self._too_many(context, error)
        kind, name = (connection.kind, connection.id) if connection else (_UNKNOWN, "")
        self._parts.record.refused(visit, tenant, refusal, context.sign_in, name)
        self._parts.hooks.signed_on(tenant.name, kind, refusal.reason, None)
        return self._page(context, refusal.reason)

    def _too_many(self, context: Context, error: TooManyRequests) -> Answer:
        if context.tenant is not None:
            kind = context.connection.kind if context.connection else _UNKNOWN
            self._parts.hooks.signed_on(context.tenant.name, kind, Reason.TOO_MANY, None)
        return self._page(context, Reason.TOO_MANY, int(error.headers["Retry-After"]))

    def _page(self, context: Context, reason: Reason, retry_after: int = 0) -> Refused:
        """Return the page for a refusal, with the way back to the app if there is one."""
        purpose = context.sign_in.purpose if context.sign_in else context.purpose or {}
        request = purpose.get("request")
        if request is None:
            back = (f"{self._parts.base}/console", "the console") if purpose.get("kind") == CONSOLE else ("", "")
            return Refused(reason, *back, retry_after)
        error = "temporarily_unavailable" if reason in (Reason.TOO_MANY, Reason.UNAVAILABLE) else "access_denied"
        hooks = self._parts.hooks
        return Refused(reason, hooks.refusal(request, error), hooks.app_name(request), retry_after)
