"""Bulk requests (RFC 7644 section 3.7): the provider gets each operation as if it were a request of its own."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from flask import Blueprint, Response, request

from app.blueprints.exchange import Answer, current, current_principal, current_provider, service
from app.blueprints.request.body import MOST_BYTES, read_object
from app.blueprints.request.prefer import apply_preference, preference_of
from app.blueprints.response.answers import json_response, media_type
from app.blueprints.response.errors import attempt_of, error_for_client, log_refusal
from app.errors import InvalidPath, MethodNotAllowed, NotFound, ScimError
from app.protocol.bulk import METHODS, Call, Outcome, run_bulk
from app.protocol.etag import Condition
from app.protocol.profile import PROFILES
from app.provider import Attempt, Conditions, Provider, Shown
from app.schemas.custom import PROTOCOL
from app.schemas.resource_type import ResourceType
from app.schemas.returned import Projection

log = logging.getLogger("scimd")
bulk = Blueprint("bulk", __name__, url_prefix="/v2")


@bulk.post("/Bulk")
def run() -> Response:
    """Run the operations of a BulkRequest."""
    mimetype, preference = media_type(request), preference_of(request)
    executor = _Executor(current_provider(), with_resources=preference == "representation")
    profile = PROFILES[current_principal().tenant.profile]
    response = json_response(run_bulk(read_object(request), executor, profile), mimetype=mimetype)
    if executor.not_logged:
        log.warning("not in the provisioning log: %d operations that were refused", executor.not_logged)
    return apply_preference(response, preference if executor.complete else None)


class _Executor:
    """Runs the operations of one request; with `with_resources` the response contains the stored resources."""

    def __init__(self, provider: Provider, *, with_resources: bool) -> None:
        self._provider = provider
        self._with_resources = with_resources
        self._room = MOST_BYTES
        """Bytes that are left for resources: a response may be as large as a request."""
        self.complete = True
        """Whether the response contains all resources."""
        self.not_logged = 0
        """The number of failed operations that the provisioning log does not have."""

    def admit(self, number: int) -> None:
        """Count the operations against the tenant's rate limit; the request itself has been counted as one."""
        if number > 1:
            service().count(current_principal(), number - 1)

    def execute(self, call: Call) -> Outcome:
        """Run one operation; raises ScimError, or anything else for a bug."""
        with service().budget():
            outcome = self._one(_type(self._provider, call), call)
        self._answered(call, outcome.status)
        return outcome

    def refused(self, call: Call, error: Exception) -> ScimError:
        """Write a failed operation into the provisioning log; return the error for the client."""
        refusal = error_for_client(error)
        try:
            if self.out_of_time():
                self.not_logged += 1
            else:
                with service().budget():
                    log_refusal(refusal, attempt_of(call.method, call.endpoint, call.resource_id, call.data))
        except Exception as failure:  # noqa: BLE001 - no database, or a bug: the other operations run all the same
            error_for_client(failure)
            self.not_logged += 1
        self._answered(call, refusal.status, refusal)
        return refusal

    def locate(self, endpoint: str, resource_id: str) -> str:
        """Return the URI of a resource, or "" if the endpoint does not exist."""
        resource_type = self._provider.catalogue.at(endpoint)
        return self._provider.location(resource_type, resource_id) if resource_type else ""

    def out_of_time(self) -> bool:
        """Return whether the request has used up its time."""
        return service().out_of_time()

    def _answered(self, call: Call, status: int, error: ScimError | None = None) -> None:
        """Note what became of an operation, and forget its attempt: a later refusal is not about this resource."""
        method, attempt = call.method if call.method in METHODS else "", self._provider.attempt
        current().operations.append(Answer(method, status, error, attempt.operation, attempt.resource_type))
        self._provider.attempt = Attempt()

    def _one(self, resource_type: ResourceType, call: Call) -> Outcome:
        provider, resource_id, data = self._provider, call.resource_id, call.data
        projection = Projection.parse(resource_type, None, None)
        conditions = Conditions(if_match=Condition.parse(call.version))
        if resource_id is None:
            return self._outcome(201, provider.create(resource_type, data, projection))
        if call.method == "PUT":
            return self._outcome(200, provider.replace(resource_type, resource_id, data, projection, conditions))
        if call.method == "PATCH":
            shown = provider.patch(
                resource_type, resource_id, data, projection if self._with_resources else None, conditions
            )
            return self._outcome(200, shown)
        provider.delete(resource_type, resource_id, conditions)
        return Outcome(204, location=provider.location(resource_type, resource_id))

    def _outcome(self, status: int, shown: Shown) -> Outcome:
        resource = self._as_fragment(shown.resource) if self._with_resources else None
        return Outcome(status, shown.location, shown.version, shown.location.rpartition("/")[2], resource)

    def _as_fragment(self, resource: dict[str, Any]) -> orjson.Fragment | None:
        """Return a resource as JSON for the response, or None if there is no room for it (D-51)."""
        try:
            content = orjson.dumps(resource)
        except orjson.JSONEncodeError:  # a group with so many members that they are streamed
            content = b""
        if not content or len(content) > self._room:
            self.complete = False
            return None
        self._room -= len(content)
        return orjson.Fragment(content)


def _type(provider: Provider, call: Call) -> ResourceType:
    """Return the resource type of an operation; raises InvalidPath, NotFound, MethodNotAllowed."""
    resource_type = provider.catalogue.at(call.endpoint)
    if call.endpoint.lower() in PROTOCOL:
        raise InvalidPath(f"path: /{call.endpoint} has no resources.")
    if resource_type is None:
        raise NotFound(f"The endpoint /{call.endpoint} does not exist.", cause="bad-path")
    if (call.method == "POST") == (call.resource_id is not None):
        place, allow = ("a resource", "DELETE, PATCH, PUT") if call.resource_id else (f"/{call.endpoint}", "POST")
        raise MethodNotAllowed(f"{call.method} is not allowed for {place}; allowed: {allow}.", allow=allow)
    return resource_type
