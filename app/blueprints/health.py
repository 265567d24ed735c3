"""Is the process alive, and can it answer requests: for load balancers and for those who are woken."""

from __future__ import annotations

from flask import Blueprint, Response

from app.blueprints.answers import answer
from app.blueprints.service import service
from app.protocol.messages import JSON

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    """Tell that the process lives."""
    return answer({"status": "ok"}, mimetype=JSON)


@health.get("/readyz")
def ready() -> Response:
    """Tell whether the database answers with all that is needed; 503 otherwise."""
    service().ready()
    return answer({"status": "ready"}, mimetype=JSON)
