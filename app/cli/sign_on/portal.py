"""What an administrator pastes into Entra for sign-on, by the names of its pages, and what is known of a connection."""

from __future__ import annotations

import textwrap
from typing import Any

from app.auth.refusal import ago
from app.cli.connection import Connection
from app.cli.output import cell, print_values, say
from app.cli.sign_on.choosing import has_group
from app.sign_on.certificate import Certificate
from app.sign_on.connecting import advice, is_tested, obstacles
from app.sign_on.flow.urls import Urls
from app.sign_on.oidc.discovery import discovery_url
from app.sign_on.refreshing import certificates
from app.store.accounts.sealing import Sealer
from app.store.log.events import Events, LogSettings
from app.store.mongo.moments import now
from app.store.sign_on import connection as stored
from app.store.sign_on.signing_keys import SAML, SigningKeys

_NAMES = {
    "sso_url": "SSO URL", "metadata_url": "Metadata from", "client_id": "Client ID", "last_sign_in": "Last sign-in",
}
"""Names of facts that are not their words in JSON."""


def portal_values(connection: Connection, found: stored.Connection) -> dict[str, str]:
    """Return the values to paste, by the names of Entra's pages, in their order."""
    urls = Urls(connection.config.base_url, found.tenant)
    if found.saml:
        return {
            "Identifier (Entity ID)": found.saml.our_entity_id or urls.entity_id,
            "Reply URL (Assertion Consumer Service URL)": urls.acs,
            "Sign on URL": urls.sign_on,
            "Relay State": "(leave it empty)",
            "Logout Url": urls.saml_logout,
            "Metadata to upload": urls.entity_id,
        }
    return {
        "Redirect URI (Web)": urls.callback,
        "Front-channel logout URL": f"{urls.sign_on}/oidc/logout",
        "Optional claims": "auth_time, sid, upn",
    }


def print_portal(connection: Connection, found: stored.Connection) -> None:
    """Print what to paste, for people."""
    kind = "SAML" if found.saml else "OpenID Connect"
    words = (kind, found.id, "on" if found.on else "off", found.label)
    say(f"{found.tenant}: {', '.join(filter(None, words))}", "")
    print_values(portal_values(connection, found))
    if found.sign_requests or (found.oidc and not found.oidc.secret):
        what = "Verification certificate" if found.saml else "Certificate of the client"
        say("", f"{what} to upload:", *_pem(connection).splitlines())


def warnings(connection: Connection, found: stored.Connection) -> list[str]:
    """Return what keeps people from signing in by a connection: sentences."""
    sentences = obstacles(found, connection.config.base_url, now())
    if found.group and not has_group(connection, found.tenant, found.group):
        sentences.append(
            f"{found.tenant} has no group {found.group!r} yet, so no one can sign in until it is provisioned."
        )
    return sentences


def facts(connection: Connection, found: stored.Connection) -> dict[str, Any]:
    """Return what is known of a connection, ready for JSON."""
    moment = now()
    return {
        "id": found.id, "kind": found.kind, "on": found.on, "label": found.label or None,
        "identity_provider": found.provider, **_of_provider(found),
        "match": f"{found.match_attribute}={found.match_source}",
        "subject": found.subject or None, "sign_requests": found.sign_requests, "require_mfa": found.require_mfa,
        "group": found.group or None, "app": found.app or None, "metadata_read": found.fetched,
        "fault": found.fault or None, "tested": found.tested, "is_tested": is_tested(found, moment),
        "last_sign_in": found.last_sign_in, "last_refusal": _last_refusal(connection, found),
        "certificates": [
            {
                "thumbprint": each.thumbprint, "sha1": each.sha1, "valid_from": each.not_before,
                "valid_until": each.not_after, "days_left": (each.not_after - moment).days,
            }
            for each in certificates(found)
        ],
        "portal": portal_values(connection, found),
        "advice": [*warnings(connection, found), *advice(found, connection.config.base_url, moment)],
    }


def _of_provider(found: stored.Connection) -> dict[str, Any]:
    """Return what is known of an identity provider by its protocol."""
    if found.saml:
        return {"sso_url": found.saml.sso_url, "metadata_url": found.saml.metadata_url or None}
    assert found.oidc is not None
    return {
        "metadata_url": discovery_url(found.oidc.issuer), "client_id": found.oidc.client_id,
        "scopes": list(found.oidc.scopes), "authentication": "secret" if found.oidc.secret else "key",
        "keys": len(found.oidc.keys),
    }


def print_facts(shown: dict[str, Any]) -> None:
    """Print what `facts` returned, for people."""
    apart = ("certificates", "portal", "advice", "id", "kind", "on", "label", "is_tested", "last_refusal")
    words = {
        "tested": _tested(shown),
        "metadata_url": shown["metadata_url"] or "none: it was given once, and is not read again",
        "metadata_read": shown["metadata_url"] and shown["metadata_read"],
    }
    known = {
        name: value for name, value in (shown | words).items() if name not in apart and value not in (None, [], False)
    }
    say("")
    print_values({_NAMES.get(name, name.replace("_", " ").capitalize()): cell(value) for name, value in known.items()})
    refusal = shown["last_refusal"]
    if refusal:
        say(f"  Last refusal: {cell(refusal['time'])} {refusal['detail']}")
    for each in shown["certificates"]:
        say(f"  Certificate {each['thumbprint']} (SHA-1 {each['sha1']}), {_lifetime(each)}")
    for sentence in shown["advice"]:
        say("", *textwrap.wrap(sentence, 100, break_long_words=False, break_on_hyphens=False))


def _tested(shown: dict[str, Any]) -> str:
    """Return when a test was passed, in words."""
    if shown["tested"] is None:
        return "not yet with these settings"
    return cell(shown["tested"]) + ("" if shown["is_tested"] else ", which is more than seven days ago")


def _lifetime(certificate: dict[str, Any]) -> str:
    """Return until when a certificate is valid, and how long that is, in words."""
    until, moment = certificate["valid_until"], now()
    if until <= moment:
        rest = f"expired {ago(until, moment)}"
    elif certificate["days_left"]:
        rest = f"{certificate['days_left']} days left"
    else:
        rest = f"expires {ago(until, moment)}"
    if certificate["valid_from"] > moment:
        rest = f"not valid before {cell(certificate['valid_from'])}"
    return f"until {cell(until)}, {rest}"


def _last_refusal(connection: Connection, found: stored.Connection) -> dict[str, Any] | None:
    """Return time and detail of the last sign-on that was refused, None if there is none among the last refusals."""
    log = Events(connection.database, found.tenant, LogSettings(connection.config.log_days))
    lines = [line for line in log.find(failed=True) if line.get("signOn", {}).get("connection") == found.id]
    return {"time": lines[-1]["time"], "detail": lines[-1]["detail"]} if lines else None


def _pem(connection: Connection) -> str:
    keys = SigningKeys(connection.database, Sealer(connection.database, connection.config.sealing_keys))
    der = keys.current(SAML).certificate
    assert der is not None
    lines = textwrap.wrap(Certificate.from_der(der).text, 64)
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"))
