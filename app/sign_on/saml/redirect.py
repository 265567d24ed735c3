"""How messages travel in the query of a redirect: deflated, in base64, and perhaps signed as they are sent."""

from __future__ import annotations

import binascii
import zlib
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from lxml import etree

from app.sign_on.certificate import Certificate
from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.elements import malformed
from app.sign_on.saml.encoding import MOST_BYTES, decode, encode

REQUEST: Final = "SAMLRequest"
RESPONSE: Final = "SAMLResponse"
RELAY_STATE: Final = "RelayState"
RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_ALGORITHM = "SigAlg"
_SIGNATURE = "Signature"
_HASHES: dict[str, HashAlgorithm] = {
    RSA_SHA256: SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": SHA384(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": SHA512(),
}
_RAW = -zlib.MAX_WBITS
"""Deflated without header and checksum."""


def redirect(
    url: str, parameter: str, message: etree._Element, relay_state: str, signer: RSAPrivateKey | None = None
) -> str:
    """Return the URL that carries a message to an identity provider.

    `parameter` is REQUEST or RESPONSE; a query that `url` has stays. With a `signer`, the query is signed.
    """
    compressor = zlib.compressobj(9, zlib.DEFLATED, _RAW)
    deflated = compressor.compress(etree.tostring(message, encoding="utf-8")) + compressor.flush()
    query = _pair(parameter, encode(deflated))
    if relay_state:
        query += "&" + _pair(RELAY_STATE, relay_state)
    if signer is not None:
        query += "&" + _pair(_ALGORITHM, RSA_SHA256)
        query += "&" + _pair(_SIGNATURE, encode(signer.sign(query.encode(), PKCS1v15(), SHA256())))
    return appended(url, query)


def appended(url: str, query: str) -> str:
    """Return a URL with more in its query."""
    return f"{url}{'&' if '?' in url else '?'}{query}"


def inflate(encoded: str) -> bytes:
    """Return the XML in a parameter; raises SignOnRefused, before more than 64 KiB have been inflated."""
    inflater = zlib.decompressobj(_RAW)
    try:
        xml = inflater.decompress(decode(encoded), MOST_BYTES + 1)
    except zlib.error as error:
        raise malformed("The message is not deflated.") from error
    if len(xml) > MOST_BYTES:
        raise SignOnRefused(Reason.TOO_LARGE, f"The message is larger than {MOST_BYTES} bytes.")
    if not inflater.eof or inflater.unused_data:
        raise malformed("The message is not deflated as a whole.")
    return xml


def parameters(query: str) -> dict[str, str]:
    """Return the parameters of a query string as it was received; raises SignOnRefused if one comes twice."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise malformed("The query cannot be read.") from error
    if len({name for name, _ in pairs}) != len(pairs):
        raise malformed("A parameter comes twice.")
    return dict(pairs)


def is_signed_by(query: str, parameter: str, certificates: tuple[Certificate, ...]) -> bool:
    """Return whether a query is signed with one of the certificates; raises SignOnRefused if its signature is wrong.

    The signature covers the parameters as they were sent, in their order in the standard: message, RelayState, SigAlg.
    """
    sent = {unquote_plus(part.partition("=")[0]): part for part in query.split("&")}
    received = parameters(query)
    if _SIGNATURE not in received:
        return False
    algorithm = received.get(_ALGORITHM, "")
    if algorithm not in _HASHES:
        raise SignOnRefused(Reason.WEAK_ALGORITHM, "The query is signed with an algorithm that is not accepted.")
    signed = "&".join(sent[name] for name in (parameter, RELAY_STATE, _ALGORITHM) if name in sent).encode()
    try:
        signature = binascii.a2b_base64(received[_SIGNATURE].encode("ascii"), strict_mode=True)
    except ValueError as error:
        raise malformed("The signature of the query is not base64.") from error
    if not any(_holds(certificate, signature, signed, _HASHES[algorithm]) for certificate in certificates):
        raise SignOnRefused(Reason.BAD_SIGNATURE, "The signature of the query does not hold.")
    return True


def _holds(certificate: Certificate, signature: bytes, signed: bytes, algorithm: HashAlgorithm) -> bool:
    key = None if certificate.weakness else certificate.parsed.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, signed, PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def _pair(name: str, value: str) -> str:
    return f"{name}={quote(value, safe='')}"
