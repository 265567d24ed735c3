"""The application on a real MongoDB, and a real issuer."""

from tests.auth.conftest import issuer
from tests.blueprints.conftest import application, gallery, http_database, new_client, rfc

__all__ = ["application", "gallery", "http_database", "issuer", "new_client", "rfc"]
