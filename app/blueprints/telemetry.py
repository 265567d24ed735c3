"""A log line and a count for each request, whatever its outcome; without the query, which contains people's names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from flask import Flask, Response

from app.blueprints.exchange import Exchange, begin, current, end
from app.blueprints.request.misdirected import TENANT_URL
from app.causes import GUARDED, WRONG_URL
from app.errors import ScimError, TooMany, TooManyRequests
from app.provider import Provider
from app.schemas.storage.columns import columns
from app.telemetry.activity import AnsweredRequest
from app.telemetry.labels import tenant_label

log = structlog.get_logger()

_NAME = re.compile(r"[a-z0-9-]{1,63}")
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
"""The methods that are counted by name: each that a client made up would be another series."""


def install(app: Flask, *, counted: bool) -> None:
    """Log every request; with `counted` update the metrics, too."""
    app.before_request(partial(begin, app))
    app.after_request(partial(_finish, counted=counted))
    app.teardown_request(end)


def _finish(response: Response, *, counted: bool) -> Response:
    exchange = current()
    response.headers.add("X-Request-Id", exchange.request_id)
    if counted:
        _count(exchange, response.status_code)
    kind = "" if exchange.is_consumer else _kind(exchange, response.status_code)  # an operator looks for provisioning
    if exchange.tenant_name is not None and kind:
        _remember(exchange, exchange.tenant_name, response.status_code, kind)
    if exchange.route not in ("/healthz", "/readyz") or response.status_code != 200:
        _log(exchange, response.status_code)
    return response


def _log(exchange: Exchange, status: int) -> None:
    facts: dict[str, Any] = {
        "logger": "scimd.request",
        "request_id": exchange.request_id, "tenant": _tenant(exchange.tenant_name), "method": exchange.method,
        "route": exchange.route, "status": status, "ms": round(exchange.seconds() * 1000, 1),
        "credential": exchange.principal.credential_id if exchange.principal else None,
    }
    log.info("request", **{name: fact for name, fact in facts.items() if fact is not None})


def _tenant(name: str | None) -> str | None:
    """Return the name in the path if it can be a tenant's, which a pasted token cannot."""
    return name if name and _NAME.fullmatch(name) else None


def _kind(exchange: Exchange, status: int) -> str:
    """Return how a request is counted, "" for one that needs no credential.

    A read is a read even if it finds nothing: only changes count as refused, as in the log. What a credential does that
    can only read is not counted, since it is the vendor's own app and not the identity provider (D-652).
    """
    error = exchange.error
    too_fast = isinstance(error, TooManyRequests) and error.limit != "credentials"
    if exchange.principal and not exchange.principal.may_write:
        return ""
    if status >= 500 and not (error and error.cause == GUARDED):
        return "failed"
    if error and error.cause == WRONG_URL:
        return "denied"
    if exchange.provider is None and not too_fast:
        return "denied" if status >= 400 else ""
    if exchange.reads():
        return "reads"
    return "refused" if status >= 400 else "done"


def _remember(exchange: Exchange, tenant: str, status: int, kind: str) -> None:
    """Count the request among the tenant's latest."""
    provider, principal = exchange.provider, exchange.principal
    error = exchange.error if status >= 400 else None
    exchange.service.answered(tenant, AnsweredRequest(
        time=datetime.now(UTC), method=exchange.method, status=status, kind=kind,
        resource_type=_resource_type(provider) or _type_read(exchange),
        credential=principal.credential_id if provider and principal else "",
        reason=_reason(error) if error else "",
        cause=_cause(error, provider) if error else "",
    ))


def _reason(error: ScimError) -> str:
    """Return in a sentence why a request was refused; of a path, which may name people, only what is before it."""
    if error.cause != WRONG_URL:
        return str(getattr(error, "refusal", None) or error)
    return "".join(
        f"the {each.path} should be {each.expected}, and is {each.received}"
        for each in error.problems if each.path == TENANT_URL
    )


def _resource_type(provider: Provider | None) -> str:
    """Return the resource type of a write, or ""."""
    resource_type = provider.attempt.resource_type if provider else None
    return resource_type.name if resource_type else ""


def _type_read(exchange: Exchange) -> str:
    """Return the resource type that is read at an endpoint of one type, or ""."""
    endpoint = (exchange.request.view_args or {}).get("endpoint", "")
    resource_type = exchange.catalogue.at(endpoint) if exchange.catalogue and endpoint else None
    return resource_type.name if resource_type else ""


def _cause(error: ScimError, provider: Provider | None) -> str:
    """Return in a word why a request was refused, with the attribute if it is one of the tables'."""
    resource_type = provider.attempt.resource_type if provider else None
    known = error.attribute and resource_type and columns(resource_type)(error.attribute)
    return f"{error.cause} {error.attribute}" if known else error.cause


def _count(exchange: Exchange, status: int) -> None:
    from app.telemetry import metrics

    principal, provider, error = exchange.principal, exchange.provider, exchange.error
    # Without a valid credential the name could be anything, and each would be another series.
    tenant = tenant_label(principal.tenant.name if principal else getattr(error, "tenant", ""))
    provisioned = "" if exchange.is_consumer else tenant  # an alert looks for tenants without requests
    method = exchange.method if exchange.method in _METHODS else "other"
    metrics.REQUESTS.labels(exchange.route, method, str(status), provisioned).inc()
    metrics.LATENCY.labels(exchange.route, method).observe(exchange.seconds())
    if principal:
        metrics.LOGINS.labels(principal.kind, "done").inc()
    elif status == 401:
        metrics.LOGINS.labels("unknown", "refused").inc()
    if exchange.is_consumer:
        metrics.FEED_REQUESTS.labels(str(status)).inc()
    if isinstance(error, TooManyRequests):
        metrics.RATE_LIMITED.labels(tenant, error.limit).inc()
    if isinstance(error, TooMany):
        metrics.TOO_MANY.labels(tenant).inc()
    if provider and (kind := _resource_type(provider)):
        metrics.OPERATIONS.labels(provider.attempt.operation, kind, metrics.result(status)).inc()
