"""The token endpoint (RFC 6749 section 3.2), for clients of SCIM and for apps.

It exists for every name, so it does not reveal which tenants exist.
"""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, request

from app.auth import AUTHENTICATE, TokenAnswer, TokenRequest
from app.blueprints.exchange import current, service
from app.blueprints.provider import errors
from app.blueprints.request.body import read_bytes
from app.blueprints.response.answers import json_response
from app.protocol.messages import JSON
from app.provider import Actor, Event
from app.telemetry.activity import AnsweredRequest

oauth = Blueprint("oauth", __name__)
errors.install(oauth)
MOST_BYTES = 64 * 1024


@oauth.post("/<tenant>/oauth/token")
def token(tenant: str) -> Response:
    """Issue an access token."""
    token_request = TokenRequest(
        tenant, read_bytes(request, MOST_BYTES), request.content_type or "", request.headers.get("Authorization", ""),
        request.remote_addr or "", current().request_id,
    )
    service().require()
    token_answer = service().token(token_request)
    _log_refusal(tenant, token_answer)
    response = json_response(token_answer.body, token_answer.status, mimetype=JSON)
    response.headers.update(token_answer.headers)
    return response


def _log_refusal(tenant: str, token_answer: TokenAnswer) -> None:
    """Write a refusal into the provisioning log, which says more than the client is told."""
    if token_answer.refusal is not None:
        checks = [vars(check) for check in token_answer.refusal.checks]
        refusal = str(token_answer.refusal)
        # A sign-in is one of a provisioning client; the causes are not about apps.
        cause = token_answer.refusal.cause if token_answer.operation == AUTHENTICATE else ""
        event = Event(token_answer.operation, status=token_answer.status, detail=refusal, checks=checks, cause=cause)
        service().refused(tenant, event, Actor(request_id=current().request_id))
        if cause:  # who gets no access token sends no other request, and the state of the customer is to show that
            service().answered(tenant, AnsweredRequest(
                datetime.now(UTC), request.method, "", token_answer.status, "", "denied", refusal, cause
            ))
