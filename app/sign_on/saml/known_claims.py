"""What identity providers call a person's immutable id and the ways in which they authenticate."""

from __future__ import annotations

from collections.abc import Iterable

IDENTITY = ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/", "http://schemas.microsoft.com/identity/claims/")
"""How the names of claims about who a person is begin, at Entra and AD FS."""
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
"""Entra's id of a person: immutable, and never given to another one."""
METHODS = "http://schemas.microsoft.com/claims/authnmethodsreferences"
MFA = "mfa"
_AMR = {
    "http://schemas.microsoft.com/claims/multipleauthn": MFA,
    "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password": "pwd",
    "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/windows": "wia",
    "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/x509": "swk",
    "http://schemas.microsoft.com/claims/wiaormultiauthn": "wia",
    "http://schemas.microsoft.com/ws/2012/12/authmethod/otp": "otp",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:Password": "pwd",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport": "pwd",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:X509": "swk",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken": MFA,
    "https://refeds.org/profile/mfa": MFA,
}
"""Methods and context classes, and what RFC 8176 calls them."""


def amr(said: Iterable[str]) -> tuple[str, ...]:
    """Return the authentication methods as RFC 8176 names them, sorted; what is not known is left out."""
    return tuple(sorted({_AMR[each] for each in said if each in _AMR}))
