"""The OpenAPI document: needs no credential, and is the same for every client."""

from __future__ import annotations

from flask import Blueprint, Response

from app.blueprints.exchange import service
from app.blueprints.response.answers import json_response
from app.protocol.messages import JSON

openapi = Blueprint("openapi", __name__)


@openapi.get("/openapi.json")
def document() -> Response:
    """Return the document; browsers and generators may keep it for an hour."""
    response = json_response(service().openapi(), mimetype=JSON)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
