"""The mail domains of a tenant."""

import pytest

from app.errors import InvalidValue, NotFound
from app.store.accounts.domains import Domains
from app.store.accounts.tenants import Tenants


@pytest.fixture
def domains(mock_database):
    Tenants(mock_database).create("contoso", "gallery")
    return Domains(mock_database)


def test_sso_112_a_domain_is_added_once_in_lower_case_and_removed(domains):
    domains.add("contoso", "Contoso.com")
    domains.add("contoso", "contoso.COM")
    assert domains.of("contoso") == {"contoso.com"}
    domains.remove("contoso", "CONTOSO.com")
    assert domains.of("contoso") == frozenset()


@pytest.mark.parametrize("domain", ["", "com", "@contoso.com", "a b.com", "-a.com", "a-.com", "contoso.com.", "*.contoso.com", "münchen.de", "a" * 64 + ".com"])
def test_sso_112_what_is_no_domain_is_refused(domains, domain):
    with pytest.raises(InvalidValue):
        domains.add("contoso", domain)


def test_sso_112_an_unknown_tenant_and_an_unknown_domain_are_reported(domains):
    for act in (lambda: domains.add("nobody", "a.com"), lambda: domains.remove("nobody", "a.com"), lambda: domains.remove("contoso", "a.com")):
        with pytest.raises(NotFound):
            act()
    assert domains.of("nobody") == frozenset()
