"""What apps find out by themselves: the metadata of the provider (OpenID Connect Discovery 1.0), and its keys.

Both are the same for every name, so that they do not reveal which tenants exist.
"""

from __future__ import annotations

from typing import Any

from app.schemas.resource_type import ResourceType
from app.sign_on.provider.claims import EMAIL_VERIFIED, OVERAGE, TENANT, TRUNCATED, claims_of, scopes_of
from app.sign_on.provider.grants import ALGORITHM, CODE_GRANT
from app.store.sign_on.signing_keys import ID_TOKEN, SigningKeys

METHODS = ("client_secret_basic", "client_secret_post", "none")
_OF_TOKENS = (
    "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "acr", "amr", TENANT, EMAIL_VERIFIED, OVERAGE, TRUNCATED,
)


def metadata(issuer: str, kind: ResourceType, of_clients: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of a tenant's provider.

    `issuer` is the tenant's URL, `kind` the type of users, and `of_clients` what is true for clients of SCIM (RFC 8414
    section 2); lists of both are joined, because there is one token endpoint.
    """
    ours: dict[str, Any] = {
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "end_session_endpoint": f"{issuer}/oauth/logout",
        "scopes_supported": scopes_of(kind),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [CODE_GRANT],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": sorted({*_OF_TOKENS, *claims_of(kind)}),
        "prompt_values_supported": ["none", "login", "select_account", "consent"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "authorization_response_iss_parameter_supported": True,
    }
    joined = {
        name: list(dict.fromkeys([*value, *of_clients.get(name, ())])) if isinstance(value, list) else value
        for name, value in ours.items()
    }
    return of_clients | joined


def key_set(keys: SigningKeys) -> dict[str, Any]:
    """Return the public keys that ID tokens can be verified with, as a JWK Set (RFC 7517 section 5)."""
    return {"keys": [key.public for key in keys.published(ID_TOKEN)]}
