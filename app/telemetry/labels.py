"""The tenants that metrics distinguish: a bounded number, because each adds several series for good (D-78)."""

from __future__ import annotations

OTHERS = "(others)"
"""The label of all other tenants; no tenant can have this name."""

_most = 1_000
_named: set[str] = set()


def distinguish(most: int) -> None:
    """Set how many tenants the metrics of this process distinguish, before it counts anything."""
    global _most
    _most = most


def most_tenants() -> int:
    """Return how many tenants the metrics of this process distinguish."""
    return _most


def tenant_label(name: str) -> str:
    """Return a tenant's label: its name, or `OTHERS` if this process distinguishes as many as it may; "" is none."""
    if name and name not in _named:
        if len(_named) >= _most:
            return OTHERS
        _named.add(name)
    return name
