"""Requests for paths that do not exist: what is wrong with them, for the customer's log, and whose they are."""

from __future__ import annotations

from contextlib import suppress

from flask import request

from app.auth.refusal import loggable
from app.blueprints.exchange import Exchange, service
from app.causes import WRONG_URL
from app.errors import NotFound, Problem, ScimError
from app.schemas.resource_type import Catalogue

TENANT_URL = "end of the Tenant URL"
"""What is wrong if the URL was pasted wrongly."""
_OTHERS = frozenset({"schemas", "resourcetypes", "serviceproviderconfig", "bulk", "me"})


def misdirected(detail: str, exchange: Exchange) -> NotFound:
    """Return the error for a path below the SCIM URL of a client that has been let in."""
    return NotFound(detail, *problems(exchange.tenant_name, exchange.catalogue), cause=WRONG_URL)


def problems(tenant: str | None, catalogue: Catalogue | None) -> tuple[Problem, ...]:
    """Return what is wrong with the path of the request; () if it is not known who asks."""
    if tenant is None or catalogue is None:
        return ()
    right, path = f"/{tenant}/scim/v2", request.path.rstrip("/")
    parts, known = path.split("/"), 4 if f"{path}/".startswith(f"{right}/") else 1
    end = max((place for place in range(known, len(parts)) if is_endpoint(parts[place], catalogue)), default=0)
    pasted = "/".join(parts[:end])
    if end and pasted != right:
        return (Problem(TENANT_URL, right, loggable(pasted or "/")),)
    endpoints = " or ".join(each.endpoint for each in catalogue.types)
    return (Problem("path", endpoints, loggable(path.removeprefix(right) or "/")),)


def is_endpoint(name: str, catalogue: Catalogue) -> bool:
    """Return whether a part of a path is an endpoint, and so no id of a resource."""
    return catalogue.at(name) is not None or name.lower() in _OTHERS


def outside(exchange: Exchange) -> NotFound:
    """Return the error for a path that is none of SCIM; a client with a valid credential finds it in its log."""
    error, sent = NotFound(f"{request.path} does not exist.", cause="bad-path"), request.authorization
    if sent is None or sent.type != "bearer" or not sent.token:
        return error
    parts = service()
    with suppress(ScimError), parts.budget():
        name = request.path.split("/")[1]
        principal = parts.authenticate_anywhere(name, sent.token, request.remote_addr or "")
        catalogue = parts.provider(principal, exchange.request_id).catalogue
        exchange.principal, exchange.tenant_name = principal, principal.tenant.name
        error = NotFound(error.detail, *problems(exchange.tenant_name, catalogue), cause=WRONG_URL)
    return error
