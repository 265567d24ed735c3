"""The OpenAPI document: its paths, and the components that they refer to."""

from __future__ import annotations

from typing import Any

from app.errors import Gone, ScimError, TooManyRequests, Unauthorized, Unavailable
from app.openapi.feed import feed_paths, feed_schemas
from app.openapi.messages import (
    ALL,
    ERROR,
    SEARCH_PARAMETERS,
    TEXT,
    TOKEN_ERROR,
    TOKEN_REQUEST,
    TOKEN_RESPONSE,
    list_schema,
    message_schemas,
)
from app.openapi.operations import (
    BEARER,
    ERRORS,
    OAUTH,
    SCOPES,
    Paths,
    answer,
    body,
    headers,
    in_tenant,
    operation,
    scim_paths,
)
from app.openapi.resources import (
    JsonSchema,
    description_schema,
    list_name,
    object_schema,
    reference,
    request_name,
    request_schema,
    response_name,
    response_schema,
)
from app.openapi.streams import stream_paths, stream_schemas
from app.protocol.messages import FORM, JSON
from app.schemas.resource_type import Catalogue
from app.schemas.tables.service_provider import DISCOVERY_SCHEMAS, RESOURCE_TYPE, SCHEMA

_ABOUT = (
    "Users and groups of each customer, by SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865). A customer is a tenant, with a URL "
    "and credentials of its own. What a tenant requires beyond this document is in its /Schemas, as are attributes "
    "that an operator has added for that tenant alone. Attributes' names are case-insensitive; each GET may be a HEAD."
)
_PLACEHOLDER = "TENANT"
"""Stands for a tenant's name where OpenAPI has no parameters."""


def openapi_document(catalogue: Catalogue, base_url: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document for the resource types that all tenants have; `base_url` is the server's URL.

    It is the same for all clients, and names no tenant.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": "scimd", "version": "2.0", "description": _ABOUT},
        "servers": [{"url": base_url}],
        "paths": {**scim_paths(catalogue.types), **feed_paths(), **stream_paths(), **_oauth_paths(), **_server_paths()},
        "components": {
            "schemas": _schemas(catalogue),
            "parameters": _parameters(),
            "headers": _headers(),
            "responses": {each.__name__: _error_response(each) for each in (ScimError, *ERRORS)},
            "securitySchemes": _security_schemes(base_url),
        },
    }


def _oauth_paths() -> Paths:
    issued = answer("An access token.", TOKEN_RESPONSE, mimetypes=[JSON])
    refused = answer("The request is refused.", TOKEN_ERROR, mimetypes=[JSON])
    later = answer("The request is refused for now.", TOKEN_ERROR, mimetypes=[JSON], headers=headers("Retry-After"))
    described = answer("The metadata (RFC 8414).", "oauth.Metadata", mimetypes=[JSON])
    token = operation(
        "oauth.issue", "Issue an access token to an OAuth 2.0 client.",
        {"200": issued, "400": refused, "401": refused, "429": later, "503": later, "default": refused}, [], scope=None,
        requestBody=body(TOKEN_REQUEST, [FORM]), tags=["OAuth 2.0"],
    )

    def metadata(name: str) -> dict[str, Any]:
        summary = "Describe the authorization server of a tenant."
        found = {"200": described, "default": refused}
        return in_tenant(get=operation(name, summary, found, [], scope=None, tags=["OAuth 2.0"]))

    return {
        "/{tenant}/oauth/token": in_tenant(post=token),
        "/{tenant}/.well-known/oauth-authorization-server": metadata("oauth.describe"),
        "/.well-known/oauth-authorization-server/{tenant}": metadata("oauth.describeIssuer"),
    }


def _server_paths() -> Paths:
    def path(name: str, summary: str, schema: str, *errors: type[ScimError]) -> dict[str, Any]:
        found = {"200": answer(summary, schema, mimetypes=[JSON])}
        return {"get": operation(name, summary, found, errors, scope=None, tags=["Server"])}

    return {
        "/healthz": path("server.alive", "The process runs.", "server.Status"),
        "/readyz": path("server.ready", "The database answers.", "server.Status", Unavailable),
        "/openapi.json": path("server.openapi", "This document.", "server.Openapi"),
    }


def _schemas(catalogue: Catalogue) -> dict[str, JsonSchema]:
    found: dict[str, JsonSchema] = {}
    for resource_type in catalogue.types:
        found[response_name(resource_type)] = response_schema(resource_type)
        found[request_name(resource_type)] = request_schema(resource_type)
        found[list_name(resource_type)] = list_schema(reference(response_name(resource_type)))
    found[ALL] = list_schema({"anyOf": [reference(response_name(each)) for each in catalogue.types]})
    found |= {f"scim.{schema.name}": description_schema(schema) for schema in DISCOVERY_SCHEMAS}
    found |= {f"scim.{each.name}.List": list_schema(reference(f"scim.{each.name}")) for each in (RESOURCE_TYPE, SCHEMA)}
    return found | message_schemas() | feed_schemas(catalogue.types) | stream_schemas() | {
        "oauth.Metadata": object_schema({"issuer": TEXT, "token_endpoint": TEXT}, ["issuer", "token_endpoint"]),
        "server.Status": object_schema({"status": TEXT}, ["status"]),
        "server.Openapi": object_schema({"openapi": TEXT}, ["openapi"]),
    }


def _parameters() -> dict[str, Any]:
    def parameter(place: str, name: str, schema: JsonSchema, description: str) -> dict[str, Any]:
        required = {"required": True} if place == "path" else {}
        return {"name": name, "in": place, **required, "description": description, "schema": schema}

    paths = {
        "tenant": "The customer's name, as in the URL that the operator hands out.",
        "id": "The id of the resource.",
        "name": "The name of a resource type, such as User.",
        "urn": "The URN of a schema.",
    }
    headers_sent = {
        "If-Match": "Refuse the request with 412 unless the resource has this version.",
        "If-None-Match": "Answer 304 if the resource has this version.",
        "Prefer": "`return=minimal` for a response without a body, `return=representation` for one with the resource.",
    }
    found = {name: parameter("path", name, TEXT, text) for name, text in paths.items()}
    found |= {name: parameter("header", name, TEXT, text) for name, text in headers_sent.items()}
    for name, schema in SEARCH_PARAMETERS.items():
        plain = {key: value for key, value in schema.items() if key != "description"}
        found[name] = parameter("query", name, plain, schema["description"])
    return found


def _headers() -> dict[str, Any]:
    return {
        "ETag": {"description": 'The version of the resource, such as W/"3".', "schema": TEXT},
        "Link": {"description": "Where the snapshot is, with which to begin anew.", "schema": TEXT},
        "Location": {"description": "The URL of the resource.", "schema": TEXT},
        "Retry-After": {"description": "Seconds after which to send the request again.", "schema": {"type": "integer"}},
        "WWW-Authenticate": {"description": "How to authenticate, and what is wrong (RFC 6750).", "schema": TEXT},
    }


def _error_response(error: type[ScimError]) -> dict[str, Any]:
    names = {Unauthorized: "WWW-Authenticate", TooManyRequests: "Retry-After", Unavailable: "Retry-After", Gone: "Link"}
    more = {"headers": headers(names[error])} if error in names else {}
    return answer((error.__doc__ or "").partition("\n")[0], ERROR, **more)


def _security_schemes(base_url: str) -> dict[str, Any]:
    return {
        BEARER: {"type": "http", "scheme": "bearer", "description": "A token that an operator has issued."},
        OAUTH: {
            "type": "oauth2",
            "description": f"A client that an operator has created. Put the tenant's name in place of {_PLACEHOLDER}.",
            "flows": {"clientCredentials": {
                "tokenUrl": f"{base_url}/{_PLACEHOLDER}/oauth/token", "scopes": SCOPES,
            }},
        },
    }
