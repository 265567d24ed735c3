"""The messages of RFC 7644 as JSON Schema: lists, searches, PATCH, Bulk and errors; and those of OAuth 2.0."""

from __future__ import annotations

from app import errors
from app.openapi.resources import JsonSchema, array_of, object_schema
from app.protocol.bulk_message import METHODS
from app.protocol.bulk_message import MOST_OPERATIONS as MOST_IN_BULK
from app.protocol.messages import (
    BULK_REQUEST_URN,
    BULK_RESPONSE_URN,
    ERROR_URN,
    LIST_RESPONSE_URN,
    PATCH_URN,
    SEARCH_REQUEST_URN,
)
from app.protocol.patch.message import MAX_OPERATIONS, OPERATIONS
from app.protocol.search_request import DEFAULT_COUNT, LONGEST_IN_BODY, MOST_RESULTS, PARAMETERS
from app.schemas.tables.user import USER_TYPE

TEXT: JsonSchema = {"type": "string"}
NUMBER: JsonSchema = {"type": "integer"}
ERROR, PATCH, SEARCH, BULK_REQUEST, BULK_RESPONSE = (
    "scim.Error", "scim.PatchRequest", "scim.SearchRequest", "scim.BulkRequest", "scim.BulkResponse"
)
ALL = "scim.List"
TOKEN_REQUEST, TOKEN_RESPONSE, TOKEN_ERROR = "oauth.TokenRequest", "oauth.TokenResponse", "oauth.Error"  # noqa: S105 - names
"""The names of the schemas."""
_EXAMPLE = f'{USER_TYPE.identifier} eq "jane@example.com"'
SEARCH_PARAMETERS: dict[str, JsonSchema] = dict(zip(PARAMETERS, (
    {**TEXT, "description": "The attributes to return; id and schemas always are. In a URL, with commas between them."},
    {**TEXT, "description": "The attributes to leave out. In a URL, with commas between them."},
    {**TEXT, "description": f'The condition, such as `{_EXAMPLE}` (RFC 7644 section 3.4.2.2).'},
    {**TEXT, "description": "The attribute to sort by; without it, by id."},
    {**TEXT, "enum": ["ascending", "descending"], "default": "ascending", "description": "The order of the sort."},
    {**NUMBER, "minimum": 1, "default": 1, "description": "The number of the first resource on the page."},
    {**NUMBER, "minimum": 0, "maximum": MOST_RESULTS, "default": DEFAULT_COUNT,
     "description": "The most resources on the page; 0 only counts."},
    {**TEXT, "description": "Empty for the first page, then the nextCursor of the page before (RFC 9865)."},
), strict=True))
"""What a search may have, in a URL or in a message."""
SHOWN = PARAMETERS[:2]
"""The parameters that choose what a response shows."""


def message_schemas() -> dict[str, JsonSchema]:
    """Return the schemas of all messages by their names."""
    return {
        ERROR: _error(), PATCH: _patch(), SEARCH: _search(), BULK_REQUEST: _bulk_request(),
        BULK_RESPONSE: _bulk_response(), TOKEN_REQUEST: _token_request(), TOKEN_RESPONSE: _token_response(),
        TOKEN_ERROR: object_schema({"error": TEXT, "error_description": TEXT}, ["error"], "RFC 6749 section 5.2."),
    }


def list_schema(resources: JsonSchema) -> JsonSchema:
    """Return the schema of a ListResponse with resources of a kind."""
    return _message(LIST_RESPONSE_URN, {
        "totalResults": {**NUMBER, "description": "How many resources match, on all pages."},
        "startIndex": {**NUMBER, "description": "The number of the first one here; absent with a cursor."},
        "itemsPerPage": {**NUMBER, "description": "How many are here."},
        "nextCursor": {**TEXT, "description": "The cursor of the next page; absent on the last page."},
        "previousCursor": {**TEXT, "description": "The cursor of the page before."},
        "Resources": array_of(resources),
    }, ["totalResults", "itemsPerPage", "Resources"], "One page of a list.")


def _message(urn: str, properties: dict[str, JsonSchema], required: list[str], description: str) -> JsonSchema:
    schemas = {"schemas": array_of({"const": urn})}
    return object_schema({**schemas, **properties}, ["schemas", *required], description)


def _error() -> JsonSchema:
    kinds = {getattr(each, "scim_type", None) for each in vars(errors).values()} - {None}
    return _message(ERROR_URN, {
        "status": {**TEXT, "description": "The HTTP status."},
        "scimType": {**TEXT, "enum": sorted(kinds), "description": "The kind of error, if the RFC has one."},
        "detail": {**TEXT, "description": "What was wrong, for people."},
    }, ["status"], "An error (RFC 7644 section 3.12).")


def _patch() -> JsonSchema:
    operation = object_schema({
        "op": {**TEXT, "enum": list(OPERATIONS)},
        "path": {**TEXT, "description": "An attribute, a sub-attribute, or the values that match a filter."},
        "value": {"description": "The new value; without a path, an object of attributes."},
    }, ["op"])
    operations = {**array_of(operation), "minItems": 1, "maxItems": MAX_OPERATIONS}
    return _message(PATCH_URN, {"Operations": operations}, ["Operations"], "Changes, made in their order.")


def _search() -> JsonSchema:
    properties = {name: {**schema} for name, schema in SEARCH_PARAMETERS.items()}
    for name in SHOWN:
        properties[name] |= {"type": "array", "items": TEXT}
    properties["filter"]["maxLength"] = LONGEST_IN_BODY
    return _message(SEARCH_REQUEST_URN, properties, [], "A search by POST (RFC 7644 section 3.4.3).")


def _bulk_request() -> JsonSchema:
    operation = object_schema({
        "method": {**TEXT, "enum": list(METHODS)},
        "path": {**TEXT, "description": "Such as `/Users`, or `/Users/<id>`."},
        "bulkId": {**TEXT, "description": "A name for the resource, required with POST: `bulkId:NAME` refers to it."},
        "version": {**TEXT, "description": "The version that the resource must have."},
        "data": {"type": "object", "description": "What would be the body of the request."},
    }, ["method", "path"])
    return _message(BULK_REQUEST_URN, {
        "failOnErrors": {**NUMBER, "minimum": 1, "description": "After how many errors to stop."},
        "Operations": {**array_of(operation), "minItems": 1, "maxItems": MOST_IN_BULK},
    }, ["Operations"], "Several requests in one (RFC 7644 section 3.7).")


def _bulk_response() -> JsonSchema:
    result = object_schema({
        "method": TEXT, "bulkId": TEXT, "location": TEXT, "version": TEXT, "status": TEXT,
        "response": {"description": "The error; or the resource, where the client prefers representations."},
    }, ["status"])
    return _message(BULK_RESPONSE_URN, {"Operations": array_of(result)}, ["Operations"], "The outcomes.")


def _token_request() -> JsonSchema:
    return object_schema({
        "grant_type": {"const": "client_credentials"},
        "scope": {**TEXT, "description": "Scopes with blanks between them; without it, all that the client has."},
        "client_id": TEXT,
        "client_secret": {**TEXT, "description": "Or HTTP basic authentication with both, or an assertion."},
        "client_assertion_type": TEXT,
        "client_assertion": {**TEXT, "description": "A JWT of an issuer that the tenant trusts."},
    }, ["grant_type"], "RFC 6749 section 4.4.")


def _token_response() -> JsonSchema:
    return object_schema({
        "access_token": TEXT, "token_type": {"const": "Bearer"}, "expires_in": {**NUMBER, "description": "In seconds."},
        "scope": TEXT,
    }, ["access_token", "token_type", "expires_in"], "An access token.")
