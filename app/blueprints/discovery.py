"""Discovery: `/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas` (RFC 7644 section 4)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Blueprint, Response, request

from app.blueprints.exchange import current, current_catalogue, service
from app.blueprints.request.conditions import conditions_of
from app.blueprints.response.answers import empty_response, json_response, media_type
from app.errors import Forbidden, NotFound
from app.protocol.messages import list_response
from app.schemas import discovery as described

discovery = Blueprint("discovery", __name__, url_prefix="/v2")


@discovery.get("/ServiceProviderConfig")
@discovery.get("/serviceConfiguration")
def service_provider_config() -> Response:
    """Return the configuration; Microsoft's Postman collection calls it `/serviceConfiguration`."""
    return _described(described.service_provider_config(service().features, _base_url()))


@discovery.get("/ResourceTypes")
def resource_types() -> Response:
    """Return the resource types of the tenant."""
    return _listed(described.resource_types(current_catalogue(), _base_url()))


@discovery.get("/ResourceTypes/<name>")
def resource_type(name: str) -> Response:
    """Return one resource type."""
    return _described(_found(described.resource_type(current_catalogue(), name, _base_url()), name))


@discovery.get("/Schemas")
def schemas() -> Response:
    """Return the schemas of the tenant's profile."""
    return _listed(described.schemas(current_catalogue(), _base_url()))


@discovery.get("/Schemas/<urn>")
def schema(urn: str) -> Response:
    """Return one schema."""
    return _described(_found(described.schema(current_catalogue(), urn, _base_url()), urn))


def _base_url() -> str:
    return service().base_url(current().tenant_name or "")


def _found(description: dict[str, Any] | None, name: str) -> dict[str, Any]:
    if description is None:
        raise NotFound(f"{name} does not exist.", cause="bad-path")
    return description


def _listed(descriptions: list[dict[str, Any]]) -> Response:
    return _described(list_response(descriptions, len(descriptions)))


def _described(description: dict[str, Any]) -> Response:
    """Return a response with a description, or 304 if the client has it.

    Raises Forbidden for a filter (RFC 7644 section 4), PreconditionFailed.
    """
    if any(key.lower() == "filter" for key in request.args):
        raise Forbidden("Discovery supports no filter.")
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]
    unchanged = conditions_of(request).known(f'W/"{digest}"')
    response = empty_response(304) if unchanged else json_response(description, mimetype=media_type(request))
    response.headers["ETag"] = f'W/"{digest}"'
    response.headers["Cache-Control"] = "private, no-cache"
    return response
