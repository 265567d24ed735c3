"""One spelling for each URL (entra.md quirk 57, standards HT-14 and HT-18)."""

import pytest

from app.blueprints.request.paths import one_spelling


@pytest.mark.parametrize(("path", "expected"), [
    ("/demo/scim/v2/Users", "/demo/scim/v2/Users"),
    ("/demo/scim/v2/Users/", "/demo/scim/v2/Users"),
    ("//demo/scim//v2//Users//", "/demo/scim/v2/Users"),
    ("/demo/scim/v2", "/demo/scim/v2/"),
    ("/demo/scim/v2/", "/demo/scim/v2/"),
    ("/demo/scim", "/demo/scim/v2/"),
    ("/demo/scim/Users/1", "/demo/scim/v2/Users/1"),
    ("/demo/scim/v1/Users", "/demo/scim/v1/Users"),
    ("/demo/scimitar", "/demo/scimitar"),
    ("/", "/"),
    ("", ""),
    ("/healthz", "/healthz"),
])
def test_one_spelling(path: str, expected: str) -> None:
    assert one_spelling(path) == expected
