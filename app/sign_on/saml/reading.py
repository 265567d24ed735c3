"""What a signed assertion says, and whether it is said to us, now, and in answer to our request.

Reads nothing but signed bytes: each function takes a part of a `SignedAssertion`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from app.auth.refusal import loggable
from app.sign_on.certificate import Certificate
from app.sign_on.checks import Checks
from app.sign_on.identity import Identity
from app.sign_on.reasons import Reason
from app.sign_on.saml.elements import (
    BEARER,
    PERSISTENT,
    SKEW,
    VERSION,
    child,
    malformed,
    moment,
    name_attribute,
    name_text,
    optional,
    saml,
    text,
    written,
)
from app.sign_on.saml.known_claims import IDENTITY, METHODS, MFA, OBJECT_ID, amr
from app.sign_on.saml.signature import SignedAssertion

NAME_ID = "NameID"
_CONDITIONS = {saml("AudienceRestriction"), saml("OneTimeUse"), saml("ProxyRestriction")}
_SERVICE_PREFIX = "spn:"
"""Entra writes it before an audience that is no URI."""


@dataclass(frozen=True)
class Expected:
    """What a good response to one request says."""

    entity_id: str
    """The identity provider's."""
    our_entity_id: str
    acs_url: str
    certificates: tuple[Certificate, ...]
    request_id: str
    now: datetime
    forced_since: datetime | None = None
    """When the sign-in began, if it demanded that the person be authenticated anew."""
    require_mfa: bool = False
    subject_source: str | None = None
    """The attribute with the person's immutable id, or `NameID`; None for Entra's object id."""
    match_source: str | None = None
    """The attribute that is compared with those of users, or `NameID`."""


@dataclass(frozen=True)
class UsedAssertion:
    """An assertion that may not be accepted a second time."""

    id: str
    until: datetime
    """When it is too old to be accepted anyway."""


@dataclass(frozen=True)
class _Subject:
    name_id: str
    persistent: bool
    until: datetime


@dataclass(frozen=True)
class _Authentication:
    moment: datetime
    session_index: str | None
    session_ends: datetime | None
    context: str | None


def read_assertion(
    assertion: SignedAssertion, expected: Expected, checks: Checks
) -> tuple[Identity, UsedAssertion]:
    """Return who an assertion says has signed in; raises SignOnRefused."""
    element = assertion.element
    if element.get("Version") != VERSION:
        raise malformed("The assertion is not of SAML 2.0.")
    checks.equal(Reason.ISSUER, "Issuer of the assertion", expected.entity_id, text(child(element, saml("Issuer"))))
    subject = _read_subject(child(element, saml("Subject")), expected, checks)
    _check_conditions(element, expected, checks)
    authentication = _read_authentication(element, expected, checks)
    attributes = _read_attributes(element, expected)
    values = {**attributes, NAME_ID: (subject.name_id,)}
    methods = amr([*attributes.get(METHODS, ()), authentication.context or ""])
    if expected.require_mfa:
        received = ", ".join(attributes.get(METHODS, ())) or authentication.context or "nothing"
        checks.check(Reason.NO_MFA, "Authentication methods", MFA in methods, MFA, received)
    identity = Identity(
        subject=_immutable_subject(values, subject, expected.subject_source or OBJECT_ID),
        values=values,
        auth_time=authentication.moment,
        session_index=authentication.session_index,
        name_id=subject.name_id,
        session_ends=authentication.session_ends,
        acr=authentication.context,
        amr=methods,
    )
    return identity, UsedAssertion(element.get("ID", ""), subject.until + SKEW)


def check_window(
    name: str, window: tuple[datetime | None, datetime | None], now: datetime, checks: Checks
) -> None:
    """Check that now is between two moments, where they are given, with the skew; raises SignOnRefused."""
    begin, end = window
    if begin is not None:
        checks.check(Reason.NOT_YET, name, begin - SKEW <= now, f"from {written(begin)}", written(now))
    if end is not None:
        checks.check(Reason.TOO_LATE, name, now < end + SKEW, f"before {written(end)}", written(now))


def _read_subject(subject: etree._Element, expected: Expected, checks: Checks) -> _Subject:
    if optional(subject, saml("BaseID")) is not None:
        raise malformed("The subject has a BaseID, which is not supported.")
    name = child(subject, saml("NameID"))
    name_id = name_text(name)
    until = _check_confirmation(subject, expected, checks)
    return _Subject(name_id, name.get("Format") == PERSISTENT, until)


def _check_confirmation(subject: etree._Element, expected: Expected, checks: Checks) -> datetime:
    """Check that the assertion was handed to the browser for us, in answer to our request; return its end."""
    all_of_them = list(subject.iterchildren(saml("SubjectConfirmation")))
    bearer = [each for each in all_of_them if each.get("Method") == BEARER]
    data = [part for each in bearer for part in each.iterchildren(saml("SubjectConfirmationData"))]
    received = f"{len(bearer)} with data in {len(data)}, of {len(all_of_them)}"
    one = len(bearer) == 1 and len(data) == 1
    checks.check(Reason.CONFIRMATION, "Confirmations by bearer", one, "one, with its data", received)
    confirmation = data[0]
    until, begin = moment(confirmation, "NotOnOrAfter"), moment(confirmation, "NotBefore")
    if until is None or begin is not None:
        received = f"NotOnOrAfter {until and written(until)}, NotBefore {begin and written(begin)}"
        checks.fail(Reason.CONFIRMATION, "Moments of the confirmation", "NotOnOrAfter alone", received)
    checks.equal(Reason.RECIPIENT, "Recipient", expected.acs_url, confirmation.get("Recipient"))
    checks.equal(
        Reason.IN_RESPONSE_TO, "InResponseTo of the assertion", expected.request_id, confirmation.get("InResponseTo")
    )
    check_window("Confirmation", (None, until), expected.now, checks)
    return until


def _check_conditions(assertion: etree._Element, expected: Expected, checks: Checks) -> None:
    found = list(assertion.iterchildren(saml("Conditions")))
    checks.check(Reason.CONDITION, "Conditions", len(found) == 1, "one element", f"{len(found)}")
    conditions = found[0]
    begin, end = moment(conditions, "NotBefore"), moment(conditions, "NotOnOrAfter")
    both = begin is not None and end is not None
    said = ", ".join("nothing" if each is None else written(each) for each in (begin, end))
    checks.check(Reason.CONDITION, "Moments of the conditions", both, "NotBefore and NotOnOrAfter", said)
    unknown = [str(each.tag) for each in conditions if each.tag not in _CONDITIONS]
    checks.check(Reason.CONDITION, "Kinds of conditions", not unknown, "known ones", ", ".join(unknown) or "known ones")
    check_window("Conditions", (begin, end), expected.now, checks)
    restrictions = [
        [text(each).strip() for each in restriction.iterchildren(saml("Audience"))]
        for restriction in conditions.iterchildren(saml("AudienceRestriction"))
    ]
    ours = {expected.our_entity_id, _SERVICE_PREFIX + expected.our_entity_id}
    named = bool(restrictions) and all(ours & set(audiences) for audiences in restrictions)
    received = "; ".join(", ".join(audiences) for audiences in restrictions)
    checks.check(Reason.AUDIENCE, "Audience", named, expected.our_entity_id, received or "nothing")


def _read_authentication(assertion: etree._Element, expected: Expected, checks: Checks) -> _Authentication:
    """Return what the first statement of authentication says."""
    statement = next(assertion.iterchildren(saml("AuthnStatement")), None)
    instant = None if statement is None else moment(statement, "AuthnInstant")
    if statement is None or instant is None:
        raise malformed("The assertion does not say when the person was authenticated.")
    session_ends = moment(statement, "SessionNotOnOrAfter")
    check_window("Moment of authentication", (instant, None), expected.now, checks)
    check_window("Session of the identity provider", (None, session_ends), expected.now, checks)
    if expected.forced_since is not None:
        fresh = instant >= expected.forced_since - SKEW
        since = f"after {written(expected.forced_since)}"
        checks.check(Reason.NOT_REAUTHENTICATED, "Moment of authentication", fresh, since, written(instant))
    context = optional(statement, saml("AuthnContext"))
    reference = None if context is None else optional(context, saml("AuthnContextClassRef"))
    return _Authentication(
        moment=instant,
        session_index=name_attribute(statement, "SessionIndex"),
        session_ends=session_ends,
        context=None if reference is None else name_text(reference).strip(),
    )


def _read_attributes(assertion: etree._Element, expected: Expected) -> dict[str, tuple[str, ...]]:
    """Return the values of all attributes; one that says who the person is may come only once (D-693)."""
    values: dict[str, list[str]] = {}
    for statement in assertion.iterchildren(saml("AttributeStatement")):
        for attribute in statement.iterchildren(saml("Attribute")):
            name = name_attribute(attribute, "Name")
            if name is None:
                raise malformed("An attribute has no name.")
            says_who = name.startswith(IDENTITY) or name in (expected.match_source, expected.subject_source)
            if says_who and name in values:
                raise malformed(f"The attribute {loggable(name)} says who the person is, and comes twice.")
            found = [text(each) for each in attribute.iterchildren(saml("AttributeValue"))]
            values.setdefault(name, []).extend(found)
    return {name: tuple(found) for name, found in values.items()}


def _immutable_subject(values: Mapping[str, tuple[str, ...]], subject: _Subject, source: str) -> str | None:
    """Return the value of `source` if it is one, else a NameID that is persistent, else None."""
    found = values.get(source, ())
    if len(found) == 1 and found[0]:
        return found[0]
    return subject.name_id if subject.persistent else None
