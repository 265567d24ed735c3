"""The principal: who is calling, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from app.auth.refusal import AccessRefused, Check, Refusal
from app.store.accounts.tenants import Tenant


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


def require_read(principal: Principal) -> None:
    """Check that the principal may read; raises Forbidden."""
    _require(principal, "scim.read")


def require_write(principal: Principal) -> None:
    """Check that the principal may write; raises Forbidden."""
    _require(principal, "scim.write")


def _require(principal: Principal, scope: str) -> None:
    if scope in principal.scopes:
        return
    has = " ".join(sorted(principal.scopes))
    refusal = Refusal(
        principal.kind, f"has no scope {scope}", (Check("scope", scope, has, False),), principal.credential_id,
        principal.label,
    )
    error = AccessRefused(f"The credential does not have the scope {scope}.", refusal)
    error.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'  # RFC 6750 section 3.1
    raise error
