"""A certificate with which an identity provider signs: pinned byte for byte, never trusted through a chain."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from app.sign_on.reasons import Reason, SignOnRefused

LEAST_BITS = 2_048
"""Of an RSA key."""
CURVES = frozenset({"secp256r1", "secp384r1"})
_UNREADABLE = (ValueError, x509.InvalidVersion)
_PEM = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Certificate:
    """A certificate, by its bytes."""

    der: bytes
    thumbprint: str
    """SHA-256 of the bytes, in upper case hexadecimal."""
    sha1: str
    """SHA-1 of the bytes, which Entra's pages show; it is for reading only."""
    not_before: datetime
    not_after: datetime

    @classmethod
    def from_der(cls, der: bytes) -> Certificate:
        """Return the certificate in these bytes; raises SignOnRefused if there is none."""
        try:
            parsed = x509.load_der_x509_certificate(der)
            return cls(
                der=parsed.public_bytes(Encoding.DER),
                thumbprint=hashlib.sha256(der).hexdigest().upper(),
                sha1=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
                not_before=parsed.not_valid_before_utc,
                not_after=parsed.not_valid_after_utc,
            )
        except _UNREADABLE as error:
            raise SignOnRefused(Reason.MALFORMED, "A certificate cannot be read.") from error

    @classmethod
    def from_text(cls, text: str) -> Certificate:
        """Return the certificate in a PEM file or in plain base64; raises SignOnRefused."""
        try:
            if _PEM in text:
                return cls.from_der(x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.DER))
            return cls.from_der(binascii.a2b_base64("".join(text.split()).encode("ascii"), strict_mode=True))
        except _UNREADABLE as error:
            raise SignOnRefused(Reason.MALFORMED, "A certificate cannot be read.") from error

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate as cryptography knows it."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def text(self) -> str:
        """The certificate in base64, as it stands in metadata."""
        return base64.b64encode(self.der).decode("ascii")

    @property
    def weakness(self) -> str | None:
        """What is too weak about its key; None if nothing is."""
        try:
            key = self.parsed.public_key()
        except (ValueError, UnsupportedAlgorithm):
            return "a key that cannot be read"
        if isinstance(key, RSAPublicKey):
            return None if key.key_size >= LEAST_BITS else f"an RSA key of {key.key_size} bits"
        if isinstance(key, EllipticCurvePublicKey):
            return None if key.curve.name in CURVES else f"a key on the curve {key.curve.name}"
        return "a key that is neither RSA nor on an elliptic curve"

    def is_valid(self, now: datetime) -> bool:
        """Return whether a moment is within its dates."""
        return self.not_before <= now <= self.not_after
