"""The paths of the API and what each method does; the texts are short, since the RFCs have the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    NotImplementedHere,
    PayloadTooLarge,
    PreconditionFailed,
    ScimError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from app.openapi.messages import (
    ALL,
    BULK_REQUEST,
    BULK_RESPONSE,
    PATCH,
    SEARCH,
    SEARCH_PARAMETERS,
    SHOWN,
)
from app.openapi.resources import list_name, reference, request_name, response_name
from app.protocol.messages import JSON, SCIM_JSON
from app.schemas.resource_type import ResourceType
from app.schemas.tables.service_provider import CONFIG, RESOURCE_TYPE, SCHEMA
from app.schemas.tables.user import USER_TYPE

Operation = dict[str, Any]
Paths = dict[str, dict[str, Any]]
READ, WRITE = "scim.read", "scim.write"
EVENTS = "events.read"
SCOPES = {
    READ: "Read users, groups and other resources.",
    WRITE: "Create, change and delete them.",
    EVENTS: "Read the feed of changes, the snapshot, and streams.",
}
OAUTH, BEARER = "oauth", "token"
"""The names of the security schemes."""
PREFIX = "/{tenant}/scim/v2"
EVERYWHERE = (Unauthorized, Forbidden, TooManyRequests, Unavailable)
WRITING = (*EVERYWHERE, BadRequest, PayloadTooLarge, UnsupportedMediaType)
ERRORS = (*WRITING, NotFound, Conflict, Gone, PreconditionFailed, NotImplementedHere)
"""The errors that the document describes one by one; all others are the response `default`."""


def scim_paths(types: Iterable[ResourceType]) -> Paths:
    """Return the paths below a tenant's SCIM URL, with those of each resource type."""
    paths: Paths = {}
    for resource_type in types:
        paths |= _type_paths(resource_type)
    return {**paths, **_all_types(), **_bulk(), **_me(), **_discovery()}


def operation(
    name: str, summary: str, responses: dict[str, Any], errors: Iterable[type[ScimError]] = EVERYWHERE,
    *, scope: str | None = READ, **more: Any,
) -> Operation:
    """Return an operation: its id, a sentence, its responses, the errors it has, and who may use it.

    `scope` None means that no credential is needed. `more` has parameters and the body.
    """
    refused = {str(each.status): error_response(each) for each in errors}
    security: list[dict[str, list[str]]] = [] if scope is None else [{BEARER: []}, {OAUTH: [scope]}]
    found = dict(sorted({"default": error_response(ScimError), **responses, **refused}.items()))
    return {"operationId": name, "summary": summary, **more, "responses": found, "security": security}


def error_response(error: type[ScimError]) -> dict[str, str]:
    """Return a reference to the response for an error."""
    return reference(error.__name__, "responses")


def answer(
    description: str, schema: str = "", *, mimetypes: Iterable[str] = (SCIM_JSON, JSON), **more: Any
) -> dict[str, Any]:
    """Return a response, with a body if there is a schema for it."""
    content = {"content": {kind: {"schema": reference(schema)} for kind in mimetypes}} if schema else {}
    return {"description": description, **more, **content}


def body(schema: str, mimetypes: Iterable[str] = (SCIM_JSON, JSON)) -> dict[str, Any]:
    """Return the body of a request."""
    return {"required": True, "content": {kind: {"schema": reference(schema)} for kind in mimetypes}}


def headers(*names: str) -> dict[str, dict[str, str]]:
    """Return references to headers of the document."""
    return {name: reference(name, "headers") for name in names}


def parameters(*names: str) -> list[dict[str, str]]:
    """Return references to parameters of the document."""
    return [reference(name, "parameters") for name in names]


def in_tenant(*names: str, **operations: Operation) -> dict[str, Any]:
    """Return a path below a tenant, with these parameters in it."""
    return {"parameters": parameters("tenant", *names), **operations}


def _type_paths(resource_type: ResourceType) -> Paths:
    endpoint = f"{PREFIX}{resource_type.endpoint}"
    return {
        endpoint: in_tenant(**_collection(resource_type)),
        f"{endpoint}/.search": in_tenant(post=_search(resource_type)),
        f"{endpoint}/{{id}}": in_tenant("id", **_resource(resource_type)),
    }


def _collection(resource_type: ResourceType) -> dict[str, Operation]:
    """Return the operations on a type's endpoint."""
    name, plural = resource_type.name, resource_type.endpoint.strip("/")
    found = {"200": answer("One page.", list_name(resource_type))}
    created = answer("It is created.", response_name(resource_type), headers=headers("ETag", "Location"))
    return {
        "get": operation(
            f"{plural}.list", f"Search among the {plural}.", found, (*EVERYWHERE, BadRequest), tags=[plural],
            parameters=parameters(*SEARCH_PARAMETERS),
        ),
        "post": operation(
            f"{plural}.create", f"Create a {name}.", {"201": created}, (*WRITING, Conflict), scope=WRITE, tags=[plural],
            requestBody=body(request_name(resource_type)), parameters=parameters("Prefer", *SHOWN),
        ),
    }


def _search(resource_type: ResourceType) -> Operation:
    plural = resource_type.endpoint.strip("/")
    found = {"200": answer("One page.", list_name(resource_type))}
    summary = f"Search among the {plural}, with the search in the body."
    return operation(f"{plural}.search", summary, found, WRITING, requestBody=body(SEARCH), tags=[plural])


def _resource(resource_type: ResourceType) -> dict[str, Operation]:
    """Return the operations on one resource."""
    name, plural = resource_type.name, resource_type.endpoint.strip("/")
    one = {"200": answer("The resource.", response_name(resource_type), headers=headers("ETag"))}
    unchanged, deleted = answer("The client has this version already."), answer("It is deleted.")
    without_body = answer("It is changed; the response has no body.", headers=headers("ETag"))
    changing = (*WRITING, NotFound, Conflict, PreconditionFailed)
    conditional = parameters("If-Match", "Prefer", *SHOWN)
    return {
        "get": operation(
            f"{plural}.get", f"Read a {name}.", {**one, "304": unchanged},
            (*EVERYWHERE, BadRequest, NotFound, PreconditionFailed),
            tags=[plural], parameters=parameters("If-Match", "If-None-Match", *SHOWN),
        ),
        "put": operation(
            f"{plural}.replace", f"Replace a {name}.", {**one, "204": without_body}, changing,
            scope=WRITE, tags=[plural], parameters=conditional, requestBody=body(request_name(resource_type)),
        ),
        "patch": operation(
            f"{plural}.patch", f"Change a {name}.", {**one, "204": without_body}, changing, scope=WRITE, tags=[plural],
            parameters=conditional, requestBody=body(PATCH),
        ),
        "delete": operation(
            f"{plural}.delete", f"Delete a {name}.", {"204": deleted}, (*EVERYWHERE, NotFound, PreconditionFailed),
            scope=WRITE, tags=[plural], parameters=parameters("If-Match"),
        ),
    }


def _all_types() -> Paths:
    listed, tags = {"200": answer("One page.", ALL)}, ["All types"]
    return {
        f"{PREFIX}/": in_tenant(get=operation(
            "list", "Search among the resources of all types.", listed, (*EVERYWHERE, BadRequest),
            tags=tags, parameters=parameters(*SEARCH_PARAMETERS))),
        f"{PREFIX}/.search": in_tenant(post=operation(
            "search", "Search among the resources of all types, with the search in the body.", listed,
            WRITING, tags=tags, requestBody=body(SEARCH))),
    }


def _bulk() -> Paths:
    done = {"200": answer("Each operation has its own outcome.", BULK_RESPONSE)}
    return {f"{PREFIX}/Bulk": in_tenant(post=operation(
        "Bulk.run", "Send several requests in one.", done, WRITING, scope=WRITE,
        requestBody=body(BULK_REQUEST), parameters=parameters("Prefer"), tags=["Bulk"]))}


def _me() -> Paths:
    """Return the path of the user that the credential belongs to: the operations on a user, without its id."""
    user = _type_paths(USER_TYPE)[f"{PREFIX}{USER_TYPE.endpoint}/{{id}}"]
    missing = {str(NotImplementedHere.status): error_response(NotImplementedHere)}
    mine = {
        method: {
            **found, "operationId": f"Me.{method}", "summary": "The same for the user of the credential.",
            "responses": {**found["responses"], **missing}, "tags": ["Me"],
        }
        for method, found in user.items() if method != "parameters"
    }
    return {f"{PREFIX}/Me": in_tenant(**mine)}


def _discovery() -> Paths:
    """Return the paths of discovery; `rfc` needs no credential for any of them, the other profiles for all but one."""
    kinds = {
        "ServiceProviderConfig": (CONFIG.name, "What the server supports.", None),
        "ResourceTypes": (f"{RESOURCE_TYPE.name}.List", "The resource types.", READ),
        "ResourceTypes/{name}": (RESOURCE_TYPE.name, "One resource type.", READ),
        "Schemas": (f"{SCHEMA.name}.List", "The schemas: every attribute with its characteristics.", READ),
        "Schemas/{urn}": (SCHEMA.name, "One schema.", READ),
    }
    paths: Paths = {}
    for path, (schema, summary, scope) in kinds.items():
        place, _, inner = path.partition("/")
        verb = "list" if schema.endswith(".List") else "get"
        found, names = {"200": answer(summary, f"scim.{schema}")}, [inner.strip("{}")] if inner else []
        errors = (*EVERYWHERE, NotFound) if inner else EVERYWHERE
        paths[f"{PREFIX}/{path}"] = in_tenant(
            *names, get=operation(f"{place}.{verb}", summary, found, errors, scope=scope, tags=["Discovery"])
        )
    return paths
