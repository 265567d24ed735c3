"""Reads what identity providers publish: at set-up, once an hour, and when an answer is signed by something unknown.

What is read replaces certificates, keys and URLs, but never the identity provider's name. A reading that fails changes
nothing and is shown as the connection's fault. All workers together read a connection at most once a minute.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from app.auth.jwks import FetchError
from app.errors import InvalidValue, ScimError
from app.outgoing import http
from app.sign_on.certificate import Certificate
from app.sign_on.oidc import discovery
from app.sign_on.oidc.keys import fetch_keys
from app.sign_on.reasons import SignOnRefused
from app.store.accounts.trusts import check_url
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.sign_on.connection import Connection, OidcPart, SamlPart, StoredCertificate
from app.store.sign_on.connections import Connections, Readings

log = logging.getLogger("scimd")
SECONDS = 2.5
"""The time for one request."""
MOST_METADATA = 512 << 10
"""Bytes of SAML metadata."""
MOST_AGE = timedelta(hours=1)
PAUSE = timedelta(minutes=1)
"""The time between two readings."""
_ACCEPTED = "*/*"
_POLL = 0.05


def _ignore(_: str) -> None:
    """Count nothing."""


class Unusable(ScimError):
    """What an identity provider publishes cannot be read or used; the text is for the operator."""


class Refreshing:
    """Reads what the identity providers of the connections publish.

    `clock` returns the time; `failed` counts a reading that failed, by its tenant.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = now, failed: Callable[[str], object] = _ignore
    ) -> None:
        self._connections = Connections(database)
        self._readings = Readings(database, clock)
        self._clock = clock
        self._failed = failed

    def round(self) -> int:
        """Read what was last read more than an hour ago, and return how many connections that were."""
        read = 0
        for connection in self._readings.old(MOST_AGE):
            if self._readings.claim(connection, PAUSE):
                self.read(connection)
                read += 1
        return read

    def again(self, connection: Connection) -> Connection | None:
        """Read a connection once more and return it; None if it is not time yet, or it has no URL.

        If another worker is reading it, that one is waited for.
        """
        if not connection.can_be_read_again:
            return None
        if self._readings.claim(connection, PAUSE):
            self.read(connection)
            return self._connections.get(connection.tenant, connection.id)
        found = self._awaited(connection)
        return found if found and found.fetched != connection.fetched else None

    def read(self, connection: Connection) -> str:
        """Read a connection as `attempt` does, and note in the server's log why that failed."""
        fault = self.attempt(connection)
        if fault:
            log.warning("the metadata of %s (%s) was not read: %s", connection.id, connection.tenant, fault)
            self._failed(connection.tenant)
        return fault

    def attempt(self, connection: Connection) -> str:
        """Read a connection now; return why that failed, or "". A fault is recorded, and what was known stays."""
        try:
            self._readings.store(connection, read_again(connection))
        except Unusable as error:
            self._readings.record_fault(connection, error.detail)
            return error.detail
        return ""

    def _awaited(self, connection: Connection) -> Connection | None:
        """Return the connection after waiting for another worker that is reading it, if there is one."""
        longest = 2 * SECONDS  # a reading of OpenID Connect makes two requests, one after the other
        deadline = time.monotonic() + longest
        while True:
            found = self._connections.get(connection.tenant, connection.id)
            if found is None or not found.fetching or found.attempted is None:
                return found
            stale = self._clock() - found.attempted > timedelta(seconds=longest)  # that worker was killed
            if stale or time.monotonic() >= deadline:
                return found
            time.sleep(_POLL)


def read_again(connection: Connection) -> Connection:
    """Return the connection with what its identity provider publishes now; raises Unusable."""
    if connection.oidc is not None:
        return replace(connection, oidc=discovered(connection.oidc))
    saml = connection.saml
    assert saml is not None
    return replace(connection, saml=with_metadata(saml, fetch_metadata(saml.metadata_url)))


def discovered(part: OidcPart) -> OidcPart:
    """Return the part with the metadata and the keys that the issuer publishes; raises Unusable."""
    try:
        metadata = discovery.discover(part.issuer)
        return replace(part, metadata=asdict(metadata), keys=tuple(fetch_keys(metadata)))
    except FetchError as error:
        raise Unusable(_sentence(str(error))) from error


def fetch_metadata(url: str) -> bytes:
    """Return the SAML metadata at a URL; raises Unusable."""
    deadline = time.monotonic() + SECONDS
    try:
        return http.get(url, deadline=deadline, most_bytes=MOST_METADATA, accept=_ACCEPTED)
    except http.OutgoingError as error:
        raise Unusable(_sentence(str(error))) from error


def with_metadata(part: SamlPart, xml: bytes) -> SamlPart:
    """Return the part with what a metadata document says; raises Unusable.

    The document must be of the identity provider that the part names; a part without a name takes that of the only one.
    """
    from app.sign_on.saml.metadata import parse  # lxml takes 40 ms and 7 MB, which most processes do without

    try:
        found = parse(xml, part.entity_id or None)
        check_url(found.sso_url, "The SingleSignOnService", query=True)
        if found.slo_url:
            check_url(found.slo_url, "The SingleLogoutService", query=True)
    except (SignOnRefused, InvalidValue) as error:
        raise Unusable(error.detail) from error
    return replace(
        part, entity_id=found.entity_id, sso_url=found.sso_url, slo_url=found.slo_url or "",
        certificates=tuple(map(stored, found.certificates)),
    )


def stored(certificate: Certificate) -> StoredCertificate:
    """Return a certificate as it is stored."""
    return StoredCertificate(certificate.der, certificate.thumbprint, certificate.not_before, certificate.not_after)


def certificates(connection: Connection) -> tuple[Certificate, ...]:
    """Return the certificates of a connection."""
    return tuple(Certificate.from_der(each.der) for each in connection.saml.certificates) if connection.saml else ()


def _sentence(text: str) -> str:
    begin = text[:1] if text.startswith("http") else text[:1].upper()
    return f"{begin}{text[1:]}".removesuffix(".") + "."
