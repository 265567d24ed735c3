"""Single logout: an identity provider says that a person has signed out there, and gets an answer.

An unsigned request may end only the session whose index it names, which nobody but the identity provider and we know.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree

from app.sign_on.certificate import Certificate
from app.sign_on.checks import Checks
from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.elements import (
    ASSERTION,
    PROTOCOL,
    SKEW,
    SUCCESS,
    VERSION,
    child,
    ds,
    malformed,
    moment,
    name_text,
    saml,
    samlp,
    text,
    written,
)
from app.sign_on.saml.encoding import parse
from app.sign_on.saml.reading import UsedAssertion, check_window
from app.sign_on.saml.redirect import RELAY_STATE, REQUEST, RESPONSE, inflate, is_signed_by, parameters, redirect
from app.sign_on.saml.shape import check_ids, check_not_encrypted, check_root

LIFETIME = timedelta(minutes=5)
"""How old a request may be."""


@dataclass(frozen=True)
class ExpectedLogout:
    """What a good request for a logout says."""

    entity_id: str
    """The identity provider's."""
    logout_url: str
    """Ours."""
    certificates: tuple[Certificate, ...]
    now: datetime


@dataclass(frozen=True)
class LogoutRequest:
    """A request to end sessions."""

    used: UsedAssertion
    """Its id, which may not be accepted a second time."""
    signed: bool
    """Whether its query is signed with a certificate of the connection."""
    name_id: str
    session_indexes: tuple[str, ...]
    relay_state: str
    """To be given back."""


def read_logout_request(query: str, expected: ExpectedLogout) -> LogoutRequest:
    """Return the request in a query string, which must be exactly as it was received; raises SignOnRefused."""
    received = parameters(query)
    if REQUEST not in received:
        raise malformed("The query has no SAMLRequest.")
    signed = is_signed_by(query, REQUEST, tuple(each for each in expected.certificates if each.is_valid(expected.now)))
    root = parse(inflate(received[REQUEST]))
    check_root(root, samlp("LogoutRequest"))
    check_not_encrypted(root)
    check_ids(root)
    if next(root.iter(ds("Signature")), None) is not None or "ID" not in root.attrib:
        raise SignOnRefused(Reason.STRUCTURE, "A request in a redirect is signed in the query, and has an ID.")
    until = _check_said_to_us_now(root, expected)
    return LogoutRequest(
        used=UsedAssertion(root.get("ID", ""), until),
        signed=signed,
        name_id=name_text(child(root, saml("NameID"))),
        session_indexes=tuple(name_text(each) for each in root.iterchildren(samlp("SessionIndex"))),
        relay_state=received.get(RELAY_STATE, ""),
    )


def logout_response_url(
    request: LogoutRequest, slo_url: str, our_entity_id: str, now: datetime, signer: RSAPrivateKey | None = None
) -> str:
    """Return the URL at the identity provider that tells it that a request was carried out."""
    root = etree.Element(samlp("LogoutResponse"), nsmap={"samlp": PROTOCOL, "saml": ASSERTION})
    for name, value in (
        ("ID", f"_{secrets.token_hex(16)}"), ("Version", VERSION), ("IssueInstant", written(now)),
        ("Destination", slo_url), ("InResponseTo", request.used.id),
    ):
        root.set(name, value)
    etree.SubElement(root, saml("Issuer")).text = our_entity_id
    status = etree.SubElement(root, samlp("Status"))
    etree.SubElement(status, samlp("StatusCode")).set("Value", SUCCESS)
    return redirect(slo_url, RESPONSE, root, request.relay_state, signer)


def _check_said_to_us_now(root: etree._Element, expected: ExpectedLogout) -> datetime:
    """Check issuer, destination and moments; return when the request is too old to be accepted anyway."""
    checks = Checks()
    checks.equal(Reason.ISSUER, "Issuer", expected.entity_id, text(child(root, saml("Issuer"))))
    if "Destination" in root.attrib:
        checks.equal(Reason.DESTINATION, "Destination", expected.logout_url, root.get("Destination"))
    issued, until = moment(root, "IssueInstant"), moment(root, "NotOnOrAfter")
    if issued is None:
        raise malformed("The request does not say when it was made.")
    check_window("Request", (issued, issued + LIFETIME), expected.now, checks)
    check_window("Request", (None, until), expected.now, checks)
    return issued + LIFETIME + SKEW
