"""Who a verified identity is: exactly one active user of the tenant, and always the same one.

A user is found by the match rule of the connection, and compared as that attribute is compared everywhere in scimd. At
the first sign-in the subject of the identity provider is written down for the user; from then on neither can sign in
without the other. So a name that is given to a new colleague does not open the account of the one who had it before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from app.auth.refusal import Check, loggable
from app.roles.reckoning import groups_of
from app.schemas.resource_type import ResourceType
from app.schemas.storage.columns import columns
from app.schemas.tables.common import EXTERNAL_ID
from app.schemas.tables.group import GROUP_TYPE
from app.sign_on.identity import Identity
from app.sign_on.reasons import Reason, SignOnRefused
from app.store.directory.directory import Directory
from app.store.sign_on.links import Link

LONGEST = 1_024
"""Characters of a value by which a user is found."""
_ADVICE = (
    "Is the person assigned to the app in the identity provider, and provisioned already (that takes up to 40 minutes, "
    "or \"Provision on demand\")? Do the mappings of the provisioning fill the attribute that the match rule names?"
)


@dataclass(frozen=True)
class Rule:
    """How a user is found: an attribute of the user, and where in the identity its value comes from."""

    attribute: str
    source: str


class NotLetIn(SignOnRefused):
    """A person who is known to the identity provider, and has no access here."""

    def __init__(
        self, reason: Reason, detail: str, checks: tuple[Check, ...] = (), *, name: str = "", user_id: str = ""
    ) -> None:
        """Make the refusal; `name` is what was looked for, or the user's name, and `user_id` the user's id if known."""
        super().__init__(reason, detail, checks)
        self.name = name
        self.user_id = user_id


@dataclass(frozen=True)
class User:
    """The user who signs in."""

    id: str
    name: str
    external_id: str


class Matching:
    """Finds users in the directory of one tenant."""

    def __init__(self, directory: Directory, user_type: ResourceType) -> None:
        self._directory = directory
        self._type = user_type

    def find(self, rule: Rule, identity: Identity) -> User:
        """Return the one active user whom the rule finds; raises SignOnRefused."""
        value = _value(rule, identity)
        column = columns(self._type)(self._type.signs_in[rule.attribute])
        assert column is not None
        query = {column.field: column.key(value)}
        found = self._directory.resources(self._type).find(query, self._keys, 2)
        check = Check(rule.attribute, "exactly one active user", loggable(value), False)
        if len(found) > 1:
            detail = f"Several users have the {rule.attribute} that was looked for."
            raise NotLetIn(Reason.AMBIGUOUS, detail, (check,), name=value)
        if not found:
            raise self._missing(rule, value, check)
        return self._active(found[0])

    def require(self, user_id: str) -> User:
        """Return the active user with an id, as of now; raises SignOnRefused."""
        found = self._directory.get(self._type, user_id, self._keys)
        if found is None:
            raise NotLetIn(Reason.DELETED, "The user was deleted a moment ago.", user_id=user_id)
        return self._active(found)

    def exists(self, user_id: str) -> bool:
        """Return whether there is a user with this id."""
        return self._directory.get(self._type, user_id, frozenset({self._type.identifier})) is not None

    def require_group(self, user: User, group: str) -> None:
        """Check that a user is a member of the group with this name, as `is_member` does; raises SignOnRefused."""
        if not self.is_member(user.id, group):
            check = Check("group", group, "not a member", False)
            detail = f"The user is not a member of {group!r}, whose members alone may sign in."
            raise NotLetIn(Reason.NOT_IN_GROUP, detail, (check,), name=user.name, user_id=user.id)

    def is_member(self, user_id: str, group: str) -> bool:
        """Return whether a user is in a group with this name, directly or through groups that are not deleted."""
        reached = groups_of(self._directory, [user_id], None)[user_id]
        column = columns(GROUP_TYPE)(GROUP_TYPE.label)
        assert column is not None
        named = {column.field: column.key(group), "_id": {"$in": sorted(reached)}}
        return bool(reached and self._directory.resources(GROUP_TYPE).ids(named, 1))

    @property
    def _keys(self) -> frozenset[str]:
        switch = self._type.switch
        return frozenset({self._type.identifier, EXTERNAL_ID.name, *((switch,) if switch else ())})

    def _active(self, resource: dict[str, Any]) -> User:
        name, external_id = resource.get(self._type.identifier, ""), resource.get(EXTERNAL_ID.name, "")
        user = User(resource["id"], name, external_id)
        if self._type.is_disabled(resource):
            raise NotLetIn(Reason.INACTIVE, "The user is disabled.", name=user.name, user_id=user.id)
        return user

    def _missing(self, rule: Rule, value: str, check: Check) -> SignOnRefused:
        for each in self._directory.deleted.named(value, 1):
            if rule.attribute in self._type.names:
                return NotLetIn(Reason.DELETED, "The user was deleted.", (check,), name=value, user_id=each)
        detail = f"No user has this {rule.attribute}. {_ADVICE}"
        return NotLetIn(Reason.NOT_PROVISIONED, detail, (check,), name=value)


def displaced(
    matching: Matching, user: User, subject: str | None, vouched: Collection[str], links: Sequence[Link]
) -> tuple[Link, ...]:
    """Return the links that give way to one of this user and subject; raises SignOnRefused if one does not.

    `links` are those that the two have. A link gives way if its user does not exist any more, or if the externalId of
    the user is one of `vouched`: the ids by which the identity provider knows the person. Provisioning, a trusted
    channel, then says who it is.
    """
    stale = tuple(link for link in links if (link.subject, link.user) != (subject, user.id))
    if user.external_id and user.external_id in vouched:
        return stale
    for link in stale:
        if link.user == user.id:
            check = Check("subject", loggable(link.subject), loggable(subject or "none"), False)
            detail = (
                "The user has signed in as another person of the identity provider before; "
                "if it is the same person, use `scimd sso unlink`."
            )
            raise NotLetIn(Reason.OTHER_SUBJECT, detail, (check,), name=user.name, user_id=user.id)
        if matching.exists(link.user):
            check = Check("user", link.user, user.id, False)
            detail = (
                "The person has signed in as another user before; "
                "if both are the same person, use `scimd sso unlink` for that user."
            )
            raise NotLetIn(Reason.LINKED_ELSEWHERE, detail, (check,), name=user.name, user_id=user.id)
    return stale


def _value(rule: Rule, identity: Identity) -> str:
    """Return the value that the rule takes from an identity; raises SignOnRefused."""
    values = identity.values.get(rule.source, ())
    if len(values) == 1 and 1 <= len(values[0]) <= LONGEST:
        return values[0]
    came = ", ".join(sorted(identity.values)) or "nothing"
    received = f"{len(values)} values" if len(values) != 1 else f"{len(values[0])} characters"
    check = Check(rule.source, f"one value of 1 to {LONGEST} characters", received, False)
    detail = f"The identity provider has not sent {rule.source} as the match rule expects it; it sent {loggable(came)}."
    raise SignOnRefused(Reason.NO_IDENTIFIER, detail, (check,))
