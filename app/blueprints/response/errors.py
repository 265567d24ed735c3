"""Errors: each is answered with a SCIM Error message, unknown routes and bugs included."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.auth import AUTHENTICATE, EVERY_TENANT
from app.blueprints.exchange import Exchange, current, current_catalogue, current_provider, service
from app.blueprints.request.body import discard
from app.blueprints.request.misdirected import outside
from app.blueprints.response.answers import error_response
from app.causes import WRONG_URL
from app.errors import (
    BadRequest,
    InternalError,
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
_OPERATIONS = {"POST": "create", "PUT": "replace", "PATCH": "patch", "DELETE": "delete"}
_BY_STATUS: dict[int, type[ScimError]] = {
    413: PayloadTooLarge, 414: UriTooLong, 415: UnsupportedMediaType,
}


def install(app: Flask) -> None:
    """Register the handlers of all errors."""
    app.register_error_handler(Exception, _failed)


def refuse(error: ScimError, respond: Callable[[ScimError], Response] = error_response) -> Response:
    """Return the response that `respond` makes for an error, and write the refusal into the provisioning log."""
    exchange = current()
    exchange.error = error
    try:
        _log(error, exchange)
    except Unavailable as why:  # the response and the server's own log say so
        log.warning("request %s: its refusal is not in the provisioning log: %s", exchange.request_id, describe(why))
    except Exception:  # a bug, but the client gets its response
        log.exception("request %s: its refusal is not in the provisioning log", exchange.request_id)
    if isinstance(error, TooManyRequests) and error.limit in ("rate", "credentials"):  # others have been delayed
        service().hold_back()
    response = respond(error)
    response.call_on_close(partial(discard, request.stream, request.environ.get("gunicorn.socket")))
    return response


def _log(error: ScimError, exchange: Exchange) -> None:
    """Write a refusal into the provisioning log: of a write, of a wrong credential or path, or of a client too fast.

    A minute of a tenant's log has one line of a client that is too fast, and one for each of five wrong paths.
    """
    refusal, seldom = getattr(error, "refusal", None), isinstance(error, TooManyRequests) or error.cause == WRONG_URL
    if seldom and exchange.principal:
        refusal = service().refusal_to_log(exchange.principal, error)
    tenant = EVERY_TENANT.name if exchange.is_consumer and exchange.tenant_name is None else exchange.tenant_name
    if refusal is not None and tenant is not None:
        operation = REQUEST if seldom else AUTHENTICATE
        checks = [vars(check) for check in refusal.checks]
        event = Event(
            operation, status=error.status, detail=str(refusal), checks=checks, cause=error.cause,
            problems=error.problems,
        )
        # A credential that was not verified may be anybody's, and is not named.
        known = "" if isinstance(error, Unauthorized) else refusal.credential_id
        with service().budget():
            service().refused(tenant, event, Actor(known, exchange.request_id))
    elif seldom:
        return  # the log has a line of the last minute
    elif exchange.provider and exchange.method in _OPERATIONS and not exchange.reads():
        with service().budget():
            arguments = request.view_args or {}
            attempt = attempt_of(exchange.method, arguments.get("endpoint"), arguments.get("resource_id"))
            log_refusal(error, attempt)


def attempt_of(method: str, endpoint: str | None, resource_id: str | None, data: Any = None) -> Attempt:
    """Return the attempt at a write that was refused before the provider began it."""
    resource_type = current_catalogue().at(endpoint or "")
    if method not in _OPERATIONS or resource_type is None:
        return Attempt()
    attempt = Attempt(_OPERATIONS[method], resource_type, resource_id or "")
    if isinstance(data, dict):
        attempt.sent = data
        attempt.about(data, resource_type.name_in(data))
    return attempt


def log_refusal(error: ScimError, otherwise: Attempt) -> None:
    """Write a refused write into the provisioning log; `otherwise` is the attempt if the provider had not begun it."""
    provider = current_provider()
    if provider.attempt.resource_type is None:
        provider.attempt = otherwise
    provider.log(provider.attempt.refused(error))


def _failed(error: Exception) -> Response:
    return refuse(error_for_client(error))


def error_for_client(error: Exception) -> ScimError:
    """Return the error for the client; a bug is logged under the reference that the error contains."""
    if isinstance(error, ScimError):
        return error
    if isinstance(error, HTTPException) and 400 <= (error.code or 500) < 500:
        return _of_framework(error)
    failure = service().translate(error)
    if failure is not None:
        return failure
    exchange = current()
    reference = exchange.request_id
    log.exception("request %s failed: %s %s", reference, exchange.method, exchange.route, exc_info=error)
    return InternalError(f"The server failed; its log has the reason under {reference}.")


def _of_framework(error: HTTPException) -> ScimError:
    if error.code == 404:
        return outside(current())
    kind = _BY_STATUS.get(error.code or 500, BadRequest)
    return kind(error.description or error.name)
