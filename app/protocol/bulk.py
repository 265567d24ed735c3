"""Bulk (RFC 7644 section 3.7): many operations in one request, each carried out by the provider as if it came alone.

Operations run in their order, but for one that names a resource that a later one creates (`bulkId:...`): that one is
run first. Where resources name each other in a circle, one is created without the reference, which is added when the
others are there; RFC 7644 section 3.7.1 asks to try, and that works unless one of the others fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from app.errors import Conflict, InvalidPath, InvalidSyntax, InvalidValue, PayloadTooLarge, ScimError
from app.protocol.message import check_urn

REQUEST_URN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
PATCH_URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MOST_OPERATIONS = 1_000
METHODS = ("POST", "PUT", "PATCH", "DELETE")
_REFERENCE = re.compile(r'(?:^|(?<=[/"]))bulkId:([^"\s\])]+)(?=$|")')
"""A whole value, the end of a path or URI, or a string in a filter; what only talks of one is left alone."""
_PATH = re.compile(r"^/?(?:v2/)?([A-Za-z][\w-]*)(?:/([^/?#]+))?/?$")


@dataclass(frozen=True)
class Outcome:
    """What the provider made of one operation."""

    status: int
    location: str = ""
    version: str = ""
    resource_id: str = ""


Execute = Callable[[str, str, str | None, Any, str | None], Outcome]
"""Method, endpoint, id, data, version -> outcome; raises ScimError."""
Refused = Callable[[str, str, str | None, Any, ScimError], None]
"""Is told of each operation that failed: method, endpoint, id and data as far as they are known, and why."""
Locate = Callable[[str, str], str]
"""Endpoint, id -> where that resource is; nothing where there is no such endpoint."""


@dataclass
class Operation:
    """One operation of the request, and what became of it."""

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
    """References of a circle, to be added when what they name is there: values of a PATCH `add` without a path."""


def run_bulk(
    payload: Mapping[str, Any], execute: Execute, locate: Locate, refused: Refused, *,
    most_operations: int = MOST_OPERATIONS,
) -> dict[str, Any]:
    """Carry out a BulkRequest and give the BulkResponse.

    Raises InvalidSyntax and InvalidValue for the message itself, PayloadTooLarge for too many operations; what goes
    wrong with an operation is in its part of the response.
    """
    given = {key.lower(): value for key, value in payload.items()}
    check_urn(given, REQUEST_URN)
    items = given.get("operations")
    if not isinstance(items, list) or not items:
        raise InvalidSyntax("Operations: must be an array with at least one operation.")
    if len(items) > most_operations:
        raise PayloadTooLarge(f"Operations: {len(items)} are more than the {most_operations} that a request may have.")
    limit = given.get("failonerrors")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidValue("failOnErrors: must be a whole number from 1.")
    return _Run(_read(items), execute, refused, limit).response(locate)


def _read(items: list[Any]) -> list[Operation]:
    operations = [Operation(index) for index in range(len(items))]
    seen: set[str] = set()
    for operation, item in zip(operations, items, strict=True):
        try:
            _read_one(operation, item)
            if operation.bulk_id is not None:
                if operation.bulk_id in seen:
                    operation.bulk_id, taken = None, operation.bulk_id
                    raise InvalidValue(f"bulkId: {taken} is given to two operations.")
                seen.add(operation.bulk_id)
        except ScimError as error:
            operation.error = error
    return operations


def _read_one(operation: Operation, item: Any) -> None:
    if not isinstance(item, dict):
        raise InvalidSyntax("An operation must be an object.")
    given = {key.lower(): value for key, value in item.items()}
    method, path, bulk_id, version = (given.get(key) for key in ("method", "path", "bulkid", "version"))
    operation.method = method.upper() if isinstance(method, str) else ""
    if isinstance(bulk_id, str) and bulk_id:
        operation.bulk_id = bulk_id
    operation.data = given.get("data")
    if operation.method not in METHODS:
        raise InvalidSyntax(f"method: must be one of {', '.join(METHODS)}.")
    match = _PATH.match(path) if isinstance(path, str) else None
    if match is None:
        raise InvalidPath("path: must be the path of a resource type or a resource, e.g. /Users or /Users/<id>.")
    operation.endpoint, operation.resource_id = match[1], match[2]
    if operation.method == "POST" and operation.bulk_id is None:
        raise InvalidSyntax("bulkId: a POST must have one.")
    if version is not None and not isinstance(version, str):
        raise InvalidValue("version: must be a string.")
    operation.version = version
    if operation.method != "DELETE" and not isinstance(operation.data, dict):
        raise InvalidSyntax("data: must be an object.")


class _Run:
    """One bulk request on its way."""

    def __init__(self, operations: list[Operation], execute: Execute, refused: Refused, limit: int | None) -> None:
        self._operations = operations
        self._execute = execute
        self._refused = refused
        self._limit = limit
        self._errors = 0
        self._creators = {op.bulk_id: op for op in operations if op.method == "POST" and op.bulk_id}

    def response(self, locate: Locate) -> dict[str, Any]:
        for operation in self._operations:
            self._with_what_it_needs(operation)
        for operation in self._operations:
            if operation.later and operation.outcome:  # what it names has not been run: `failOnErrors`
                self._add_later(operation)
        shown = [_shown(operation, locate) for operation in self._operations if operation.done]
        return {"schemas": [RESPONSE_URN], "Operations": shown}

    def _with_what_it_needs(self, first: Operation) -> None:
        """Run an operation after those that create what it names; a stack, since a chain may be a thousand long."""
        stack, open_ones = [first], {first.index}
        while stack:
            operation = stack[-1]
            needed = next((op for op in self._needs(operation) if not op.done and op.index not in open_ones), None)
            if needed is not None and not operation.done:
                stack.append(needed)
                open_ones.add(needed.index)
                continue
            self._run(stack.pop())
        for operation in self._operations:
            if operation.later and operation.outcome and not self._waits(operation.later):
                self._add_later(operation)

    def _needs(self, operation: Operation) -> Iterator[Operation]:
        for name in _references([operation.resource_id, operation.data]):
            if name in self._creators:
                yield self._creators[name]

    def _run(self, operation: Operation) -> None:
        if operation.done or (self._limit is not None and self._errors >= self._limit):
            return
        operation.done = True
        try:
            if operation.error:
                raise operation.error
            data = self._without_circle(operation)
            operation.resource_id = self._resolved(operation.resource_id)
            operation.outcome = self._execute(
                operation.method, operation.endpoint, operation.resource_id, self._resolved(data), operation.version
            )
        except ScimError as error:
            self._fail(operation, error)

    def _without_circle(self, operation: Operation) -> Any:
        """Give the data without what names a resource that waits for this one; that is added later."""
        if operation.method != "POST" or not self._waits(operation.data):
            return operation.data
        kept: dict[str, Any] = {}
        for key, value in operation.data.items():
            inner = ":" in key and isinstance(value, dict)
            parts = value if inner else {key: value}
            left: dict[str, Any] = {}
            for name, part in parts.items():
                now, then = self._split(part)
                if then is not None:
                    operation.later.append({key: {name: then}} if inner else {name: then})
                if now is not None:
                    left[name] = now
            if inner:
                kept[key] = left
            else:
                kept.update(left)
        return kept

    def _split(self, value: Any) -> tuple[Any, Any]:
        """Divide a value into what can be stored now and what has to wait."""
        if isinstance(value, list):
            waiting = [item for item in value if self._waits(item)]
            return [item for item in value if item not in waiting], waiting or None
        return (None, value) if self._waits(value) else (value, None)

    def _waits(self, value: Any) -> bool:
        creators = (self._creators[name] for name in _references(value) if name in self._creators)
        return any(creator.outcome is None and creator.error is None for creator in creators)

    def _add_later(self, operation: Operation) -> None:
        """Close a circle; where that fails the resource goes again, since a POST that failed leaves nothing behind."""
        values, operation.later = operation.later, []
        try:
            operations = [{"op": "add", "value": self._resolved(value)} for value in values]
            assert operation.outcome is not None
            operation.outcome = self._execute(
                "PATCH", operation.endpoint, operation.outcome.resource_id,
                {"schemas": [PATCH_URN], "Operations": operations}, None,
            )
            operation.outcome = Outcome(201, *_rest(operation.outcome))
        except ScimError as error:
            self._take_back(operation)
            self._fail(operation, error)

    def _take_back(self, operation: Operation) -> None:
        assert operation.outcome is not None
        with suppress(ScimError):  # what cannot be deleted keeps its location in the response
            self._execute("DELETE", operation.endpoint, operation.outcome.resource_id, None, None)
            operation.outcome = None

    def _fail(self, operation: Operation, error: ScimError) -> None:
        operation.error = error
        self._errors += 1
        self._refused(operation.method, operation.endpoint, operation.resource_id, operation.data, error)

    def _resolved(self, value: Any) -> Any:
        """Put ids in place of the `bulkId:...`; raises Conflict for one that stands for none."""
        if isinstance(value, str):
            return _REFERENCE.sub(lambda match: self._id(match[1]), value) if "bulkId:" in value else value
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if isinstance(value, dict):
            return {key: self._resolved(item) for key, item in value.items()}
        return value

    def _id(self, name: str) -> str:
        creator = self._creators.get(name)
        if creator is None or creator.outcome is None:
            raise Conflict(f"bulkId:{name} stands for no resource: no operation of this request has created it.")
        return creator.outcome.resource_id


def _rest(outcome: Outcome) -> tuple[str, str, str]:
    return outcome.location, outcome.version, outcome.resource_id


def _references(value: Any) -> Iterator[str]:
    """Give the names of all `bulkId:...` in a value."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "bulkId:" in item:
                yield from _REFERENCE.findall(item)
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item.values())


def _shown(operation: Operation, locate: Locate) -> dict[str, Any]:
    shown: dict[str, Any] = {"method": operation.method} if operation.method else {}
    if operation.bulk_id is not None:
        shown["bulkId"] = operation.bulk_id
    outcome, error = operation.outcome, operation.error
    location = outcome.location if outcome else ""
    named = operation.resource_id if operation.method != "POST" else None
    if outcome is None and named and not named.startswith("bulkId:"):
        # Only a POST that failed has no location (RFC 7644 section 3.7.3).
        location = locate(operation.endpoint, named)
    if location:
        shown["location"] = location
    if error is not None:
        return shown | {"status": str(error.status), "response": error.to_message()}
    assert outcome is not None
    if outcome.version:
        shown["version"] = outcome.version
    return shown | {"status": str(outcome.status)}
