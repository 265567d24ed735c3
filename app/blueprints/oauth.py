"""OAuth 2.0 over HTTP: the token endpoint (RFC 6749 section 3.2) and its metadata (RFC 8414 section 3).

Both exist for every name, so that they do not tell which tenants there are.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.auth import TokenAnswer, TokenRequest, metadata
from app.blueprints.answers import answer
from app.blueprints.body import read_bytes
from app.blueprints.exchange import current
from app.blueprints.service import service
from app.protocol.messages import JSON
from app.provider import Actor, Event

oauth = Blueprint("oauth", __name__)
MOST_BYTES = 64 * 1024


@oauth.post("/<tenant>/oauth/token")
def token(tenant: str) -> Response:
    """Issue an access token."""
    asked = TokenRequest(
        tenant, read_bytes(request, MOST_BYTES), request.content_type or "", request.headers.get("Authorization", ""),
        request.remote_addr or "",
    )
    service().require()
    given = service().token(asked)
    _note(tenant, given)
    response = answer(given.body, given.status, mimetype=JSON)
    response.headers.update(given.headers)
    return response


@oauth.get("/<tenant>/.well-known/oauth-authorization-server")
@oauth.get("/.well-known/oauth-authorization-server/<tenant>")
def tell(tenant: str) -> Response:
    """Tell what the tenant's token endpoint is and can do."""
    response = answer(metadata(service().issuer(tenant)), mimetype=JSON)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


def _note(tenant: str, given: TokenAnswer) -> None:
    """Write a refusal into the provisioning log: the client learns less than the operator."""
    if given.refusal is not None:
        checks = [vars(check) for check in given.refusal.checks]
        event = Event("sign-in", status=given.status, detail=str(given.refusal), checks=checks)
        service().refused(tenant, event, Actor(request_id=current().request_id))
