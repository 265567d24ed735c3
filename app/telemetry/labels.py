"""Which tenants the metrics tell apart: a bounded number, since each is several series that stay (D-78)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

MOST_TENANTS = 1_000
OTHERS = "(others)"
"""The label of all tenants beyond these; none can have this name."""

_named: set[str] = set()


def tenant_label(name: str) -> str:
    """Return the label of a tenant: its name, or `OTHERS` where this process tells enough tenants apart already."""
    if name not in _named:
        if len(_named) >= MOST_TENANTS:
            return OTHERS
        _named.add(name)
    return name


def largest_apart(numbers: Mapping[tuple[str, str, str], int]) -> Counter[tuple[str, str, str]]:
    """Return the numbers by tenant, type and state: each of the largest tenants, and all others together."""
    sizes = Counter[str]()
    for (tenant, *_), number in numbers.items():
        sizes[tenant] += number
    largest = {tenant for tenant, _ in sizes.most_common(MOST_TENANTS)}
    found = Counter[tuple[str, str, str]]()
    for (tenant, kind, state), number in numbers.items():
        found[tenant if tenant in largest else OTHERS, kind, state] += number
    return found
