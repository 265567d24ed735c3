"""What apps ask by themselves: who a person is, the provider's metadata and its keys. Answers are JSON.

Metadata and keys are the same for every name, so that they do not reveal which tenants exist.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.auth import metadata
from app.blueprints.exchange import service
from app.blueprints.provider import errors
from app.blueprints.provider.parts import provider
from app.blueprints.response.answers import json_response, public_response
from app.protocol.messages import JSON

api = Blueprint("provider_api", __name__)
errors.install(api)


@api.route("/<tenant>/oauth/userinfo", methods=["GET", "POST"])
def userinfo(tenant: str) -> Response:
    """Return what the directory says about the person behind an access token."""
    service().require()
    header = request.headers.get("Authorization", "")
    claims = provider().userinfo(tenant, header)
    if claims is not None:
        return errors.not_stored(json_response(claims, mimetype=JSON))
    # RFC 6750 section 3.1: no error code if no token was sent.
    challenge = 'Bearer error="invalid_token"' if header else 'Bearer realm="scimd"'
    refused = {"error": "invalid_token", "error_description": "The access token is not valid here."}
    response = errors.not_stored(json_response(refused, 401, mimetype=JSON))
    response.headers["WWW-Authenticate"] = challenge
    return response


@api.get("/<tenant>/.well-known/openid-configuration")
@api.get("/<tenant>/.well-known/oauth-authorization-server")
@api.get("/.well-known/oauth-authorization-server/<tenant>")
def server_metadata(tenant: str) -> Response:
    """Return the metadata of the tenant's provider (RFC 8414 section 3, OpenID Connect Discovery 1.0)."""
    return public_response(provider().metadata(tenant, metadata(service().issuer(tenant))))


@api.get("/<tenant>/oauth/jwks")
def jwks(tenant: str) -> Response:
    """Return the keys that ID tokens can be verified with."""
    service().require()
    return public_response(provider().key_set())
