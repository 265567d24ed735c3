"""What an operator may say about a connection, when it may be turned on, and what is worth knowing about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from app.errors import InvalidValue
from app.schemas.tables.common import EXTERNAL_ID
from app.schemas.tables.user import USER_TYPE
from app.sign_on.certificate import Certificate
from app.sign_on.reasons import SignOnRefused
from app.sign_on.refreshing import certificates, stored
from app.sign_on.saml.known_claims import OBJECT_ID
from app.store.accounts.trusts import check_url, is_loopback
from app.store.sign_on.connection import SAML, Connection, SamlPart

DEFAULT_SOURCES = {SAML: "NameID"}
"""What is compared with the user's name, unless the operator says something else, by the kind of the connection."""
DEFAULT_SOURCE = "preferred_username"
TESTED_WITHIN = timedelta(days=7)
LONGEST = 1_024
_SOON = timedelta(days=30)
_DER = b"\x30"
"""How each certificate in DER begins: the tag of a SEQUENCE. It is `0` in ASCII, which no base64 of one begins with."""


def match_of(kind: str, rule: str | None) -> tuple[str, str]:
    """Return attribute and source of a match rule such as `userName=NameID`, or the default; raises InvalidValue."""
    if rule is None:
        return USER_TYPE.identifier, DEFAULT_SOURCES.get(kind, DEFAULT_SOURCE)
    attribute, _, source = rule.partition("=")
    known = sorted(USER_TYPE.signs_in)
    if attribute not in known or not source:
        default = f"{USER_TYPE.identifier}={DEFAULT_SOURCES.get(kind, DEFAULT_SOURCE)}"
        raise InvalidValue(
            f"{rule!r} is no match rule: write ATTRIBUTE=SOURCE, such as {default}. The attribute is one of "
            f"{', '.join(known)}; the source is what the identity provider sends."
        )
    check_text(source, "The source of the match rule, after `=`,")
    return attribute, source


def check_text(text: str, what: str) -> None:
    """Check a name that is compared or shown; `what` begins the error's sentence. Raises InvalidValue."""
    if not text.strip() or len(text) > LONGEST or not text.isprintable():
        raise InvalidValue(f"{what} must have 1 to {LONGEST} printable characters.")


def by_hand(entity_id: str, sso_url: str, certificate: Certificate) -> SamlPart:
    """Return an identity provider that publishes no metadata; raises InvalidValue."""
    check_text(entity_id, "The entity id")
    check_url(sso_url, "The SSO URL", query=True)
    return SamlPart(entity_id=entity_id, sso_url=sso_url, certificates=(stored(certificate),))


def certificate_in(file: bytes) -> Certificate:
    """Return the certificate in a file: PEM, base64 or DER; raises InvalidValue."""
    try:
        if file.startswith(_DER):
            certificate = Certificate.from_der(file)
        else:
            certificate = Certificate.from_text(file.decode("ascii", "replace"))
    except SignOnRefused as error:
        raise InvalidValue(f"{error.detail} It must be one in PEM, base64 or DER.") from error
    if certificate.weakness:
        raise InvalidValue(f"The certificate has {certificate.weakness}; it needs RSA of 2048 bits, P-256 or P-384.")
    return certificate


def obstacles(connection: Connection, base_url: str, moment: datetime) -> list[str]:
    """Return why a connection cannot be turned on, the missing test left out: sentences for the operator."""
    found = []
    parts = urlsplit(base_url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        found.append("SCIMD_PUBLIC_URL must begin with https: browsers take no cookies for sign-on otherwise.")
    if connection.saml and not any(each.is_valid(moment) for each in certificates(connection)):
        cure = _another_certificate(connection)
        found.append(f"None of its certificates is valid now, so no one can sign in; {cure}")
    if connection.oidc and not connection.oidc.keys:
        found.append(f"Its keys are not known; read them: scimd sso refresh {connection.tenant}")
    return found


def _another_certificate(connection: Connection) -> str:
    if connection.saml and connection.saml.metadata_url:
        return f"read the metadata: scimd sso refresh {connection.tenant}"
    return f"give its new metadata or certificate: scimd sso set {connection.tenant} saml"


def is_tested(connection: Connection, moment: datetime) -> bool:
    """Return whether a test was passed not too long ago, with the settings that there are now."""
    return connection.tested is not None and moment - connection.tested <= TESTED_WITHIN


def advice(connection: Connection, base_url: str, moment: datetime) -> list[str]:
    """Return what an operator should know about a connection, beside its `obstacles`: sentences."""
    found = []
    if connection.fault:
        found.append(f"The metadata could not be read: {connection.fault}")
    if connection.expires and timedelta() < connection.expires - moment <= _SOON:
        day = f"{connection.expires:%Y-%m-%d %H:%M} UTC"
        found.append(f"Its last certificate expires on {day}; no one can sign in after that without another one.")
    if connection.base_url and connection.base_url != base_url:
        found.append(
            f"The last sign-in was at {connection.base_url}, and SCIMD_PUBLIC_URL is {base_url} now: the values at the "
            "identity provider have to be changed."
        )
    if connection.match_attribute != EXTERNAL_ID.name:
        source = OBJECT_ID if connection.saml else "oid"
        found.append(
            f"A name may be given to another person some day. Better: map objectId to {EXTERNAL_ID.name} in the "
            f"provisioning, and use --match {EXTERNAL_ID.name}={source}"
        )
    return found
