"""Whatever goes wrong is answered with a SCIM Error message, unknown routes and our own bugs included."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from app.blueprints.answers import error_answer
from app.blueprints.body import discard
from app.blueprints.service import current, service
from app.errors import (
    BadRequest,
    InternalError,
    InvalidVersion,
    NotFound,
    PayloadTooLarge,
    ScimError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    UriTooLong,
    describe,
)
from app.provider import REQUEST, Actor, Attempt, Event

log = logging.getLogger("scimd")
_OTHER_VERSION = re.compile(r"^/[^/]+/scim/v(?!2(?:/|$))\d+(/|$)")
_OPERATIONS = {"POST": "create", "PUT": "replace", "PATCH": "patch", "DELETE": "delete"}
_BY_STATUS: dict[int, type[ScimError]] = {
    413: PayloadTooLarge, 414: UriTooLong, 415: UnsupportedMediaType,
}


def install(app: Flask) -> None:
    """Make the application answer every error as SCIM says."""
    app.register_error_handler(ScimError, refuse)
    app.register_error_handler(HTTPException, _framework)
    app.register_error_handler(Exception, _bug)


def refuse(error: ScimError) -> Response:
    """Answer with the error, and write a refused change into the provisioning log."""
    g.error = error
    try:
        _note(error)
    except Unavailable as why:  # the database is away: the answer says so, and the server's own log
        log.warning("request %s: its refusal is not in the provisioning log: %s", g.request_id, describe(why))
    except Exception:  # a bug of ours, but the client gets its answer
        log.exception("request %s: its refusal is not in the provisioning log", g.request_id)
    if isinstance(error, TooManyRequests) and error.limit in ("rate", "credentials"):  # the others have waited
        service().hold_back()
    response = error_answer(error)
    response.call_on_close(partial(discard, current()[0]))
    return response


def _note(error: ScimError) -> None:
    """Write a change that was refused, and whoever was not let in, into the provisioning log."""
    refusal = getattr(error, "refusal", None)
    if isinstance(error, TooManyRequests) and "principal" in g:
        refusal = service().refusal_to_log(g.principal, error.detail)
    if refusal is not None and "tenant_name" in g:
        operation = REQUEST if isinstance(error, TooManyRequests) else "sign-in"
        event = Event(operation, status=error.status, detail=str(refusal), checks=[vars(c) for c in refusal.checks])
        known = "" if isinstance(error, Unauthorized) else refusal.credential_id
        with service().budget():
            service().refused(g.tenant_name, event, Actor(known, g.request_id))
    elif isinstance(error, TooManyRequests):
        return  # the log has a line of it already
    elif "provider" in g and request.method in _OPERATIONS and not request.path.endswith("/.search"):
        with service().budget():
            arguments = request.view_args or {}
            log_refusal(error, wanted(request.method, arguments.get("endpoint"), arguments.get("resource_id")))


def wanted(method: str, endpoint: str | None, resource_id: str | None, data: Any = None) -> Attempt:
    """Return what the log says about a write that was refused before the provider began it."""
    resource_type = g.provider.catalogue.at(endpoint or "")
    if method not in _OPERATIONS or resource_type is None:
        return Attempt()
    attempt = Attempt(_OPERATIONS[method], resource_type, resource_id or "")
    return attempt.about(data, resource_type.name_in(data)) if isinstance(data, dict) else attempt


def log_refusal(error: ScimError, otherwise: Attempt) -> None:
    """Write a refused write into the provisioning log; `otherwise` says what it was if the provider had not begun."""
    provider = g.provider
    if provider.attempt.resource_type is None:
        provider.attempt = otherwise
    provider.log(provider.attempt.refused(error.status, error.scim_type, error.detail))


def _framework(error: HTTPException) -> Response:
    if error.code == 404 and _OTHER_VERSION.match(request.path):
        return refuse(InvalidVersion("Only version v2 of the protocol is supported."))
    if error.code == 404:
        return refuse(NotFound(f"There is no {request.path} here."))
    kind = _BY_STATUS.get(error.code or 500)
    if kind:
        return refuse(kind(error.description or error.name))
    if 400 <= (error.code or 500) < 500:
        return refuse(BadRequest(error.description or error.name))
    return _bug(error)


def _bug(error: Exception) -> Response:
    return refuse(told(error))


def told(error: Exception) -> ScimError:
    """Return the error that the client is told; a bug of ours is in the server's log, under the reference it names."""
    if isinstance(error, ScimError):
        return error
    reference = g.get("request_id", "-")
    route = request.url_rule.rule if request.url_rule else "-"  # the path itself is the client's text
    log.exception("request %s failed: %s %s", reference, request.method, route, exc_info=error)
    return InternalError(f"The server failed. The reference of the failure in its log is {reference}.")
