"""Bulk (RFC 7644 section 3.7): many operations in one request, each carried out by the provider as if it came alone.

Operations run in their order, except that one whose resource an earlier operation refers to (`bulkId:...`) runs before
it. If resources refer to each other in a circle, one is created without the reference, which is added once the others
exist. RFC 7644 section 3.7.1 asks to try this; it works unless one of the others fails.

Each operation has an outcome of its own, whatever goes wrong in it: the response always says what the others stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from app.errors import Conflict, ScimError, Unavailable
from app.protocol.bulk_message import METHODS, MOST_OPERATIONS, Call, Operation, Outcome, bulk_response, read_bulk
from app.protocol.bulk_references import references, resolved, split
from app.protocol.messages import PATCH_URN
from app.protocol.profile import Profile

__all__ = ["METHODS", "MOST_OPERATIONS", "Call", "Executor", "Outcome", "run_bulk"]


class Executor(Protocol):
    """What carries out the operations."""

    def admit(self, number: int) -> None:
        """Count the operations of a request before the first one runs; raises TooManyRequests to refuse all of them."""

    def execute(self, call: Call) -> Outcome:
        """Carry out one operation. An exception, of whatever type, is the outcome of this operation alone."""

    def refused(self, call: Call, error: Exception) -> ScimError:
        """Record an operation that failed, and return the error for the response."""

    def locate(self, endpoint: str, resource_id: str) -> str:
        """Return the URI of a resource, or "" if there is no such endpoint."""

    def out_of_time(self) -> bool:
        """Return whether the time that a request may take is over."""


def run_bulk(payload: Mapping[str, Any], executor: Executor, profile: Profile) -> dict[str, Any]:
    """Carry out a BulkRequest and return the BulkResponse.

    Raises InvalidSyntax, InvalidValue, PayloadTooLarge and TooManyRequests for the message as a whole; an error in an
    operation is in its part of the response.
    """
    operations, limit = read_bulk(payload, profile)
    executor.admit(len(operations))
    _Run(operations, executor, limit).run()
    return bulk_response(operations, executor.locate)


class _Run:
    """One BulkRequest while it is carried out; `limit` is its `failOnErrors`."""

    def __init__(self, operations: list[Operation], executor: Executor, limit: int | None) -> None:
        self._operations = operations
        self._executor = executor
        self._limit = limit
        self._errors = 0
        self._creators = {op.bulk_id: op for op in operations if op.method == "POST" and op.bulk_id}
        """By bulkId, the operations that create a resource."""
        self._open: list[Operation] = []
        """Operations in a circle of references that is not closed yet."""

    def run(self) -> None:
        for operation in self._operations:
            if self._is_over():
                return  # before the next operation: following its references is work, too
            self._run_after_its_needs(operation)
            self._close_circles()

    def _is_over(self) -> bool:
        """Return whether `failOnErrors` has stopped the request."""
        return self._limit is not None and self._errors >= self._limit

    def _run_after_its_needs(self, first: Operation) -> None:
        """Run an operation after those that create what it refers to; a stack, as a chain may have a thousand links."""
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
        """Yield the operations that create what this one refers to."""
        for name in () if operation.done else references([operation.resource_id, operation.data]):
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
                raise Unavailable("The request ran out of time before this operation began; send it again.")
            data = operation.data
            if operation.method == "POST" and self._waits(data):
                data, operation.later = split(data, self._waits)
            operation.resource_id = self._resolved(operation.resource_id)
            operation.outcome = self._executor.execute(operation.call(self._resolved(data)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome of this operation alone
            self._fail(operation, error)
        else:
            self._open += [operation] if operation.later else []

    def _waits(self, value: Any) -> bool:
        """Return whether a value refers to a resource that is still to be created."""
        creators = (self._creators[name] for name in references(value) if name in self._creators)
        return any(creator.outcome is None and creator.error is None for creator in creators)

    def _close_circles(self) -> None:
        """Add the references that circles have left out; if that fails, delete the resource: a failed POST leaves none.

        All that they refer to has run, unless `failOnErrors` has stopped the request; then it never will.
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
        """Delete a resource that was created without its references."""
        try:
            self._executor.execute(call)
            operation.outcome = None
        except Exception as error:  # noqa: BLE001 - a resource that cannot be deleted keeps its location in the response
            self._executor.refused(call, error)

    def _fail(self, operation: Operation, error: Exception) -> None:
        self._errors += 1
        operation.error = self._executor.refused(operation.call(operation.data), error)

    def _resolved(self, value: Any) -> Any:
        return resolved(value, self._id)

    def _id(self, name: str) -> str:
        """Return the id of the resource that a bulkId stands for; raises Conflict if it stands for none."""
        creator = self._creators.get(name)
        if creator is None or creator.outcome is None:
            raise Conflict(
                f"bulkId:{name} stands for no resource: no operation of this request created it.",
                cause="no-such-reference",
            )
        return creator.outcome.resource_id
