"""Why a request was refused, in a word: the closed list under which refusals are counted, found and explained.

`app.advice.cures` has a sentence and a cure for each. Errors carry the word; most follow from status and scimType.
"""

from __future__ import annotations

GUARDED = "guarded"
"""A deactivation that the guard of the tenant has stopped: no fault of the server, in spite of its status."""
WRONG_URL = "wrong-url"
"""A path that does not exist, asked for with a valid credential: mostly the Tenant URL was not pasted as it is."""
CAUSES = frozenset({
    "required", "taken", "wrong-type", "too-long", "too-many", "read-only", "unknown-attribute", "no-such-resource",
    "no-such-member", "no-such-reference", "bad-path", "bad-filter", "no-target", "bad-body", "too-large", "version",
    "over-rate", "unavailable", GUARDED, WRONG_URL, "no-credential", "malformed", "token-request", "wrong-secret",
    "unknown", "other-tenant", "expired", "revoked", "suspended", "scope", "issuer", "audience", "subject", "key",
    "signature", "lifetime", "failure",
})
_BY_SCIM_TYPE = {
    "invalidFilter": "bad-filter", "tooMany": "bad-filter", "invalidCursor": "bad-filter",
    "expiredCursor": "bad-filter", "invalidCount": "bad-filter", "invalidPath": "bad-path", "invalidVers": "bad-path",
    "noTarget": "no-target", "invalidValue": "wrong-type", "mutability": "read-only",
}
_BY_STATUS = {
    400: "bad-body", 401: "unknown", 403: "scope", 404: "no-such-resource", 405: "bad-path", 406: "bad-body",
    409: "taken", 410: "no-such-resource", 412: "version", 413: "too-large", 414: "too-large", 415: "bad-body",
    429: "over-rate", 501: "bad-body", 503: "unavailable",
}


def cause_of(status: int, scim_type: str | None) -> str:
    """Return the cause that a status and a scimType (RFC 7644 table 9) stand for, where nothing narrower is known."""
    return _BY_SCIM_TYPE.get(scim_type or "") or _BY_STATUS.get(status, "failure")
