"""Compares what MongoDB holds for a tenant with what the source says, attribute by attribute.

Written apart from `mapping`, straight from the article's table, so that a mistake there is not repeated here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.simulation.directory import Address, Directory, Person
from tests.simulation.entra import Entra

SERVERS_OWN = {"_id", "tenant", "schemas", "meta", "_folded", "_unique", "_outbox"}


def expected_user(person: Person, manager: str | None) -> dict[str, Any]:
    """Return the document of a person, without what the server adds."""
    person = replace(person, **person.cleared)
    return without_nothing(
        {
            "userName": person.upn,
            "active": not person.soft_deleted,
            "displayName": person.display_name,
            "title": person.job_title,
            "preferredLanguage": person.language,
            "externalId": person.object_id,
            "name": {
                "givenName": person.given_name, "familyName": person.surname, "formatted": person.full_name,
                "honorificPrefix": person.prefix, "honorificSuffix": person.suffix,
            },
            "emails": [
                {"type": "work", "value": person.mail, "primary": True},
                {"type": "other", "value": person.other_mail, "primary": False},
            ],
            "phoneNumbers": [
                {"type": "work", "value": person.phone}, {"type": "mobile", "value": person.mobile},
                {"type": "fax", "value": person.fax},
            ],
            "addresses": [expected_address("work", person.office), expected_address("other", person.home)],
            "enterprise": {
                "employeeNumber": person.employee_id, "department": person.department, "manager": {"value": manager},
            },
        }
    )  # fmt: skip


def expected_address(kind: str, source: Address) -> dict[str, Any]:
    """Return one address as it is stored."""
    return {
        "type": kind, "formatted": source.formatted, "streetAddress": source.street, "locality": source.city,
        "region": source.state, "postalCode": source.postal_code, "country": source.country,
    }  # fmt: skip


def without_nothing(value: Any) -> Any:
    """Leave out what has no value, and elements that have nothing but a type."""
    if isinstance(value, dict):
        kept = {key: inner for key, each in value.items() if (inner := without_nothing(each)) not in (None, "", {}, [])}
        return kept if set(kept) - {"type", "primary"} else {}
    if isinstance(value, list):
        return [inner for each in value if (inner := without_nothing(each))]
    return value


def differences(database: Any, tenant: str, source: Directory, entra: Entra) -> Iterator[str]:
    """Yield a line for each difference between the source and the state."""
    users = {document["_id"]: document for document in database["users"].find({"tenant": tenant})}
    groups = {document["_id"]: document for document in database["groups"].find({"tenant": tenant})}
    provisioned = {object_id: known.id for object_id, known in entra.users.items()}
    yield from sets("users", {provisioned[each] for each in source.people if each in provisioned}, set(users))
    for person in source.people.values():
        if person.object_id in provisioned and provisioned[person.object_id] in users:
            yield from user_differences(users[provisioned[person.object_id]], person, provisioned)
    yield from sets("groups", {entra.groups[each].id for each in source.teams}, set(groups))
    for team in source.teams.values():
        document = groups.get(entra.groups[team.object_id].id, {})
        for key, value in {"displayName": team.display_name, "externalId": team.object_id}.items():
            if document.get(key) != value:
                yield f"group {team.display_name}: {key} is {document.get(key)!r}"
        if "members" in document:
            yield f"group {team.display_name}: its members are in its document"
    wanted = {
        (entra.groups[team.object_id].id, provisioned[member], "User")
        for team in source.teams.values()
        for member in team.members
        if member in provisioned
    }
    # Those of a deleted group stay, seen by nobody, until it cannot be restored any more.
    rows = list(database["memberships"].find({"tenant": tenant, "group": {"$in": list(groups)}}))
    yield from sets("memberships", wanted, {(row["group"], row["member"], row["type"]) for row in rows})
    if len(rows) != len(wanted):
        yield f"{len(rows)} memberships, {len(wanted)} expected"


def user_differences(document: dict[str, Any], person: Person, provisioned: dict[str, str]) -> Iterator[str]:
    """Compare one document with one person, and what the server adds with what it adds it to."""
    expected = expected_user(person, provisioned.get(person.manager or ""))
    actual = {key: value for key, value in document.items() if key not in SERVERS_OWN}
    for key in expected.keys() | actual.keys():
        if ordered(expected.get(key)) != ordered(actual.get(key)):
            yield f"{person.upn}: {key} is {actual.get(key)!r}, the source says {expected.get(key)!r}"
    folded = unicodedata.normalize("NFC", person.upn).lower()
    if document["_folded"]["userName"] != folded or document["_unique"]["userName"] != folded:
        yield f"{person.upn}: folded to {document['_folded']['userName']!r}"
    if document["meta"]["resourceType"] != "User" or document["meta"]["lastModified"] < document["meta"]["created"]:
        yield f"{person.upn}: meta is {document['meta']}"
    if any("enterprise" in urn for urn in document["schemas"]) != ("enterprise" in document):
        yield f"{person.upn}: schemas is {document['schemas']}"


def ordered(value: Any) -> Any:
    """Put the elements of a multi-valued attribute into one order; which comes first says nothing."""
    return sorted(value, key=lambda element: element["type"]) if isinstance(value, list) else value


def sets(what: str, expected: set[Any], actual: set[Any]) -> Iterator[str]:
    """Compare two sets."""
    if missing := expected - actual:
        yield f"{len(missing)} {what} are missing: {sorted(missing)[:5]}"
    if surplus := actual - expected:
        yield f"{len(surplus)} {what} should not be there: {sorted(surplus)[:5]}"
