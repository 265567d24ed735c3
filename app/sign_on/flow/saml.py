"""A sign-in by SAML: its request, and its response; and the sign-out at the identity provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from app.auth.refusal import Check, loggable
from app.sign_on.certificate import Certificate
from app.sign_on.checks import Checks
from app.sign_on.flow.parts import Parts
from app.sign_on.identity import Identity
from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.logout import ExpectedLogout, logout_response_url, read_logout_request
from app.sign_on.saml.request import AuthnRequest, authn_request_url
from app.sign_on.saml.response import Expected, UnknownSigner, UsedAssertion, read_response
from app.store.sign_on.connection import Connection, SamlPart
from app.store.sign_on.logouts import End, end_sessions
from app.store.sign_on.sign_ins import SignIn
from app.store.sign_on.signing_keys import SAML


def request_url(parts: Parts, connection: Connection, sign_in: SignIn, state: str, login_hint: str) -> str:
    """Return the URL at the identity provider, with the request of a sign-in."""
    saml, urls = _part(connection), parts.urls(connection.tenant)
    request = AuthnRequest(
        id=sign_in.request, sso_url=saml.sso_url, our_entity_id=saml.our_entity_id or urls.entity_id,
        acs_url=urls.acs, now=parts.clock(), force=sign_in.forced,
    )
    return authn_request_url(request, state, login_hint=login_hint, signer=_signer(parts, connection))


def identity(parts: Parts, connection: Connection, sign_in: SignIn, response: str, checks: Checks) -> Identity:
    """Return who has signed in, from a response that is used up by it; raises SignOnRefused.

    If no certificate that is known has signed it, the metadata of the identity provider is read once more.
    """
    expected = _expected(parts, connection, sign_in)
    first = len(checks.made)
    try:
        found, used = read_response(response, expected, checks)
    except UnknownSigner:
        fresh = parts.hooks.refresh(connection)
        if fresh is None:
            raise
        del checks.made[first:]
        found, used = read_response(response, replace(expected, certificates=_certificates(_part(fresh))), checks)
    _use(parts, connection, used, tuple(checks.made))
    return found


def end_by_identity_provider(parts: Parts, connection: Connection, query: str, end: End) -> str:
    """End the sessions that a request for single logout names; return where the answer goes, "" for nowhere.

    An unsigned request ends only sessions whose index it names: that is known to nobody but the identity provider and
    scimd, and all that one could do with it is to sign out. If no certificate that is known has signed it, the metadata
    of the identity provider is read once more. Raises SignOnRefused.
    """
    saml, urls = _part(connection), parts.urls(connection.tenant)
    expected = ExpectedLogout(saml.entity_id, urls.saml_logout, _certificates(saml), parts.clock())
    try:
        request = read_logout_request(query, expected)
    except SignOnRefused as refusal:
        fresh = parts.hooks.refresh(connection) if refusal.reason is Reason.BAD_SIGNATURE else None
        if fresh is None:
            raise
        request = read_logout_request(query, replace(expected, certificates=_certificates(_part(fresh))))
    sessions: dict[str, Any] = {"connection": connection.id}
    if request.signed:  # what nobody has signed is not worth a write
        _use(parts, connection, request.used, ())
        sessions["nameId"] = request.name_id
    if request.session_indexes or not request.signed:
        sessions["sessionIndex"] = {"$in": list(request.session_indexes)}
    end_sessions(parts.database, connection.tenant, sessions, end)
    if not saml.slo_url:
        return ""
    ours = saml.our_entity_id or urls.entity_id
    return logout_response_url(request, saml.slo_url, ours, parts.clock(), _signer(parts, connection))


def _use(parts: Parts, connection: Connection, used: UsedAssertion, checks: tuple[Check, ...]) -> None:
    """Note that a message is used; raises SignOnRefused if it was used before."""
    before = parts.sign_ins.use_assertion(connection.tenant, connection.id, used.id, used.until)
    if before is not None:
        check = Check("message", "not used before", f"used at {before:%H:%M:%S} UTC", False)
        detail = f"The message was used at {before:%Y-%m-%d %H:%M:%S} UTC already."
        raise SignOnRefused(Reason.REPLAY, detail, (*checks, check))


def _signer(parts: Parts, connection: Connection) -> RSAPrivateKey | None:
    return parts.signing_keys.current(SAML).private if connection.sign_requests else None


def _expected(parts: Parts, connection: Connection, sign_in: SignIn) -> Expected:
    saml, urls = _part(connection), parts.urls(connection.tenant)
    return Expected(
        entity_id=saml.entity_id, our_entity_id=saml.our_entity_id or urls.entity_id, acs_url=urls.acs,
        certificates=_certificates(saml), request_id=sign_in.request, now=parts.clock(),
        forced_since=sign_in.started if sign_in.forced else None, require_mfa=connection.require_mfa,
        subject_source=connection.subject or None, match_source=connection.match_source,
    )


def _part(connection: Connection) -> SamlPart:
    if connection.saml is None:
        raise SignOnRefused(Reason.MALFORMED, f"The connection is for {loggable(connection.kind)}.")
    return connection.saml


def _certificates(saml: SamlPart) -> tuple[Certificate, ...]:
    return tuple(Certificate.from_der(each.der) for each in saml.certificates)
