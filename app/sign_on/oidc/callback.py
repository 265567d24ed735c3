"""The identity provider's answer to an authentication request, as the browser brings it."""

from __future__ import annotations

from collections.abc import Mapping

from app.auth.refusal import Check, loggable
from app.sign_on.oidc.discovery import Metadata
from app.sign_on.reasons import Reason, SignOnRefused

MOST_CHARACTERS = 8_192


def code_from(parameters: Mapping[str, str], metadata: Metadata) -> str:
    """Return the authorization code; raises SignOnRefused.

    `parameters` are those of the callback's query; that each comes once, and that `state` and browser are right, has
    been checked. A code of another issuer must not be sent to this one's token endpoint (RFC 9207 section 2.4).
    """
    issuer = parameters.get("iss")
    if issuer is not None and issuer != metadata.issuer:
        raise _refused_issuer(metadata, issuer)
    if "error" in parameters:
        detail = f"The identity provider answered with the error {loggable(parameters['error'])!r}"
        if parameters.get("error_description"):
            detail += f": {loggable(parameters['error_description'])}"
        raise SignOnRefused(Reason.IDP_ERROR, detail)
    if issuer is None and metadata.sends_issuer:
        raise _refused_issuer(metadata, "nothing")
    code = parameters.get("code", "")
    if not 0 < len(code) <= MOST_CHARACTERS:
        raise SignOnRefused(Reason.MALFORMED, f"The answer has a code of {len(code)} characters.")
    return code


def _refused_issuer(metadata: Metadata, received: str) -> SignOnRefused:
    check = Check("issuer", metadata.issuer, loggable(received), False)
    return SignOnRefused(Reason.ISSUER, "The answer comes from another issuer than the connection's.", (check,))
