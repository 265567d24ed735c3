"""An identity provider says that a person has signed out there (OpenID Connect Front-Channel Logout section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from app.sign_on.endings import IDP
from app.sign_on.flow.form import read_query
from app.sign_on.flow.parts import Parts
from app.sign_on.flow.visit import Visit
from app.sign_on.oidc.callback import MOST_CHARACTERS
from app.sign_on.reasons import SignOnRefused
from app.store.accounts.tenants import Tenants
from app.store.log.event import Actor
from app.store.sign_on.connection import Connection, OidcPart
from app.store.sign_on.logouts import End, end_sessions


def end_by_identity_provider(parts: Parts, visit: Visit, query: bytes) -> tuple[str, ...] | None:
    """End the sessions that a query names by the `sid` with which they came, and return who may frame the answer.

    Those are the origins of the tenant's identity providers; None if it has none that speaks OpenID Connect. A `sid` is
    known to nobody but the identity provider and scimd, and all that one could do with it is to sign out; so no cookie
    is needed, which browsers do not send from within a frame.
    """
    connections = [each for each in parts.connections.of_tenant(visit.tenant) if each.oidc is not None]
    if not connections:
        return None
    try:
        parameters = read_query(query)
    except SignOnRefused:
        parameters = {}
    for connection in connections:
        _end(parts, visit, connection, parameters)
    return tuple(_origin(connection.oidc) for connection in connections if connection.oidc is not None)


def _end(parts: Parts, visit: Visit, connection: Connection, parameters: Mapping[str, str]) -> None:
    assert connection.oidc is not None
    sid, issuer = parameters.get("sid", ""), parameters.get("iss", connection.oidc.issuer)
    tenant = Tenants(parts.database).get(visit.tenant)
    if tenant is None or issuer != connection.oidc.issuer or not 0 < len(sid) <= MOST_CHARACTERS:
        return
    end = End(IDP, parts.directory(tenant).events, Actor(request_id=visit.request_id))
    end_sessions(parts.database, tenant.name, {"connection": connection.id, "sessionIndex": sid}, end)


def _origin(part: OidcPart) -> str:
    endpoint = urlsplit(part.metadata["authorization_endpoint"])
    return f"{endpoint.scheme}://{endpoint.netloc}"
