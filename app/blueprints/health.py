"""Health checks for load balancers and monitoring: is the process alive, and can it answer requests?"""

from __future__ import annotations

from flask import Blueprint, Response

from app.blueprints.exchange import service
from app.blueprints.response.answers import json_response
from app.protocol.messages import JSON

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> Response:
    """Return 200: the process is alive."""
    return json_response({"status": "ok"}, mimetype=JSON)


@health.get("/readyz")
def ready() -> Response:
    """Return 200 if the database answers and has all its indexes; raises Unavailable."""
    service().ready()
    return json_response({"status": "ready"}, mimetype=JSON)
