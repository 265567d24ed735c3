"""The messages of Bulk (RFC 7644 section 3.7): a BulkRequest is read as operations, which become a BulkResponse."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import InvalidPath, InvalidSyntax, InvalidValue, PayloadTooLarge, ScimError
from app.protocol.messages import BULK_REQUEST_URN, BULK_RESPONSE_URN, PATCH_URN, check_urn, error_message
from app.protocol.profile import Profile

MOST_OPERATIONS = 1_000
METHODS = ("POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"^/?(?:v2/)?([A-Za-z][\w-]*)(?:/([^/?#]+))?/?$")


@dataclass(frozen=True)
class Outcome:
    """The result of one operation that succeeded."""

    status: int
    location: str = ""
    version: str = ""
    resource_id: str = ""
    resource: Any = None
    """The resource in the response, in a form that the JSON encoder takes; None leaves it out."""


@dataclass(frozen=True)
class Call:
    """One operation as the provider receives it, as if it came alone."""

    method: str
    endpoint: str
    resource_id: str | None = None
    data: Any = None
    version: str | None = None


@dataclass
class Operation:
    """One operation of the request, and its result."""

    index: int
    method: str = ""
    endpoint: str = ""
    resource_id: str | None = None
    bulk_id: str | None = None
    data: Any = None
    version: str | None = None
    error: ScimError | None = None
    outcome: Outcome | None = None
    done: bool = False
    later: list[dict[str, Any]] = field(default_factory=list)
    """References in a circle, to be added once their targets exist: values of PATCH operations `add` without a path."""

    def call(self, data: Any) -> Call:
        """Return the call for this operation, with `data` in place of its own."""
        return Call(self.method, self.endpoint, self.resource_id, data, self.version)


def read_bulk(payload: Mapping[str, Any], profile: Profile) -> tuple[list[Operation], int | None]:
    """Return the operations of a BulkRequest and its `failOnErrors`.

    An operation that cannot be read has an `error`. Raises InvalidSyntax and InvalidValue for the message itself, and
    PayloadTooLarge for too many operations.
    """
    given = {key.lower(): value for key, value in payload.items()}
    check_urn(given, BULK_REQUEST_URN)
    items = given.get("operations")
    if not isinstance(items, list) or not items:
        raise InvalidSyntax("Operations: must be an array with at least one operation.")
    if len(items) > MOST_OPERATIONS:
        raise PayloadTooLarge(f"Operations: must have at most {MOST_OPERATIONS} operations, not {len(items)}.")
    limit = given.get("failonerrors")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidValue("failOnErrors: must be a whole number from 1.", cause="bad-body")
    return _read(items, profile), limit


def bulk_response(operations: list[Operation], locate: Callable[[str, str], str]) -> dict[str, Any]:
    """Return the BulkResponse for the operations that ran; `locate` returns the URI for an endpoint and an id."""
    results = [_result(operation, locate) for operation in operations if operation.done]
    return {"schemas": [BULK_RESPONSE_URN], "Operations": results}


def _read(items: list[Any], profile: Profile) -> list[Operation]:
    operations = [Operation(index) for index in range(len(items))]
    seen: set[str] = set()
    for operation, item in zip(operations, items, strict=True):
        try:
            _read_one(operation, item, profile)
            if operation.bulk_id is not None:
                if operation.bulk_id in seen:
                    operation.bulk_id, taken = None, operation.bulk_id
                    raise InvalidValue(f"bulkId: {taken} is used by two operations.", cause="bad-body")
                seen.add(operation.bulk_id)
        except ScimError as error:
            operation.error = error
    return operations


def _read_one(operation: Operation, item: Any, profile: Profile) -> None:
    """Fill an operation from its JSON; raises a ScimError, with everything filled that could be read before."""
    if not isinstance(item, dict):
        raise InvalidSyntax("An operation must be an object.")
    given = {key.lower(): value for key, value in item.items()}
    method, path, bulk_id, version = (given.get(key) for key in ("method", "path", "bulkid", "version"))
    operation.method = method.upper() if isinstance(method, str) else ""
    if isinstance(bulk_id, str) and bulk_id:
        operation.bulk_id = bulk_id
    operation.data = given.get("data")
    if profile.loose_bulk and operation.method == "PATCH" and isinstance(operation.data, list):
        operation.data = {"schemas": [PATCH_URN], "Operations": operation.data}
    if operation.method not in METHODS:
        raise InvalidSyntax(f"method: must be one of {', '.join(METHODS)}.")
    match = _PATH.match(path) if isinstance(path, str) else None
    if match is None:
        raise InvalidPath("path: must be the path of a resource type or a resource, e.g. /Users or /Users/<id>.")
    operation.endpoint, operation.resource_id = match[1], match[2]
    if operation.method == "POST" and operation.bulk_id is None and not (profile.loose_bulk and bulk_id is None):
        raise InvalidSyntax("bulkId: a POST must have one.")
    if version is not None and not isinstance(version, str):
        raise InvalidValue("version: must be a string.", cause="bad-body")
    operation.version = version
    if operation.method != "DELETE" and not isinstance(operation.data, dict):
        raise InvalidSyntax("data: must be an object.")


def _result(operation: Operation, locate: Callable[[str, str], str]) -> dict[str, Any]:
    """Return an operation as the response contains it."""
    result: dict[str, Any] = {"method": operation.method} if operation.method else {}
    if operation.bulk_id is not None:
        result["bulkId"] = operation.bulk_id
    outcome, error = operation.outcome, operation.error
    location = outcome.location if outcome else ""
    named = operation.resource_id if operation.method != "POST" else None
    if outcome is None and named and not named.startswith("bulkId:"):
        # Only a POST that failed has no location (RFC 7644 section 3.7.3).
        location = locate(operation.endpoint, named)
    if location:
        result["location"] = location
    if error is not None:
        return result | {"status": str(error.status), "response": error_message(error)}
    assert outcome is not None
    if outcome.version:
        result["version"] = outcome.version
    if outcome.resource is not None:
        result["response"] = outcome.resource
    return result | {"status": str(outcome.status)}
