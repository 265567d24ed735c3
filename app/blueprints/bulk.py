"""Many operations in one request (RFC 7644 section 3.7): each is handed to the provider as if it came alone."""

from __future__ import annotations

import logging
from typing import Any

from flask import Blueprint, Response, g, request

from app.blueprints.answers import answer, media_type
from app.blueprints.body import read_object
from app.blueprints.errors import asked
from app.errors import InvalidPath, MethodNotAllowed, NotFound, ScimError, Unavailable
from app.protocol.bulk import Outcome, run_bulk
from app.protocol.etag import Condition
from app.provider import REQUEST, Conditions, Event, Provider, Shown
from app.schemas.custom import PROTOCOL
from app.schemas.returned import Projection

log = logging.getLogger("scimd")
bulk = Blueprint("bulk", __name__, url_prefix="/<tenant>/scim/v2")


@bulk.post("/Bulk")
def run() -> Response:
    """Carry out a BulkRequest."""
    mimetype = media_type(request)
    return answer(run_bulk(read_object(request), _execute, _locate, _refused), mimetype=mimetype)


def _execute(method: str, endpoint: str, resource_id: str | None, data: Any, version: str | None) -> Outcome:
    provider: Provider = g.provider
    outcome = _one(provider, method, endpoint, resource_id, data, version)
    provider.event = Event(REQUEST)  # what is refused next is not about this resource
    return outcome


def _refused(method: str, endpoint: str, resource_id: str | None, data: Any, error: ScimError) -> None:
    provider: Provider = g.provider
    try:
        provider.refused(error, asked(method, endpoint, resource_id, data))
    except Unavailable:  # the answer says so
        log.warning("not in the provisioning log: %s", error.detail)
    provider.event = Event(REQUEST)


def _locate(endpoint: str, resource_id: str) -> str:
    provider: Provider = g.provider
    resource_type = provider.catalogue.at(endpoint)
    return provider.location(resource_type, resource_id) if resource_type else ""


def _one(
    provider: Provider, method: str, endpoint: str, resource_id: str | None, data: Any, version: str | None
) -> Outcome:
    resource_type = provider.catalogue.at(endpoint)
    if endpoint.lower() in PROTOCOL:
        raise InvalidPath(f"path: /{endpoint} has no resources.")
    if resource_type is None:
        raise NotFound(f"There is no endpoint /{endpoint} here.")
    if (method == "POST") == (resource_id is not None):
        place, allow = ("a resource", "DELETE, PATCH, PUT") if resource_id else (f"/{endpoint}", "POST")
        raise MethodNotAllowed(f"{method} does not go with {place}, but {allow}.", allow=allow)
    projection = Projection.parse(resource_type, None, None)
    conditions = Conditions(if_match=Condition.parse(version))
    if resource_id is None:
        return _outcome(201, provider.create(resource_type, data, projection))
    if method == "PUT":
        return _outcome(200, provider.replace(resource_type, resource_id, data, projection, conditions))
    if method == "PATCH":
        return _outcome(200, provider.patch(resource_type, resource_id, data, projection, conditions, show=False))
    provider.delete(resource_type, resource_id, conditions)
    return Outcome(204, location=provider.location(resource_type, resource_id))


def _outcome(status: int, shown: Shown) -> Outcome:
    return Outcome(status, shown.location, shown.version, shown.location.rpartition("/")[2])
