"""Sign-on as the views use it."""

from __future__ import annotations

from app.sign_on.certificate import Certificate
from app.sign_on.flow.answering import Answering
from app.sign_on.flow.finishing import Finishing
from app.sign_on.flow.parts import Parts
from app.sign_on.flow.starting import Starting
from app.sign_on.flow.urls import Urls
from app.sign_on.flow.visit import Visit
from app.store.accounts.names import is_name
from app.store.sign_on.signing_keys import SAML

EXTENSION = "scimd.sign_on"
"""Under this name the application has its `SignOn`."""


class SignOn:
    """The steps of a sign-in."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.starting = Starting(parts)
        self.answering = Answering(parts)
        self.finishing = Finishing(parts)

    @staticmethod
    def can_be_named(tenant: str) -> bool:
        """Return whether a text has the form of a tenant's name."""
        return is_name(tenant)

    def urls(self, tenant: str) -> Urls:
        """Return the URLs of a tenant."""
        return self._parts.urls(tenant)

    def end_by_identity_provider(self, visit: Visit, query: bytes) -> tuple[str, ...] | None:
        """End sessions that an identity provider says are over; return who may frame the answer, None for nobody."""
        from app.sign_on.oidc import logout  # read by the first who signs out so

        return logout.end_by_identity_provider(self._parts, visit, query)

    def saml_metadata(self, tenant: str) -> bytes | None:
        """Return our metadata for a name, or None if no tenant can have it.

        It is the same for all names, so it does not say that our requests are signed, even where they are (D-313).
        """
        if not is_name(tenant):
            return None
        from app.sign_on.saml.own_metadata import OwnService, own_metadata  # lxml takes 40 ms and 7 MB

        urls, keys = self.urls(tenant), self._parts.signing_keys.published(SAML)
        certificates = [Certificate.from_der(key.certificate) for key in keys if key.certificate]
        return own_metadata(OwnService(urls.entity_id, urls.acs, urls.saml_logout, certificates))
