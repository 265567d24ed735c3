"""How to let a person in whose sign-on was refused: steps for each reason in the log, written as those of `cures`.

They may have `{tenant}` as well, and the names under which the identity provider asks for what belongs to scimd.
"""

from __future__ import annotations

_AGAIN = ("Let the person start again at the app.",)
_CLOCK = "the server's clock by a time server (NTP); if it is right already, the clock of {idp} is wrong."
_REPLY = (
    "Compare the **{reply_url}** at {idp} with the expected one (scimd sso show {tenant}), and correct it there.",
)
_REPORT = ("Report it to the operator: nothing that {idp} sends by itself leads to it.",)
_REPORT_CHECK = ("Report the failed check to the operator, with what was expected and what was received.",)
_NEW_METADATA = "Ask the operator to read the metadata again (scimd sso refresh {tenant})."
_OTHER_RULE = "Or ask the operator for another match rule (scimd sso set {tenant}, with --match)."

STEPS: dict[str, tuple[str, ...]] = {
    "not-available": ("Ask the operator to turn the connection on (scimd sso on {tenant}).",),
    "suspended": ("The operator can resume access (scimd tenant resume {tenant}).",),
    "expired": ("Let the person start again at the app, and finish within ten minutes.",),
    "other-browser": ("Let the person start again, finish in the same browser, and allow cookies there.",),
    "idp-error": (
        "Look up the code that {idp} gave, such as AADSTS with a number.",
        "In most cases, the person is not assigned to the app there.",
    ),
    "malformed": (*_AGAIN, "If it happens again, look for a proxy or a browser extension that changes the answer."),
    "too-large": ("Let {idp} send fewer claims; groups are not needed.",),
    "structure": _REPORT,
    "unsigned": ("Let {idp} sign the assertion.",),
    "bad-signature": (_NEW_METADATA, "If it happens again, a proxy changes the answer, or someone has forged it."),
    "weak-algorithm": ("Set the signing algorithm at {idp} to SHA-256, with a key of at least 2,048 bits.",),
    "unknown-certificate": (
        _NEW_METADATA,
        "If that does not help, compare the metadata's address with the one at {idp}: it has to be that of this app.",
        "A connection without a metadata URL does not learn of new certificates: ask the operator to create another "
        "one with the new certificate (scimd sso set {tenant}).",
    ),
    "certificate-expired": ("Activate a new signing certificate at {idp}.", _NEW_METADATA),
    "encrypted": ("Turn the encryption of assertions off at {idp}.",),
    "issuer": (
        "Compare the **{issuer}** at {idp} with the expected one (scimd sso show {tenant}).",
        "If people now sign in elsewhere, ask the operator to connect that (scimd sso set {tenant}).",
    ),
    "audience": (
        "Compare the **{entity_id}** at {idp} with the expected one (scimd sso show {tenant}), and correct it there.",
    ),
    "recipient": _REPLY,
    "destination": _REPLY,
    "in-response-to": _AGAIN,
    "not-yet": (f"Ask the operator to set {_CLOCK}",),
    "too-late": (*_AGAIN, f"If it happens again: ask the operator to set {_CLOCK}"),
    "condition": _REPORT_CHECK,
    "confirmation": _REPORT_CHECK,
    "replay": (
        *_AGAIN, "If the page was not loaded again and no one went back to it, the answer was copied: report it.",
    ),
    "nonce": _AGAIN,
    "token-endpoint": (
        "If {idp} answered with 500 or more, not in time, or with something else than tokens, it is not in order: let "
        "the person start again later.",
        "If it answered invalid_client, the client secret is wrong or has expired: create a new one at {idp}.",
        "Ask the operator to create a connection with the new one (scimd sso set {tenant} oidc --secret-stdin), to "
        "test it, and to turn it on.",
    ),
    "id-token": (
        "If the issuer, the directory or the audience is wrong, compare the issuer and the client id at {idp} with the "
        "expected ones (scimd sso show {tenant}).",
        f"If a moment is wrong (exp, iat, nbf or auth_time): ask the operator to set {_CLOCK}",
        "If the signature or the key is wrong, ask the operator to read the keys again (scimd sso refresh {tenant}).",
        "If it is anything else, report the failed check to the operator.",
    ),
    "not-reauthenticated": (
        "If auth_time was not received, let {idp} send this claim (Entra: **Token configuration** of the app "
        "registration).",
        "Otherwise, look for a policy at {idp} that keeps people signed in although the app asks for a new sign-in.",
    ),
    "no-mfa": ("Let {idp} require a second factor for this app, by a policy such as Conditional Access.",),
    "no-identifier": ("Let {idp} send the claim that the match rule needs, with one value.", _OTHER_RULE),
    "not-provisioned": (
        "Assign the person to the app at {idp}, and wait for the next cycle of provisioning. Entra begins one every 40 "
        "minutes; its **Provision on demand** takes a moment.",
        "If the person is in the directory, compare the attribute with what {idp} sends, and correct one of the two.",
        _OTHER_RULE,
    ),
    "inactive": (
        "Check at {idp} that the person is still assigned to the app, and that the account is enabled: a person who is "
        "no longer assigned is disabled here as well. Provisioning follows.",
    ),
    "deleted": (
        "Assign the person to the app at {idp} again; provisioning then makes a new user, whom apps do not take "
        "for the old one.",
        "If the user was deleted by mistake, ask the operator to restore it first (scimd restore {tenant}): it keeps "
        "its id.",
    ),
    "ambiguous": ("Correct the mapping at {idp}, so that no two users have this value.", _OTHER_RULE),
    "not-in-group": ("Add the person to the group at {idp}, and check that the group itself is provisioned.",),
    "other-subject": (
        "If it is the same person, ask the operator to forget the old id (scimd sso unlink {tenant} --user NAME).",
    ),
    "linked-elsewhere": (
        "If both users are the same person, ask the operator to forget the id of the other user, the one that was "
        "expected (scimd sso unlink {tenant} --user ID).",
    ),
    "too-many": ("Wait a minute.", "If all people seem to have one address, ask the operator to set SCIMD_PROXIES."),
    "unavailable": (
        *_AGAIN,
        "If it happens again, and the token endpoint is what does not answer: see whether {idp} is in order, and ask "
        "the operator whether this server reaches it.",
        "If it is the database, ask the operator what the server's log says.",
    ),
}

_KNOWN_APP = (
    "Compare the client id that the app sends with those of scimd app list.",
    "If the app is not for all customers, add this one: scimd app change ID, with --tenant for each customer that it "
    "is for.",
)
_IF_LOST = "If it is lost, create another one (scimd app rotate ID), and give that to the app."

STEPS_OF_APPS: dict[str, tuple[str, ...]] = {
    "client_id": _KNOWN_APP,
    "id": _KNOWN_APP,
    "tenant": _KNOWN_APP,
    "redirect_uri": (
        "Correct the redirect URI in the app: it must be a registered one, character by character.",
        "Or register it: scimd app change ID, with --redirect-uri for it and for each one that the app has already.",
    ),
    "logout-told": (
        "Let those who run the app correct where it takes logout tokens; scimd app show ID has the address.",
        "Until then, a person who is disabled can go on in the app as long as its own session lasts.",
    ),
    "group": (
        "Add the person to the group at {idp}, and check that the group itself is provisioned.",
        "Or let others use the app: scimd app change ID, with another --group, or '' for everyone.",
    ),
    "place": ("Let the app send its id and its secret in one place: in the Authorization header, or in the form.",),
    "secret": ("Compare the client id and the client secret in the app with those that it was given.", _IF_LOST),
    "expiry": ("Create another secret (scimd app rotate ID), and give it to the app.",),
}
"""The same for an app whose request was refused, by the check that failed, and for one that refuses a logout token."""
