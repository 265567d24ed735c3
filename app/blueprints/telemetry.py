"""One log line and one count for each request, whatever became of it. No query string: filters hold people's names."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from flask import Flask, Request, Response, g
from flask.ctx import _AppCtxGlobals

from app.blueprints.service import current, service
from app.errors import ScimError, TooMany, TooManyRequests
from app.provider import Provider
from app.schemas.columns import columns
from app.telemetry.activity import AnsweredRequest
from app.telemetry.labels import tenant_label

log = structlog.get_logger()

_NAME = re.compile(r"[a-z0-9-]{1,63}")
_READING = ("GET", "HEAD", "OPTIONS")
_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
"""Those that are counted by name: a method that a client made up would be a series of its own."""


def install(app: Flask, *, counted: bool) -> None:
    """Log every request; with `counted` write the metrics too."""
    app.before_request(_start)
    app.after_request(_log)
    app.after_request(_remember)
    if counted:
        app.after_request(_count)


def _start() -> None:
    g.started = time.perf_counter()


def _route(asked: Request) -> str:
    rule = asked.url_rule
    return rule.rule if rule else "none"


def _seconds(here: _AppCtxGlobals) -> float:
    return float(time.perf_counter() - here.get("started", time.perf_counter()))


def _tenant(name: str | None) -> str | None:
    """Give the tenant that the path names, where it can be one: a token that was pasted there cannot."""
    return name if name and _NAME.fullmatch(name) else None


def _log(response: Response) -> Response:
    asked, here = current()
    route = _route(asked)
    if route in ("/healthz", "/readyz") and response.status_code == 200:
        return response
    known = vars(here).get
    principal = known("principal")
    facts: dict[str, Any] = {
        "logger": "scimd.request",
        "request_id": known("request_id"), "tenant": _tenant(known("tenant_name")), "method": asked.method,
        "route": route, "status": response.status_code, "ms": round(_seconds(here) * 1000, 1),
        "credential": principal.credential_id if principal else None,
    }
    with suppress(OSError):  # a log that cannot be written holds no answer up
        log.info("request", **{name: fact for name, fact in facts.items() if fact is not None})
    return response


def _remember(response: Response) -> Response:
    """Count the answer among what came lately from the tenant's clients."""
    asked, here = current()
    tenant = here.get("tenant_name")
    if tenant is None:
        return response
    provider, status = here.get("provider"), response.status_code
    error = here.get("error") if status >= 400 else None
    reading = asked.method in _READING or asked.path.endswith("/.search")
    kind = "reads" if reading else "done"
    if status >= 400:
        kind = "failed" if status >= 500 else "refused" if provider else "denied"
    service().answered(tenant, AnsweredRequest(
        time=datetime.now(UTC), method=asked.method, status=status, kind=kind,
        resource_type=_resource_type(provider),
        credential=here.principal.credential_id if provider else "",
        reason=str(getattr(error, "refusal", None) or error or ""),
        cause=_cause(error, provider) if error and provider else "",
    ))
    return response


def _resource_type(provider: Provider | None) -> str:
    """Return the resource type that a write was about, "" where there was none."""
    resource_type = provider.attempt.resource_type if provider else None
    return resource_type.name if resource_type else ""


def _cause(error: ScimError, provider: Provider) -> str:
    """Return why a request was refused, in a word, and which attribute of our tables that is about."""
    resource_type = provider.attempt.resource_type
    known = error.attribute and resource_type and columns(resource_type)(error.attribute)
    return f"{error.cause} {error.attribute}" if known else error.cause


def _count(response: Response) -> Response:
    from app.telemetry import metrics

    asked, here = current()
    principal, provider, error = here.get("principal"), here.get("provider"), here.get("error")
    # A name that nobody has been let in with could be anything, and each would be a series of its own.
    tenant = tenant_label(principal.tenant.name if principal else getattr(error, "tenant", ""))
    status = response.status_code
    method = asked.method if asked.method in _METHODS else "other"
    route = _route(asked)
    metrics.REQUESTS.labels(route, method, str(status), tenant).inc()
    metrics.LATENCY.labels(route, method).observe(_seconds(here))
    if principal:
        metrics.LOGINS.labels(principal.kind, "done").inc()
    elif status == 401:
        metrics.LOGINS.labels("unknown", "refused").inc()
    if isinstance(error, TooManyRequests):
        metrics.RATE_LIMITED.labels(tenant, error.limit).inc()
    if isinstance(error, TooMany):
        metrics.TOO_MANY.labels(tenant).inc()
    if kind := _resource_type(provider):
        metrics.OPERATIONS.labels(provider.attempt.operation, kind, metrics.result(status)).inc()
    return response
