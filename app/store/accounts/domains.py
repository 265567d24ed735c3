"""The mail domains of tenants: an address of one of them counts as verified, because an operator has said so.

A customer's administrator can provision any address for a user of their own. Without this, an app that joins accounts
by verified addresses would let them into the account of another customer.
"""

from __future__ import annotations

import re

from app.errors import InvalidValue, NotFound
from app.store.accounts.tenants import NOT_DELETED, SPEC, Tenants
from app.store.mongo.database import Database, Session

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
MOST = 200


class Domains:
    """The mail domains of all tenants."""

    def __init__(self, database: Database) -> None:
        self._collection = database.db[SPEC.name]
        self._tenants = Tenants(database)

    def of(self, tenant: str, session: Session = None) -> frozenset[str]:
        """Return the domains of a tenant, in lower case."""
        document = self._collection.find_one({"_id": tenant, **NOT_DELETED}, {"domains": 1}, session=session)
        return frozenset((document or {}).get("domains", ()))

    def add(self, tenant: str, domain: str, session: Session = None) -> None:
        """Add a domain to a tenant; raises NotFound for an unknown tenant, InvalidValue for no domain."""
        self._tenants.require(tenant, session)
        if len(self.of(tenant, session) | {_checked(domain)}) > MOST:
            raise InvalidValue(f"A tenant can have at most {MOST} domains.")
        self._collection.update_one({"_id": tenant}, {"$addToSet": {"domains": _checked(domain)}}, session=session)

    def remove(self, tenant: str, domain: str, session: Session = None) -> None:
        """Remove a domain from a tenant; raises NotFound for an unknown tenant and a domain that it does not have."""
        self._tenants.require(tenant, session)
        change = {"$pull": {"domains": domain.lower()}}
        done = self._collection.update_one({"_id": tenant, "domains": domain.lower()}, change, session=session)
        if not done.matched_count:
            raise NotFound(f"The tenant {tenant} has no domain {domain!r}.")


def _checked(domain: str) -> str:
    """Return a domain in lower case; raises InvalidValue."""
    lowered = domain.lower()
    if not _DOMAIN.fullmatch(lowered) or len(lowered) > 253:
        raise InvalidValue(f"{domain!r} is not a mail domain such as example.com; write an international one in ASCII.")
    return lowered
