"""The request with which a sign-in begins.

It says no more than it must: a NameIDPolicy would override the NameID that the customer has configured, and with a
RequestedAuthnContext people who use a stronger method than a password would fail (D-303).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from app.sign_on.saml.elements import ASSERTION, POST_BINDING, PROTOCOL, VERSION, saml, samlp, written
from app.sign_on.saml.redirect import REQUEST, appended, redirect


@dataclass(frozen=True)
class AuthnRequest:
    """A request to authenticate a person."""

    id: str
    """From `new_request_id`."""
    sso_url: str
    """Where the identity provider takes it; may have a query of its own."""
    our_entity_id: str
    acs_url: str
    """Where the response is to be posted."""
    now: datetime
    force: bool = False
    """Whether the person must be authenticated anew, even with a session there."""


def new_request_id() -> str:
    """Return an id that no other request has; it may not begin with a digit."""
    return f"_{secrets.token_hex(16)}"


def authn_request_url(
    request: AuthnRequest, relay_state: str, *, login_hint: str = "", signer: RSAPrivateKey | None = None
) -> str:
    """Return the URL at the identity provider to which the browser is sent."""
    root = etree.Element(samlp("AuthnRequest"), nsmap={"samlp": PROTOCOL, "saml": ASSERTION})
    for name, value in (
        ("ID", request.id), ("Version", VERSION), ("IssueInstant", written(request.now)),
        ("Destination", request.sso_url), ("ProtocolBinding", POST_BINDING),
        ("AssertionConsumerServiceURL", request.acs_url), *([("ForceAuthn", "true")] if request.force else []),
    ):
        root.set(name, value)
    etree.SubElement(root, saml("Issuer")).text = request.our_entity_id
    url = redirect(request.sso_url, REQUEST, root, relay_state, signer)
    return appended(url, f"login_hint={quote(login_hint, safe='')}") if login_hint else url
