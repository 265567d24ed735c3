"""What apps learn about a person: the claims of the scopes that they were granted, read from the directory.

Which attribute gives which claim is said by its row (`claim`, `scope`). What has no value has no claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import NotFound
from app.schemas.attribute import DISPLAY, TYPE, VALUE, Attribute
from app.schemas.moments import exact_moment
from app.schemas.resource_type import ResourceType
from app.schemas.tables.common import PRIMARY
from app.schemas.validation.claims import RESERVED, claims_in
from app.sign_on.people import Person
from app.store.accounts.domains import Domains
from app.store.sign_on.apps import BY_ID, App

OPENID = "openid"
MOST_IN_TOKEN, MOST_IN_USERINFO = 200, 5_000
"""Groups that an ID token and userinfo list at most."""
SUBJECT, TENANT = "sub", "tenant"
EMAIL, EMAIL_VERIFIED = "email", "email_verified"
ROLES = "roles"
"""The scope of roles, and their claim: those by groups, and those that are provisioned."""
OVERAGE, TRUNCATED = "groups_overage", "groups_truncated"
_ANY = "*"


@dataclass(frozen=True)
class Claims:
    """What an app may know about a person; the groups are apart, because a token lists fewer of them."""

    values: Mapping[str, Any]
    group_claim: str = ""
    groups: Sequence[str] = ()

    def for_id_token(self) -> dict[str, Any]:
        """Return the claims for an ID token, without the groups if there are too many."""
        if len(self.groups) > MOST_IN_TOKEN:
            return {**self.values, OVERAGE: True}
        return dict(self.values) | ({self.group_claim: list(self.groups)} if self.groups else {})

    def for_userinfo(self) -> dict[str, Any]:
        """Return the claims for userinfo, with the first 5,000 groups."""
        if not self.groups:
            return dict(self.values)
        more = {TRUNCATED: True} if len(self.groups) > MOST_IN_USERINFO else {}
        return {**self.values, self.group_claim: list(self.groups[:MOST_IN_USERINFO]), **more}


class ClaimsReader:
    """Reads claims.

    `domains` says which addresses of a tenant are verified, and `roles` returns the roles of a person by their groups.
    """

    def __init__(self, domains: Domains, roles: Callable[[Person], Sequence[str]]) -> None:
        self._domains = domains
        self._roles = roles

    def read(self, person: Person, scopes: Iterable[str], app: App) -> Claims | None:
        """Return the claims of these scopes for an app, or None if the user does not exist any more."""
        granted, kind, directory = frozenset(scopes), person.user_type, person.directory
        keys = frozenset(keys_of(kind, granted))
        grouped = kind.groups if kind.groups and kind.groups.name in keys else None
        try:
            if grouped:
                user, parents = directory.get_with_groups(kind, person.session.user, keys)
                directory.fill([user], kind, keys, parents)
            else:
                user = directory.require(kind, person.session.user, keys)
                directory.fill([user], kind, keys)
        except NotFound:
            return None
        values = {SUBJECT: user["id"], TENANT: person.tenant.name, **values_of(kind, user, granted)}
        if ROLES in granted:
            values |= _with_roles(values.get(ROLES, []), self._roles(person))
        if EMAIL in values:
            domain = str(values[EMAIL]).rpartition("@")[2].lower()
            values[EMAIL_VERIFIED] = domain in self._domains.of(person.tenant.name)
        if grouped is None:
            return Claims(values)
        part = VALUE if app.settings.groups_by == BY_ID else DISPLAY
        names = sorted({each[part] for each in user.get(grouped.name, ()) if part in each})
        return Claims(values, grouped.claim, names)


def _with_roles(provisioned: Any, by_groups: Sequence[str]) -> dict[str, Any]:
    """Return the claim about roles if it has any by groups: those first, then those that are provisioned."""
    if not by_groups:
        return {}
    others = provisioned if isinstance(provisioned, list) else [provisioned]
    return {ROLES: [*by_groups, *(each for each in others if each not in by_groups)]}


def scopes_of(kind: ResourceType) -> list[str]:
    """Return the scopes that give claims, `openid` first."""
    found = {row.scope for _, row in _rows(kind) if row.scope} - {OPENID}
    return [OPENID, *sorted(found)]


def claims_of(kind: ResourceType) -> list[str]:
    """Return the claims that the attributes of users give."""
    return sorted({claim for _, row in _rows(kind) if row.scope for claim in claims_in(row)})


def keys_of(kind: ResourceType, scopes: frozenset[str]) -> Iterator[str]:
    """Yield the top-level attributes, and the extensions by their URNs, that the claims of the scopes are read from."""
    for keys, row in _rows(kind):
        if row.scope in scopes:
            yield keys[0] if keys else row.name


def values_of(kind: ResourceType, user: Mapping[str, Any], scopes: frozenset[str]) -> dict[str, Any]:
    """Return the claims of the scopes, without the groups."""
    found: dict[str, Any] = {}
    for keys, row in _rows(kind):
        if row.scope in scopes and row is not kind.groups:
            holder = user.get(keys[0], {}) if keys else user
            found.update(_claims(row, holder.get(row.name)))
    return {name: value for name, value in found.items() if name not in RESERVED}


def _rows(kind: ResourceType) -> Iterator[tuple[tuple[str, ...], Attribute]]:
    """Yield the rows of users, each after the URN of the extension that has it, if one has."""
    for row in (*kind.common, *kind.schema.attributes):
        yield (), row
    for schema in kind.extensions:
        for row in schema.attributes:
            yield (schema.id,), row


def _claims(row: Attribute, value: Any) -> dict[str, Any]:
    if value in (None, "", [], {}) or row.returned == "never":
        return {}
    if not row.claim:
        found: dict[str, Any] = {}
        for sub in row.sub_attributes if isinstance(value, Mapping) else ():
            found.update(_claims(sub, value.get(sub.name)))
        return found
    if not row.multi_valued:
        rendered = _rendered(row, value)
    elif row.claim_values:
        chosen = _chosen(row, value)
        rendered = _rendered(row, chosen) if chosen is not None else None
    else:
        rendered = [each for each in (_rendered(row, element) for element in value) if each not in (None, "", {})]
    return {} if rendered in (None, "", [], {}) else {row.claim: rendered}


def _chosen(row: Attribute, elements: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the element whose value is the claim: see `Attribute.claim_values`."""
    for choice in row.claim_values:
        for element in elements:
            if choice == _ANY or (
                element.get(PRIMARY.name) is True if choice == PRIMARY.name
                else str(element.get(TYPE, "")).lower() == choice
            ):
                return element
    return None


def _rendered(row: Attribute, value: Any) -> Any:
    """Return one value as JSON for an app; times are seconds since 1970, as in OpenID Connect."""
    if row.type == "dateTime":
        return int(exact_moment(value).timestamp())
    if row.type != "complex":
        return value
    if any(sub.claim for sub in row.sub_attributes):
        found: dict[str, Any] = {}
        for sub in row.sub_attributes:
            found.update(_claims(sub, value.get(sub.name)))
        return found
    return value.get(VALUE)
