"""How to let a person in whose sign-on was refused: steps for each reason in the log, written as those of `cures`.

They may have `{tenant}` as well, and the names under which the identity provider asks for what belongs to scimd.
"""

from __future__ import annotations

_AGAIN = ("Let the person start again at the app.",)
_CLOCK = ("Ask the operator to set the server's clock by a time server (NTP); if it is right, that of {idp} is wrong.",)
_REPLY = (
    "Compare the **{reply_url}** at {idp} with the expected one (scimd sso show {tenant}), and correct it there.",
)
_REPORT = ("Report it to the operator: nothing that {idp} sends by itself leads to it.",)
_NEW_METADATA = "Ask the operator to read the metadata again (scimd sso refresh {tenant})."
_UNLINK = "Ask the operator to forget the old link (scimd sso unlink {tenant}), if it is the same person."
_OTHER_RULE = "Or ask the operator for another match rule (scimd sso set {tenant}, with --match)."

STEPS: dict[str, tuple[str, ...]] = {
    "not-available": ("Ask the operator to turn the connection on (scimd sso on {tenant}).",),
    "suspended": ("The operator can resume access (scimd tenant resume {tenant}).",),
    "expired": ("Let the person start again at the app, and finish within ten minutes.",),
    "other-browser": ("Let the person start again, finish in the same browser, and allow cookies there.",),
    "idp-error": (
        "Look up the code that {idp} gave, such as AADSTS with a number.",
        "Mostly, the person has to be assigned to the app there.",
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
    ),
    "certificate-expired": ("Make a new signing certificate the active one at {idp}.", _NEW_METADATA),
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
    "not-yet": _CLOCK,
    "too-late": _CLOCK,
    "condition": _REPORT,
    "confirmation": _REPORT,
    "replay": (
        *_AGAIN, "If the page was not loaded again and no one went back to it, the answer was copied: report it.",
    ),
    "nonce": _AGAIN,
    "token-endpoint": (
        "Check at {idp} whether the client secret has expired.",
        "Ask the operator to store a new one (scimd sso set {tenant} oidc, with --secret-stdin).",
    ),
    "id-token": ("Compare the issuer and the client id at {idp} with the expected ones (scimd sso show {tenant}).",),
    "not-reauthenticated": ("Look for a policy at {idp} that keeps people signed in where the app asks for more.",),
    "no-mfa": ("Let {idp} require a second factor for this app, by a policy such as Conditional Access.",),
    "no-identifier": ("Let {idp} send the claim that the match rule needs, with one value.", _OTHER_RULE),
    "not-provisioned": (
        "Assign the person to the app at {idp}, and wait for the next cycle of provisioning (Entra: 40 minutes, or "
        "**Provision on demand**).",
        "If the person is in the directory, compare the attribute with what {idp} sends, and correct one of the two.",
        _OTHER_RULE,
    ),
    "inactive": ("Enable the account at {idp}; provisioning follows.",),
    "deleted": ("Assign the person to the app at {idp} again; provisioning follows.",),
    "ambiguous": ("Correct the mapping at {idp}, so that no two users have this value.", _OTHER_RULE),
    "not-in-group": ("Add the person to the group at {idp}; provisioning follows.",),
    "other-subject": (_UNLINK,),
    "linked-elsewhere": (_UNLINK,),
    "too-many": ("Wait a minute.", "If all people seem to have one address, ask the operator to set SCIMD_PROXIES."),
    "unavailable": (*_AGAIN, "If it happens again, ask the operator what the server's log says."),
}
