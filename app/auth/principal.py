"""The principal: who is calling, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from app.auth.refusal import AccessRefused, Check, Refusal
from app.store.accounts.tenants import ALL_TENANTS, Tenant
from app.store.accounts.tokens import EVENTS_READ, SCIM_WRITE

EVERY_TENANT = Tenant(ALL_TENANTS, profile="", created=datetime.fromtimestamp(0, UTC))
"""The tenant of a principal that reads the events of all tenants."""


@dataclass(frozen=True)
class Principal:
    """Who sends a request."""

    tenant: Tenant
    credential_id: str
    kind: str
    """`token`, `access token` or `JWT`."""
    scopes: frozenset[str]
    label: str = ""
    user_id: str | None = None
    """The id of the user that /Me refers to for this credential, if any (RFC 7644 section 3.11)."""
    of_all_tenants: bool = False
    """Whether the credential belongs to all tenants, and not to this one alone."""

    @property
    def owner(self) -> str:
        """The name of the tenant that the credential belongs to, and whose requests are counted; `*` for all."""
        return ALL_TENANTS if self.of_all_tenants else self.tenant.name

    @property
    def may_write(self) -> bool:
        """Whether the principal may create, change and delete resources."""
        return SCIM_WRITE in self.scopes


def require_read(principal: Principal) -> None:
    """Check that the principal may read; raises Forbidden."""
    _require(principal, "scim.read")


def require_write(principal: Principal) -> None:
    """Check that the principal may write; raises Forbidden."""
    _require(principal, SCIM_WRITE)


def require_events(principal: Principal) -> None:
    """Check that the principal may read events and snapshots; raises Forbidden."""
    _require(principal, EVENTS_READ)


def _require(principal: Principal, scope: str) -> None:
    if scope in principal.scopes:
        return
    has = " ".join(sorted(principal.scopes))
    refusal = Refusal(
        principal.kind, f"has no scope {scope}", (Check("scope", scope, has, False),), principal.credential_id,
        principal.label, cause="scope",
    )
    error = AccessRefused(f"The credential does not have the scope {scope}.", refusal)
    error.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'  # RFC 6750 section 3.1
    raise error
