"""Why a customer's client does not get in, and how it will again, in sentences: for the states of customers."""

from __future__ import annotations

from app.advice.explain import title_of
from app.advice.facts import Credential, Denial, Facts
from app.advice.wording import utc
from app.causes import WRONG_URL

_OF_TOKENS = frozenset({
    "no-credential", "malformed", "wrong-secret", "unknown", "other-tenant", "expired", "revoked",
})
"""The causes that a valid token cures."""
ANYONES = frozenset({WRONG_URL, "malformed", "token-request", "unknown", "wrong-secret", "other-tenant"})
"""The causes of requests that may be those of a stranger, of whom the client that has connected knows nothing."""
_PASTE = "paste it into the identity provider."


def is_unsure(facts: Facts) -> bool:
    """Return whether the denials are no sign that the client is locked out.

    Requests without a credential of the customer may be anybody's, and a client may try a path; one contact with them
    is no sign.
    """
    denied = facts.denied
    if denied is None:
        return True
    good = max((place for place, contact in enumerate(facts.contacts, 1) if contact.let_in), default=0)
    unsure = denied.cause == "no-credential" or (denied.cause in ANYONES and facts.last is not None)
    return unsure and (facts.last is None or len(facts.contacts) - good < 2)


def denials(denied: Denial) -> str:
    """Return which requests were denied, and why the last one was."""
    why = denied.reason if denied.cause == WRONG_URL and denied.reason else title_of(denied.cause)
    if denied.count == 1:
        return f"The last request, on {utc(denied.time)}, was refused: {why}."
    since = utc(denied.since or denied.time)
    return f"Every request since {since} was refused, {denied.count:,} so far, the last on {utc(denied.time)}: {why}."


def cure(facts: Facts) -> str:
    """Return what to do so that the client gets in again, "" if the cause is no token's; it begins with a blank."""
    if facts.denied and facts.denied.cause == WRONG_URL:
        return f" Copy the whole Tenant URL again, and {_PASTE}"
    if facts.denied and facts.denied.cause not in _OF_TOKENS:
        return ""
    valid = may_change(facts)
    if not valid:
        return f" {no_credential(facts)} Create one, and {_PASTE}"
    if facts.denied and facts.denied.cause == "wrong-secret" and all(each.kind == "client" for each in valid):
        return f" Create another Client Secret, and {_PASTE}"
    unused = next((each for each in valid if each.kind == "token" and each.used is None), None)
    return f" {named(unused)} has not been used yet: {_PASTE}" if unused else f" Create another token, and {_PASTE}"


def may_change(facts: Facts) -> list[Credential]:
    """Return the valid credentials with which the client can do what it did: one that only ever read needs no more."""
    return [each for each in facts.credentials if each.writes or facts.last_write is None]


def no_credential(facts: Facts) -> str:
    """Return that no credential is valid that may change something, and what became of the last one."""
    if facts.ended is None or facts.ended.expires is None:
        return "No credential allows changes any more." if facts.last else "There is no valid credential."
    how = "was revoked" if facts.ended.revoked else "expired"
    return f"{named(facts.ended)} {how} on {utc(facts.ended.expires)}, and no other credential allows changes."


def named(credential: Credential) -> str:
    """Return a credential with its label, at the beginning of a sentence."""
    return f'The {credential.kind} {credential.id}{f" “{credential.label}”" if credential.label else ""}'
