"""The tenants that metrics distinguish: a bounded number, because each adds several series for good (D-78)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

MOST_TENANTS = 1_000
OTHERS = "(others)"
"""The label of all other tenants; no tenant can have this name."""

_named: set[str] = set()


def tenant_label(name: str) -> str:
    """Return a tenant's label: its name, or `OTHERS` if this process distinguishes `MOST_TENANTS` already."""
    if name not in _named:
        if len(_named) >= MOST_TENANTS:
            return OTHERS
        _named.add(name)
    return name


def largest_apart(numbers: Mapping[tuple[str, str, str], int]) -> Counter[tuple[str, str, str]]:
    """Return numbers by tenant, type and state, with all but the largest tenants added up as `OTHERS`."""
    sizes = Counter[str]()
    for (tenant, *_), number in numbers.items():
        sizes[tenant] += number
    largest = {tenant for tenant, _ in sizes.most_common(MOST_TENANTS)}
    found = Counter[tuple[str, str, str]]()
    for (tenant, kind, state), number in numbers.items():
        found[tenant if tenant in largest else OTHERS, kind, state] += number
    return found
