"""The messages of RFC 7644: their URNs, the media types they come in, and those that every endpoint can return.

The only module of the server that spells a message URN or a media type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import InvalidSyntax, ScimError

SCIM_JSON = "application/scim+json"
"""The media type of SCIM (RFC 7644 section 8.1)."""
JSON = "application/json"
"""What clients may send and ask for instead (RFC 7644 section 3.1)."""
FORM = "application/x-www-form-urlencoded"
"""What the OAuth 2.0 token endpoint takes (RFC 6749 section 4.4.2), and what a SAML response is posted in."""
SECURITY_EVENT_JWT = "application/secevent+jwt"
"""What a pushed security event token is (RFC 8935 section 2.1)."""
HTML = "text/html"
CSS = "text/css"
JAVASCRIPT = "text/javascript"
SVG = "image/svg+xml"
CSV = "text/csv"
NDJSON = "application/x-ndjson"
SAML_METADATA = "application/samlmetadata+xml"
"""What the web pages are made of, the files they export, and the metadata that identity providers read."""

LIST_RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
SEARCH_REQUEST_URN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK_REQUEST_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
BULK_RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"


def check_urn(message: Mapping[str, Any], urn: str) -> None:
    """Check that the `schemas` of a message contain its URN (RFC 7644 section 8.2); raises InvalidSyntax.

    The message's names are in lower case. URNs are compared case-insensitively (RFC 7644 section 3.10).
    """
    schemas = message.get("schemas")
    if not isinstance(schemas, list) or urn.lower() not in (str(each).lower() for each in schemas):
        raise InvalidSyntax(f"schemas: must contain {urn}.")


def list_response(
    resources: list[dict[str, Any]], total: int, start_index: int | None = 1, *,
    next_cursor: str | None = None, previous_cursor: str | None = None,
) -> dict[str, Any]:
    """Return one page of resources as a ListResponse (RFC 7644 section 3.4.2).

    `itemsPerPage` is the number of resources on the page, and `Resources` is present even when it is empty. A page
    found by cursor has no `startIndex` (RFC 9865 section 2): pass None.
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


def error_message(error: ScimError) -> dict[str, Any]:
    """Return the Error message (RFC 7644 section 3.12): `status` is a string; `scimType` only where the RFC has one."""
    message: dict[str, Any] = {"schemas": [ERROR_URN], "status": str(error.status)}
    if error.scim_type:
        message["scimType"] = error.scim_type
    message["detail"] = error.detail
    return message
