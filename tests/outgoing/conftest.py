"""Fixtures of auth that these tests use, and an environment without proxy and certificates."""

import pytest

from tests.auth.conftest import database, issuer, tenants, trusts

__all__ = ["database", "issuer", "tenants", "trusts"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
