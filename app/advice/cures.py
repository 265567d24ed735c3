"""Why a request was refused, in one sentence, and how to fix it, in steps under the names of the provider's portal.

A cause (`app.causes`) is one row. In its texts, `{attribute}` and the like are filled in from the event, a part in
square brackets is left out if something in it is not known, and `**` marks the names that a portal has.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cure:
    """What is said about one cause."""

    title: str
    """A short sentence without its stop, for lists; an attribute in it is spelled as in SCIM."""
    sentence: str
    entra: tuple[str, ...]
    others: tuple[str, ...]


_APP = "**Entra ID** > **Enterprise apps** > the app > **Provisioning**"
_MAPPING = f"Open {_APP} > **Attribute Mapping**, {{kind}}s."
_ON_DEMAND = "**Provision on demand** for this {kind} shows at once whether it helped."
_EXPRESSION = (
    _MAPPING, "Change the expression that {attribute} is mapped from[, so that it yields {expected}].", _ON_DEMAND,
)
_EXPRESSION_ELSEWHERE = (
    "Change what {idp} maps {attribute} from[, so that it yields {expected}].", "Send the {kind} again.",
)
_REPORT = "If you have not changed anything, report the request id to the operator."
_AGAIN = ("No action is needed: {idp} will send it again.",)
_COMPARE = "Compare the externalId of the {kind} that has this {attribute} with that of the refused one."
_TWO = (
    "If they differ, or one has none, it is another one: it was created by hand or by another app, or was disabled and "
    "keeps its {attribute}, which only a deletion frees. Delete or rename one of the two"
)
_PASTE = (
    "Paste the whole **Secret Token** again, and select **Test Connection**.",
    "If you no longer have it, create a new one and paste that.",
)
_PASTE_ELSEWHERE = (
    "Paste the whole token into {idp} again, and test the connection.",
    "If you no longer have it, create a new one and paste that.",
)
_RENEW = (
    "Create a new **Secret Token** (or **Client Secret**), paste it, and select **Test Connection**.",
    "If Entra has put the job into quarantine, select **Restart provisioning**.",
)
_RENEW_ELSEWHERE = ("Create a new credential, paste it into {idp}, and test the connection.",)
_TRUST = (
    f"Open {_APP}, **Select Workload Identity**, and compare issuer, audience and subject with the "
    "trust that is stored here.",
    "Add a trust with the values that Entra shows, and revoke the other one.",
)
_TRUST_ELSEWHERE = ("Compare issuer, audience and subject of the tokens of {idp} with the trust that is stored here.",)
_UNREADABLE = "The request could not be read[: {detail}]."
_DOES_NOT_FIT = "The {check} of the token does not match[: expected {expected}, received {received}]."
_CHECK_MAPPING = ("Check the target attribute and the filters in **Attribute Mapping**.", _REPORT)
_CHECK_ELSEWHERE = ("Check the attributes and filters that {idp} is set up to send.", _REPORT)

CURES: dict[str, Cure] = {
    "required": Cure(
        "{missing} {is} missing", "The {kind} has no {any}; {each} required.",
        (_MAPPING, "Edit the mapping of {missing}: enter a **Default value if null**, such as a dash, or choose a "
         "source that every {kind} has. Or leave such accounts out with a scoping filter.", _ON_DEMAND),
        ("Let {idp} send {missing} for every {kind}, or leave out those without.", "Send the {kind} again."),
    ),
    "taken": Cure(
        "{attribute} is taken", "{attribute}[ {received}] already belongs to another {kind}.",
        (_COMPARE, "If they are the same, it is the same {kind}: check which attribute is **Matching** under "
         "**Attribute Mapping**. By it, Entra should have found the existing {kind}.", _TWO + "."),
        (_COMPARE, "If they are the same, it is the same {kind}: let {idp} find the existing {kind} by {attribute}, "
         "and change it instead of creating another.", _TWO + ", and send the {kind} again."),
    ),
    "wrong-type": Cure(
        "{attribute} has a wrong value",
        "The value of {attribute} is not valid[: expected {expected}, received {received}].",
        _EXPRESSION, _EXPRESSION_ELSEWHERE,
    ),
    "too-long": Cure(
        "{attribute} is too long", "{attribute} is too long[: expected {expected}, received {received}].",
        _EXPRESSION, _EXPRESSION_ELSEWHERE,
    ),
    "too-many": Cure(
        "{attribute} has too many values",
        "{attribute} has too many values[: expected {expected}, received {received}].",
        _EXPRESSION, _EXPRESSION_ELSEWHERE,
    ),
    "read-only": Cure(
        "{attribute} cannot be changed", "Clients cannot change {attribute}.",
        (_MAPPING, "Remove the mapping of {attribute}, or apply it **Only during object creation**."),
        ("Do not let {idp} send {attribute}.",),
    ),
    "unknown-attribute": Cure(
        "{attribute} is not an attribute here", "This server has no attribute {attribute}.",
        (_MAPPING, "Remove the mapping of {attribute}. If it is needed, a schema file adds it (docs/schemas.md)."),
        ("Do not let {idp} send {attribute}. If it is needed, a schema file adds it (docs/schemas.md).",),
    ),
    "no-such-resource": Cure(
        "The id is unknown", "{idp} uses an id that does not exist here.",
        ("If the {kind} was deleted here by mistake, the operator can restore it: Entra continues with its id.",
         "Otherwise select **Restart provisioning**: Entra discards the ids that it has stored, and looks up "
         "everyone again."),
        ("If the {kind} was deleted here by mistake, the operator can restore it.",
         "Otherwise unassign and assign the {kind} in {idp}, so that it is created again."),
    ),
    "no-such-member": Cure(
        "A member has not been provisioned", "A member of the group has not been provisioned[: {received}].",
        ("Assign the member to the app under **Users and groups**.",
         "It follows when Entra next sends the group, at the latest after **Restart provisioning**."),
        ("Assign the member to the app in {idp}, and send the group again.",),
    ),
    "no-such-reference": Cure(
        "{attribute} has not been provisioned",
        "{attribute} refers to a person who has not been provisioned[: {received}].",
        ("Assign that person to the app under **Users and groups**.",
         "The reference follows when Entra next sends it, at the latest after **Restart provisioning**."),
        ("Assign that person to the app in {idp}, and send the {kind} again.",),
    ),
    "bad-path": Cure("The path cannot be read", _UNREADABLE, _CHECK_MAPPING, _CHECK_ELSEWHERE),
    "bad-filter": Cure("The filter cannot be read", _UNREADABLE, _CHECK_MAPPING, _CHECK_ELSEWHERE),
    "no-target": Cure("There is no value to change", _UNREADABLE, _CHECK_MAPPING, _CHECK_ELSEWHERE),
    "bad-body": Cure("The body cannot be read", _UNREADABLE, _CHECK_MAPPING, _CHECK_ELSEWHERE),
    "too-large": Cure(
        "The request is too large", "The request is larger than this server accepts[: {detail}].",
        ("Entra sends it again, in smaller parts if it can.", _REPORT), (_REPORT,),
    ),
    "version": Cure(
        "It was changed in the meantime", "Another request changed the {kind} in the meantime.", _AGAIN, _AGAIN,
    ),
    "over-rate": Cure(
        "There were too many requests", "Requests came faster than the limit allows[: {detail}].",
        (*_AGAIN, "If it happens every day, ask for a higher limit (scimd tenant limit)."),
        (*_AGAIN, "If it happens every day, ask for a higher limit (scimd tenant limit)."),
    ),
    "unavailable": Cure("The database did not answer", "The database did not answer.", _AGAIN, _AGAIN),
    "guarded": Cure(
        "The guard stopped it", "Unusually many users were disabled or deleted within an hour, so this one was not.",
        ("Check whether these people were meant to lose access: the scope, its filters, and **Users and groups**.",
         "If they were, ask the operator to allow it (scimd tenant guard). Entra sends it again."),
        ("Check in {idp} whether these people were meant to lose access.",
         "If they were, ask the operator to allow it (scimd tenant guard), and send it again."),
    ),
    "wrong-url": Cure(
        "Wrong address",
        "The request was for an address that does not exist here[: the {check} should be {expected}, and is "
        "{received}].",
        ("Copy the whole **Tenant URL** again, and nothing else: it ends in /scim/v2.",
         "Paste it in **Provisioning**, and select **Test Connection**."),
        ("Copy the whole base URL again, and nothing else: it ends in /scim/v2.",
         "Paste it into {idp}, and test the connection."),
    ),
    "no-credential": Cure(
        "The token is missing", "The request had no token, or none after the word Bearer in its Authorization header.",
        ("The **Secret Token** is empty: paste it, and select **Test Connection**.",
         "If the app signs in with a workload identity, its trust is missing here: add it."),
        ("The token is missing in {idp}: paste it, and test the connection.",
         "If it is there, let {idp} send it as a bearer token: Authorization: Bearer, and then the token."),
    ),
    "malformed": Cure(
        "The token is not one of ours",
        "This is not one of our credentials[: expected {expected}, received {received}].",
        _PASTE, _PASTE_ELSEWHERE,
    ),
    "token-request": Cure(
        "A token request cannot be read", "The token endpoint cannot answer the request[ ({detail})].",
        ("If provisioning works, do nothing: anyone can send such a request.",
         "Otherwise copy the **OAuth token endpoint** again, and select **Test Connection**.", _REPORT),
        ("If provisioning works, do nothing: anyone can send such a request.",
         "Otherwise let {idp} send a form with grant_type=client_credentials, and each parameter once.", _REPORT),
    ),
    "wrong-secret": Cure(
        "The secret is wrong", "The secret does not belong to the credential.", _PASTE, _PASTE_ELSEWHERE
    ),
    "unknown": Cure("The token is unknown", "There is no such credential.", _PASTE, _PASTE_ELSEWHERE),
    "other-tenant": Cure(
        "The token is another customer's", "The credential belongs to another customer.",
        ("**Tenant URL** and **Secret Token** come from two places: copy both again, from one page.",),
        ("The base URL and the token come from two places: copy both again, from one page.",),
    ),
    "expired": Cure("The token has expired", "The credential expired[ on {received}].", _RENEW, _RENEW_ELSEWHERE),
    "revoked": Cure("The token was revoked", "The credential was revoked[ on {received}].", _RENEW, _RENEW_ELSEWHERE),
    "suspended": Cure(
        "Access is suspended", "Access is suspended.",
        ("The operator can resume access (scimd tenant resume).",
         "If Entra has put the job into quarantine, then select **Restart provisioning**."),
        ("The operator can resume access (scimd tenant resume).",),
    ),
    "scope": Cure(
        "The token lacks a scope",
        "The credential lacks a scope[: it needs {expected} and has {received}].",
        ("Create a **Secret Token** with the scope scim.write, paste it, and select **Test Connection**.",),
        ("Create a token with the scope scim.write, and paste it into {idp}.",),
    ),
    "issuer": Cure("The issuer is wrong", _DOES_NOT_FIT, _TRUST, _TRUST_ELSEWHERE),
    "audience": Cure("The audience is wrong", _DOES_NOT_FIT, _TRUST, _TRUST_ELSEWHERE),
    "subject": Cure("The subject is wrong", _DOES_NOT_FIT, _TRUST, _TRUST_ELSEWHERE),
    "key": Cure(
        "The key is unknown", "The token is signed with a key that the issuer does not publish[: {received}].",
        _TRUST, _TRUST_ELSEWHERE,
    ),
    "signature": Cure("The signature is wrong", "The signature of the token is not valid.", _TRUST, _TRUST_ELSEWHERE),
    "lifetime": Cure(
        "The token was not valid at that time",
        "The token was not valid at that time[: expected {expected}, received {received}].",
        ("Check whether the clock of this server is right; the tokens of Entra are new for each run.",),
        ("Check whether the clocks of this server and of {idp} are right.",),
    ),
    "failure": Cure(
        "The server failed", "The server failed.",
        (*_AGAIN, "If it happens again, report the request id to the operator."),
        (*_AGAIN, "If it happens again, report the request id to the operator."),
    ),
}
