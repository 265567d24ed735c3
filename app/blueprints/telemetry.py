"""A log line and a count for each request, whatever its outcome; without the query, which contains people's names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from flask import Flask, Response

from app.blueprints.exchange import Answer, Exchange, begin, current, end
from app.blueprints.request.misdirected import TENANT_URL
from app.causes import GUARDED, WRONG_URL
from app.errors import ScimError, TooMany, TooManyRequests, is_failure
from app.schemas.resource_type import ResourceType
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
    answers = exchange.operations or [_answer(exchange, response.status_code)]
    if counted:
        _count(exchange, response.status_code, answers)
    if exchange.tenant_name is not None and not exchange.is_consumer:  # an operator looks for provisioning
        for answer in answers:
            _remember(exchange, exchange.tenant_name, answer)
    if exchange.route not in ("/healthz", "/readyz") or response.status_code != 200:
        _log(exchange, response.status_code)
    return response


def _answer(exchange: Exchange, status: int) -> Answer:
    """Return what became of a request that is none of Bulk."""
    if exchange.provider is None:
        return Answer(exchange.method, status, exchange.error)
    attempt = exchange.provider.attempt
    return Answer(exchange.method, status, exchange.error, attempt.operation, attempt.resource_type)


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


def _kind(exchange: Exchange, status: int, error: ScimError | None) -> str:
    """Return how an answer is counted, "" for one that needs no credential.

    A read is a read even if it finds nothing: only changes count as refused, as in the log. What a credential does that
    can only read is not counted, since it is the vendor's own app and not the identity provider (D-652).
    """
    too_fast = isinstance(error, TooManyRequests) and error.limit != "credentials"
    if exchange.principal and not exchange.principal.may_write:
        return ""
    if is_failure(status) and not (error and error.cause == GUARDED):
        return "failed"
    if error and error.cause == WRONG_URL:
        return "denied"
    if exchange.provider is None and not too_fast:
        return "denied" if status >= 400 else ""
    if exchange.reads():
        return "reads"
    return "refused" if status >= 400 else "done"


def _remember(exchange: Exchange, tenant: str, answer: Answer) -> None:
    """Count an answer among the tenant's latest, unless no credential is needed for it."""
    kind = _kind(exchange, answer.status, answer.error)
    if not kind:
        return
    principal = exchange.principal
    error = answer.error if answer.status >= 400 else None
    exchange.service.answered(tenant, AnsweredRequest(
        time=datetime.now(UTC), method=answer.method, status=answer.status, kind=kind,
        resource_type=answer.resource_type.name if answer.resource_type else _type_read(exchange),
        credential=principal.credential_id if exchange.provider and principal else "",
        reason=_reason(error) if error else "",
        cause=_cause(error, answer.resource_type) if error else "",
    ))


def _reason(error: ScimError) -> str:
    """Return in a sentence why a request was refused; of a path, which may name people, only what is before it."""
    if error.cause != WRONG_URL:
        return str(getattr(error, "refusal", None) or error)
    return "".join(
        f"the {each.path} should be {each.expected}, and is {each.received}"
        for each in error.problems if each.path == TENANT_URL
    )


def _type_read(exchange: Exchange) -> str:
    """Return the resource type that is read at an endpoint of one type, or ""."""
    endpoint = (exchange.request.view_args or {}).get("endpoint", "")
    resource_type = exchange.catalogue.at(endpoint) if exchange.catalogue and endpoint else None
    return resource_type.name if resource_type else ""


def _cause(error: ScimError, resource_type: ResourceType | None) -> str:
    """Return in a word why a request was refused, with the attribute if it is one of the tables'."""
    known = error.attribute and resource_type and columns(resource_type)(error.attribute)
    return f"{error.cause} {error.attribute}" if known else error.cause


def _count(exchange: Exchange, status: int, answers: Iterable[Answer]) -> None:
    from app.telemetry import metrics

    principal, error = exchange.principal, exchange.error
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
    for answer in answers:
        if answer.resource_type:
            metrics.OPERATIONS.labels(answer.operation, answer.resource_type.name, metrics.result(answer.status)).inc()
