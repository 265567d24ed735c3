"""The messages of RFC 7644 have a URN each, and a body says in `schemas` which of them it is (section 8.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import InvalidSyntax


def check_urn(given: Mapping[str, Any], urn: str) -> None:
    """Check that a message, whose names are in lower case, says what it is; raises InvalidSyntax.

    Letter case matters in neither names nor URNs (RFC 7643 section 2.1, RFC 7644 section 3.10).
    """
    schemas = given.get("schemas")
    if not isinstance(schemas, list) or urn.lower() not in (str(each).lower() for each in schemas):
        raise InvalidSyntax(f"schemas: must contain {urn}.")
