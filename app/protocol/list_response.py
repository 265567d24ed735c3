"""The ListResponse message (RFC 7644 section 3.4.2)."""

from __future__ import annotations

from typing import Any

LIST_RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def list_response(resources: list[dict[str, Any]], total: int, start_index: int = 1) -> dict[str, Any]:
    """Give one page of resources; `itemsPerPage` is how many it has, and `Resources` is there even when empty."""
    return {
        "schemas": [LIST_RESPONSE_URN],
        "totalResults": total,
        "startIndex": start_index,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }
