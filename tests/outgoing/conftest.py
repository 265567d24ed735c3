"""Fixtures that these tests share with those of auth."""

from tests.auth.conftest import database, issuer, tenants, trusts

__all__ = ["database", "issuer", "tenants", "trusts"]
