"""The names that tenants can have: a name fits into a URL, and hides none of the server's own routes."""

from __future__ import annotations

import re

from app.errors import InvalidValue

RESERVED = frozenset({
    "api", "admin", "assets", "changes", "console", "docs", "events", "favicon", "health", "healthz", "jwks", "live",
    "livez", "login", "logout", "metrics", "oauth", "oauth2", "openapi", "ping", "ready", "readyz", "robots", "scim",
    "scimd", "setup", "snapshot", "static", "status", "streams", "tenants", "token", "v1", "v2", "webhooks",
    "well-known",
})
"""Names that the server's own routes use or may use one day; a tenant that had one before it was reserved keeps it."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def is_name(name: str) -> bool:
    """Return whether a text has the form of a tenant's name."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Check that `name` can be a tenant's; raises InvalidValue."""
    if not is_name(name):
        raise InvalidValue(
            f"{name!r} cannot be a name: a name has 1 to 63 of the characters a-z, 0-9 and -, and neither begins nor "
            "ends with -."
        )
    if name in RESERVED:
        raise InvalidValue(f"{name!r} cannot be a name: the server reserves it; choose another one.")
