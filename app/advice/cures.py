"""Why a request was refused, in one sentence, and how to cure it, in steps under the names of the provider's portal.

A cause (`app.causes`) is one row. In its texts, `{attribute}` and the like are filled in from the event, a part in
square brackets is left out if something in it is not known, and `**` marks the names that a portal has.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cure:
    """What is said about one cause."""

    title: str
    """In a few words, for lists."""
    sentence: str
    entra: tuple[str, ...]
    others: tuple[str, ...]


_MAPPING = "Open the app, **Provisioning**, **Attribute Mapping**, {kind}s."
_ON_DEMAND = "**Provision on demand** for this {kind} shows at once whether it helped."
_EXPRESSION = (
    _MAPPING, "Change the expression that {attribute} is mapped from[, so that it yields {expected}].", _ON_DEMAND,
)
_EXPRESSION_ELSEWHERE = (
    "Change what {idp} maps {attribute} from[, so that it yields {expected}].", "Send the {kind} again.",
)
_REPORT = "If you have changed nothing, report the request id to those who run this server."
_AGAIN = ("Nothing needs to be done: {idp} sends it again.",)
_PASTE = (
    "Paste the **Secret Token** again, as a whole, and select **Test Connection**.",
    "If it is lost, issue another one and paste that.",
)
_PASTE_ELSEWHERE = (
    "Paste the token into {idp} again, as a whole, and test the connection.",
    "If it is lost, issue another one and paste that.",
)
_RENEW = (
    "Issue another **Secret Token** (or **Client Secret**), paste it, and select **Test Connection**.",
    "If Entra has put the job into quarantine, select **Restart provisioning**.",
)
_RENEW_ELSEWHERE = ("Issue another credential, paste it into {idp}, and test the connection.",)
_TRUST = (
    "Open the app, **Provisioning**, **Select Workload Identity**, and compare issuer, audience and subject with the "
    "trust that is stored here.",
    "Add a trust with the values that Entra shows, and delete the other one.",
)
_TRUST_ELSEWHERE = ("Compare issuer, audience and subject of the tokens of {idp} with the trust that is stored here.",)
_UNREADABLE = "The request cannot be read[: {detail}]."
_DOES_NOT_FIT = "The {check} of the token does not fit[: expected {expected}, came {received}]."
_CHECK_MAPPING = ("Check the target attribute and the filters in **Attribute Mapping**.", _REPORT)
_CHECK_ELSEWHERE = ("Check the attributes and filters that {idp} is set up to send.", _REPORT)

CURES: dict[str, Cure] = {
    "required": Cure(
        "no {attribute}", "The {kind} has no {missing}; the profile of this customer asks for it.",
        (_MAPPING, "Map {attribute} from an attribute that everybody has, with a **Default value if null**; or leave "
         "such accounts out with a scoping filter.", _ON_DEMAND),
        ("Let {idp} send {attribute} for every {kind}, or leave out those that have none.", "Send the {kind} again."),
    ),
    "taken": Cure(
        "{attribute} is taken", "{attribute}[ {received}] belongs to another {kind} already.",
        ("Check which attribute is **Matching** under **Attribute Mapping**: it should have found the {kind} that is "
         "here.", "If that {kind} was made by hand or by another app, delete or rename one of the two.",
         "If the {kind} was deleted here, restore it: Entra then finds it."),
        ("If the {kind} that has it was made by hand or by another app, delete or rename one of the two.",
         "Send the {kind} again."),
    ),
    "wrong-type": Cure(
        "{attribute} does not fit",
        "The value of {attribute} does not fit[: expected {expected}, came {received}].",
        _EXPRESSION, _EXPRESSION_ELSEWHERE,
    ),
    "too-long": Cure(
        "{attribute} is too long", "{attribute} is too long[: expected {expected}, came {received}].",
        _EXPRESSION, _EXPRESSION_ELSEWHERE,
    ),
    "too-many": Cure(
        "too many values of {attribute}", "{attribute} has too many values[: expected {expected}, came {received}].",
        _EXPRESSION, _EXPRESSION_ELSEWHERE,
    ),
    "read-only": Cure(
        "{attribute} cannot be changed", "{attribute} is not for clients to change.",
        (_MAPPING, "Remove the mapping of {attribute}, or apply it **Only during object creation**."),
        ("Do not let {idp} send {attribute}.",),
    ),
    "unknown-attribute": Cure(
        "{attribute} is not known", "{attribute} is not known here.",
        (_MAPPING, "Remove the mapping of {attribute}. If it is needed, a schema file adds it (docs/schemas.md)."),
        ("Do not let {idp} send {attribute}. If it is needed, a schema file adds it (docs/schemas.md).",),
    ),
    "no-such-resource": Cure(
        "the id is not here", "{idp} remembers an id that is not here.",
        ("If the {kind} was deleted here by mistake, restore it: Entra goes on with its id.",
         "Otherwise select **Restart provisioning**: Entra forgets the ids that it knows, and looks everybody up."),
        ("If the {kind} was deleted here by mistake, restore it.",
         "Otherwise unassign and assign the {kind} in {idp}, so that it is created again."),
    ),
    "no-such-member": Cure(
        "a member is not here", "A member of the group has not been provisioned[: {received}].",
        ("Assign the member to the app under **Users and groups**.",
         "It follows when Entra next sends the group, at the latest after **Restart provisioning**."),
        ("Assign the member to the app in {idp}, and send the group again.",),
    ),
    "no-such-reference": Cure(
        "{attribute} is not here", "{attribute} refers to a person who has not been provisioned[: {received}].",
        ("Assign that person to the app under **Users and groups**.",
         "The reference follows when Entra next sends it, at the latest after **Restart provisioning**."),
        ("Assign that person to the app in {idp}, and send the {kind} again.",),
    ),
    "bad-path": Cure("the path cannot be read", _UNREADABLE, _CHECK_MAPPING, _CHECK_ELSEWHERE),
    "bad-filter": Cure("the filter cannot be read", _UNREADABLE, _CHECK_MAPPING, _CHECK_ELSEWHERE),
    "no-target": Cure("nothing to change there", _UNREADABLE, _CHECK_MAPPING, _CHECK_ELSEWHERE),
    "bad-body": Cure("the body cannot be read", _UNREADABLE, _CHECK_MAPPING, _CHECK_ELSEWHERE),
    "too-large": Cure(
        "too large", "The request is larger than this server accepts[: {detail}].",
        ("Entra sends it again, in smaller parts if it can.", _REPORT), (_REPORT,),
    ),
    "version": Cure("changed in between", "The {kind} was changed by another request in between.", _AGAIN, _AGAIN),
    "over-rate": Cure(
        "too many requests", "Requests came faster than this customer may send them[: {detail}].",
        (*_AGAIN, "If it happens every day, ask for a higher limit (scimd tenant limit)."),
        (*_AGAIN, "If it happens every day, ask for a higher limit (scimd tenant limit)."),
    ),
    "unavailable": Cure("the database was away", "The database did not answer.", _AGAIN, _AGAIN),
    "guarded": Cure(
        "stopped by the guard", "Unusually many users were disabled or deleted within an hour, so no more are.",
        ("Check whether these people were meant to lose access: the scope, its filters, and **Users and groups**.",
         "If they were, ask the operator to allow it (scimd tenant guard). Entra sends it again."),
        ("Check in {idp} whether these people were meant to lose access.",
         "If they were, ask the operator to allow it (scimd tenant guard), and send it again."),
    ),
    "no-credential": Cure(
        "no token", "No token came.",
        ("The **Secret Token** is empty: paste it, and select **Test Connection**.",
         "If the app signs in with a workload identity, its trust is missing here: add it."),
        ("The token is missing in {idp}: paste it, and test the connection.",),
    ),
    "malformed": Cure(
        "not a token of ours", "This is not a credential of ours[: expected {expected}, came {received}].",
        _PASTE, _PASTE_ELSEWHERE,
    ),
    "wrong-secret": Cure(
        "wrong secret", "The secret of the credential is not the one that was issued.", _PASTE, _PASTE_ELSEWHERE
    ),
    "unknown": Cure("unknown token", "This customer has no such credential.", _PASTE, _PASTE_ELSEWHERE),
    "other-tenant": Cure(
        "token of another customer", "The credential belongs to another customer.",
        ("**Tenant URL** and **Secret Token** come from two places: copy both again, from one page.",),
        ("The base URL and the token come from two places: copy both again, from one page.",),
    ),
    "expired": Cure("token expired", "The credential has expired[ on {received}].", _RENEW, _RENEW_ELSEWHERE),
    "revoked": Cure("token revoked", "The credential was revoked[ on {received}].", _RENEW, _RENEW_ELSEWHERE),
    "suspended": Cure(
        "customer suspended", "This customer is suspended.",
        ("Resume the customer (scimd tenant resume); then select **Restart provisioning** if Entra is in quarantine.",),
        ("Resume the customer (scimd tenant resume).",),
    ),
    "scope": Cure(
        "the token may not do that",
        "The credential may not do that[: expected the scope {expected}, came {received}].",
        ("Issue a **Secret Token** with the scope scim.write, paste it, and select **Test Connection**.",),
        ("Issue a token with the scope scim.write, and paste it into {idp}.",),
    ),
    "issuer": Cure("another issuer", _DOES_NOT_FIT, _TRUST, _TRUST_ELSEWHERE),
    "audience": Cure("another audience", _DOES_NOT_FIT, _TRUST, _TRUST_ELSEWHERE),
    "subject": Cure("another subject", _DOES_NOT_FIT, _TRUST, _TRUST_ELSEWHERE),
    "key": Cure(
        "unknown key", "The token is signed with a key that the issuer does not publish[: {received}].",
        _TRUST, _TRUST_ELSEWHERE,
    ),
    "signature": Cure("wrong signature", "The signature of the token is wrong.", _TRUST, _TRUST_ELSEWHERE),
    "lifetime": Cure(
        "not valid at that time", "The token was not valid at that time[: expected {expected}, came {received}].",
        ("Check whether the clock of this server is right; the tokens of Entra are new for each run.",),
        ("Check whether the clocks of this server and of {idp} are right.",),
    ),
    "failure": Cure(
        "the server failed", "The server failed.",
        (*_AGAIN, "If it goes on, report the request id to those who run this server."),
        (*_AGAIN, "If it goes on, report the request id to those who run this server."),
    ),
}
