"""The ListResponse message (RFC 7644 section 3.4.2)."""

from __future__ import annotations

from typing import Any

LIST_RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def list_response(
    resources: list[dict[str, Any]], total: int, start_index: int | None = 1, *,
    next_cursor: str | None = None, previous_cursor: str | None = None,
) -> dict[str, Any]:
    """Give one page of resources; `itemsPerPage` is how many it has, and `Resources` is there even when empty.

    A page found by cursor has no `startIndex` (RFC 9865 section 2).
    """
    message: dict[str, Any] = {"schemas": [LIST_RESPONSE_URN], "totalResults": total}
    if start_index is not None:
        message["startIndex"] = start_index
    message["itemsPerPage"] = len(resources)
    if next_cursor:
        message["nextCursor"] = next_cursor
    if previous_cursor:
        message["previousCursor"] = previous_cursor
    message["Resources"] = resources
    return message
