"""What is true of every response to Entra, whatever the request; what one response must contain is in its recording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.entra.client import Answer

MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"
EXTENSION = "urn:ietf:params:scim:schemas:extension:"
SCIM_TYPES = {
    "invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget", "invalidValue",
    "invalidVers", "sensitive", "invalidCursor", "expiredCursor", "invalidCount",
}  # fmt: skip
BOOLEANS = ("active", "primary")


def broken_laws(answer: Answer, media_type: str = "application/scim+json") -> Iterator[str]:
    """Yield a line for each law that the response breaks; `media_type` is the one that it must have."""
    if 300 <= answer.status < 400:
        yield f"a redirect ({answer.status}) to {answer.headers.get('Location')}"
    if answer.status >= 500:
        yield f"status {answer.status}: {answer.text[:600]}"
    if answer.status == 204:
        if answer.text:
            yield f"204 with a body: {answer.text[:200]}"
        return
    if answer.headers.get("Content-Type", "").split(";")[0] != media_type:
        yield f"Content-Type is {answer.headers.get('Content-Type')}"
    if not isinstance(answer.json, dict):
        yield f"the body is no JSON object: {answer.text[:200]}"
    elif answer.status >= 400:
        yield from error_laws(answer, answer.json)
    elif answer.json.get("schemas") == [MESSAGES + "ListResponse"]:
        yield from list_laws(answer.json)
    elif answer.json.get("schemas") == [MESSAGES + "BulkResponse"]:
        yield from bulk_laws(answer.json)
    else:
        yield from resource_laws(answer.json)
        location = answer.json.get("meta", {}).get("location")
        if answer.status == 201 and (not location or answer.headers.get("Location") != location):
            yield f"the Location header is {answer.headers.get('Location')}, meta.location is {location}"


def broken_token_laws(answer: Answer) -> Iterator[str]:
    """RFC 6749 sections 5.1 and 5.2: plain JSON that is never cached, with a token or an error."""
    if answer.headers.get("Content-Type") != "application/json" or answer.headers.get("Cache-Control") != "no-store":
        yield f"the headers are {answer.headers}"
    if not isinstance(answer.json, dict) or ("access_token" in answer.json) != (answer.status == 200):
        yield f"status {answer.status}: {answer.text[:200]}"
    if answer.status == 401 and not answer.headers.get("WWW-Authenticate", "").startswith("Basic"):
        yield f"401 with WWW-Authenticate {answer.headers.get('WWW-Authenticate')!r}"


def bulk_laws(bulk: dict[str, Any]) -> Iterator[str]:
    """RFC 7644 section 3.7.3: each operation has a status as a string, and what was stored has a location."""
    for operation in bulk["Operations"]:
        if not isinstance(operation.get("status"), str):
            yield f"the status of an operation is {operation.get('status')!r}"
        elif operation["status"] < "300" and not operation.get("location"):
            yield f"an operation has no location: {operation}"


def error_laws(answer: Answer, error: dict[str, Any]) -> Iterator[str]:
    """RFC 7644 section 3.12: an Error message with its status as a string, and a detail."""
    if error.get("schemas") != [MESSAGES + "Error"]:
        yield f"the schemas of an error are {error.get('schemas')}"
    if error.get("status") != str(answer.status):
        yield f"the status of the error is {error.get('status')!r}, that of the answer {answer.status}"
    if not isinstance(error.get("detail"), str) or not error["detail"]:
        yield f"the detail of the error is {error.get('detail')!r}"
    if "scimType" in error and error["scimType"] not in SCIM_TYPES:
        yield f"no such scimType: {error['scimType']!r}"
    if answer.status == 400 and "scimType" not in error:
        yield "400 without a scimType"
    if answer.status == 401 and not answer.headers.get("WWW-Authenticate", "").startswith("Bearer"):
        yield f"401 with WWW-Authenticate {answer.headers.get('WWW-Authenticate')!r}"
    if "Traceback" in answer.text:
        yield "a traceback"


def list_laws(message: dict[str, Any]) -> Iterator[str]:
    """RFC 7644 section 3.4.2: every list has all its members, even an empty one."""
    resources = message.get("Resources")
    if not isinstance(resources, list):
        yield f"Resources is {resources!r}"
        return
    if message.get("itemsPerPage") != len(resources):
        yield f"itemsPerPage is {message.get('itemsPerPage')!r} for {len(resources)} resources"
    if not isinstance(message.get("totalResults"), int) or message["totalResults"] < len(resources):
        yield f"totalResults is {message.get('totalResults')!r} for {len(resources)} resources"
    if not isinstance(message.get("startIndex"), int):
        yield f"startIndex is {message.get('startIndex')!r}"
    for resource in resources:
        yield from resource_laws(resource)


def resource_laws(resource: dict[str, Any]) -> Iterator[str]:
    """Types as in the schema, an id, and `schemas` that match the data: Entra drops a resource with a wrong type."""
    schemas = resource.get("schemas")
    if not isinstance(schemas, list) or not schemas:
        yield f"the schemas of a resource are {schemas!r}"
        return
    if any(urn.endswith((":ServiceProviderConfig", ":Schema", ":ResourceType")) for urn in schemas):
        return
    if not isinstance(resource.get("id"), str) or not resource["id"]:
        yield f"the id of a resource is {resource.get('id')!r}"
    for urn in {key for key in resource if key.startswith(EXTENSION)}:
        if urn not in schemas:
            yield f"there is data under {urn}, which schemas does not name"
    if "meta" in resource:  # the resource is complete
        for urn in schemas:
            if urn.startswith(EXTENSION) and urn not in resource:
                yield f"schemas names {urn}, which has no data"
    yield from value_laws(resource, "")


def value_laws(value: Any, where: str) -> Iterator[str]:
    """No null, nothing empty, nothing private, and every boolean is one."""
    if value is None or value == [] or value == {}:
        yield f"{where} is {value!r}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            here = f"{where}/{key}"
            if key.startswith("_"):
                yield f"{here} is private"
            if key in BOOLEANS and not isinstance(inner, bool):
                yield f"{here} is {inner!r}, and no boolean"
            if key == "manager" and not isinstance(inner, dict):
                yield f"{here} is {inner!r}, and no object"
            yield from value_laws(inner, here)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from value_laws(inner, f"{where}/{index}")
