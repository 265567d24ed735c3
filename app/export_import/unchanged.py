"""Whether the tenant that is exported or imported is still the one that it was at the beginning."""

from __future__ import annotations

from app.errors import NotFound
from app.store.accounts.tenants import Tenant, Tenants


def check_is_same(tenants: Tenants, begun: Tenant) -> None:
    """Check that a tenant is still there, and not another one with its name; raises NotFound."""
    if tenants.require(begun.name).tenant_id != begun.tenant_id:
        raise NotFound(f"The tenant {begun.name!r} was deleted, and created anew.")
