"""Which claims the rows of a table may have: no secret, and none that means something else in a token."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.schemas.attribute import Attribute
from app.schemas.tables.user import USER_TYPE

RESERVED = frozenset({
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash",
    "s_hash", "sid", "events", "tenant", "email_verified", "phone_number_verified", "groups_overage",
    "groups_truncated", "cnf", "act", "may_act", "scope", "client_id", "tid", "oid",
})
"""The claims that the server sets itself, or that mean something in a token (OpenID Connect Core, RFC 7519)."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SCOPE = re.compile(r"[a-z][a-z0-9._-]{0,63}")


def claims_in(row: Attribute) -> Iterator[str]:
    """Yield the claims that a row adds to a token or to userinfo."""
    if row.claim:
        yield row.claim
    else:
        for sub in row.sub_attributes:
            yield from claims_in(sub)


_BUILT_IN = frozenset(
    claim for rows in (USER_TYPE.common, *(schema.attributes for schema in USER_TYPE.schemas))
    for row in rows for claim in claims_in(row)
)


def claim_fault(row: Attribute, *, inside: bool = False) -> str:
    """Return what is wrong with the claim and scope of a row from a schema file, "" if nothing is.

    `inside` says whether it is a sub-attribute, whose claim may have any name if its parent has a claim.
    """
    hidden = row.returned == "never" or row.mutability == "writeOnly"
    if hidden and any(True for _ in claims_in(row)):
        return "an attribute that is never returned cannot have a claim"
    if row.claim and not _NAME.fullmatch(row.claim):
        return f'the claim "{row.claim}" must be up to 64 of the characters a-z, 0-9 and _, and start with a letter'
    if inside:
        return "only an attribute of a schema itself has a scope" if row.scope else ""
    if any(sub.returned == "never" and sub.claim for sub in row.sub_attributes):
        return "an attribute that is never returned cannot have a claim"
    claims = set(claims_in(row))
    if taken := sorted(claims & (RESERVED | _BUILT_IN)):
        return f"the claim {taken[0]} is taken; choose another name"
    if bool(claims) != bool(row.scope):
        return "claim and scope are given together or not at all"
    if row.scope and not _SCOPE.fullmatch(row.scope):
        return f'the scope "{row.scope}" must be up to 64 of a-z, 0-9, ., _ and -, and start with a letter'
    return ""
