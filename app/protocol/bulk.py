"""Bulk (RFC 7644 section 3.7): many operations in one request, each carried out by the provider as if it came alone.

Operations run in their order, but for one that names a resource that a later one creates (`bulkId:...`): that one is
run first. Where resources name each other in a circle, one is created without the reference, which is added when the
others are there; RFC 7644 section 3.7.1 asks to try, and that works unless one of the others fails.

Each operation has an outcome of its own, whatever goes wrong in it: what the others have stored is always told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from app.errors import Conflict, ScimError, Unavailable
from app.protocol.bulk_message import MOST_OPERATIONS, Call, Operation, Outcome, bulk_response, read_bulk
from app.protocol.messages import PATCH_URN

__all__ = ["MOST_OPERATIONS", "Call", "Executor", "Outcome", "run_bulk"]

_END = r'(?=\Z|")'
_REFERENCE = re.compile(
    rf'(?:^|(?<="))bulkId:([^"\s\])]+){_END}|(?<=/)bulkId:([^"/\s\])]+){_END}'
)
"""A whole value or a string in a filter; the end of a path or URI. A text that only mentions one is left alone.

A name ends where the next one could begin (`"`, and in a path `/`), so that no character is read for two of them.
"""


class Executor(Protocol):
    """What carries the operations out."""

    def admit(self, number: int) -> None:
        """Count the operations of a request before the first one; raises TooManyRequests, which refuses them all."""

    def execute(self, call: Call) -> Outcome:
        """Carry out one operation. Whatever this raises is the outcome of that operation alone."""

    def refused(self, call: Call, error: Exception) -> ScimError:
        """Take note of an operation that failed; return the error that the client is told."""

    def locate(self, endpoint: str, resource_id: str) -> str:
        """Return the URI of a resource, or "" where there is no such endpoint."""

    def out_of_time(self) -> bool:
        """Return whether the time that a request may take is over."""


def run_bulk(payload: Mapping[str, Any], executor: Executor) -> dict[str, Any]:
    """Carry out a BulkRequest and return the BulkResponse.

    Raises InvalidSyntax, InvalidValue and PayloadTooLarge for the message itself, and TooManyRequests; what goes wrong
    with an operation is in its part of the response.
    """
    operations, limit = read_bulk(payload)
    executor.admit(len(operations))
    _Run(operations, executor, limit).run()
    return bulk_response(operations, executor.locate)


class _Run:
    """One bulk request on its way."""

    def __init__(self, operations: list[Operation], executor: Executor, limit: int | None) -> None:
        self._operations = operations
        self._executor = executor
        self._limit = limit
        self._errors = 0
        self._creators = {op.bulk_id: op for op in operations if op.method == "POST" and op.bulk_id}
        self._open: list[Operation] = []
        """Those in a circle that is still to be closed."""

    def run(self) -> None:
        for operation in self._operations:
            if self._is_over():
                return  # a chain of those that are left would be followed from each of them
            self._with_what_it_needs(operation)
            self._close()

    def _is_over(self) -> bool:
        """Return whether there were as many errors as `failOnErrors` allows."""
        return self._limit is not None and self._errors >= self._limit

    def _with_what_it_needs(self, first: Operation) -> None:
        """Run an operation after those that create what it names; a stack, since a chain may be a thousand long."""
        stack, met = [(first, self._needs(first))], {first.index}
        while stack:
            operation, needs = stack[-1]
            needed = next((op for op in needs if not op.done and op.index not in met), None)
            if needed is None:
                self._run(operation)
                stack.pop()
            else:
                stack.append((needed, self._needs(needed)))
                met.add(needed.index)

    def _needs(self, operation: Operation) -> Iterator[Operation]:
        for name in () if operation.done else _references([operation.resource_id, operation.data]):
            if name in self._creators:
                yield self._creators[name]

    def _run(self, operation: Operation) -> None:
        if operation.done or self._is_over():
            return
        operation.done = True
        try:
            if operation.error:
                raise operation.error
            if self._executor.out_of_time():
                raise Unavailable("The time of the request was over before this operation began; send it again.")
            data = self._without_circle(operation)
            operation.resource_id = self._resolved(operation.resource_id)
            operation.outcome = self._executor.execute(operation.call(self._resolved(data)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this operation's alone
            self._fail(operation, error)
        else:
            self._open += [operation] if operation.later else []

    def _without_circle(self, operation: Operation) -> Any:
        """Return the data without what names a resource that waits for this one; that is added later."""
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
            now: list[Any] = []
            then: list[Any] = []
            for item in value:
                (then if self._waits(item) else now).append(item)
            return now, then or None
        return (None, value) if self._waits(value) else (value, None)

    def _waits(self, value: Any) -> bool:
        creators = (self._creators[name] for name in _references(value) if name in self._creators)
        return any(creator.outcome is None and creator.error is None for creator in creators)

    def _close(self) -> None:
        """Add what circles have left out; where that fails the resource goes again: a failed POST leaves nothing.

        What they name has been run, unless `failOnErrors` has stopped it, and then it never will be.
        """
        circles, self._open = self._open, []
        for operation in circles:
            assert operation.outcome is not None
            call = Call("PATCH", operation.endpoint, operation.outcome.resource_id)
            try:
                operations = [{"op": "add", "value": self._resolved(value)} for value in operation.later]
                data = {"schemas": [PATCH_URN], "Operations": operations}
                operation.outcome = replace(self._executor.execute(replace(call, data=data)), status=201)
            except Exception as error:  # noqa: BLE001 - as above
                self._take_back(operation, replace(call, method="DELETE"))
                self._fail(operation, error)

    def _take_back(self, operation: Operation, call: Call) -> None:
        try:
            self._executor.execute(call)
            operation.outcome = None
        except Exception as error:  # noqa: BLE001 - what cannot be deleted keeps its location in the response
            self._executor.refused(call, error)

    def _fail(self, operation: Operation, error: Exception) -> None:
        self._errors += 1
        operation.error = self._executor.refused(operation.call(operation.data), error)

    def _resolved(self, value: Any) -> Any:
        """Put ids in place of the `bulkId:...`; raises Conflict for one that stands for none."""
        if isinstance(value, str):
            return _REFERENCE.sub(lambda match: self._id(match[1] or match[2]), value) if "bulkId:" in value else value
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


def _references(value: Any) -> Iterator[str]:
    """Return the names of all `bulkId:...` in a value."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if "bulkId:" in item:
                yield from (match[1] or match[2] for match in _REFERENCE.finditer(item))
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item.values())
