"""Which roles people have by their groups, direct and nested ones, as of one moment."""

from __future__ import annotations

from collections.abc import Iterable

from app.store.directory.directory import Directory
from app.store.directory.given_roles import Roles
from app.store.directory.membership_reader import Parents
from app.store.mongo.database import Database, Session
from app.store.roles.role_maps import RoleMap, RoleMaps


def groups_of(directory: Directory, people: Iterable[str], session: Session) -> dict[str, set[str]]:
    """Return the groups of each person, direct and nested ones; all queries of `session` read the same snapshot.

    A deleted group, which keeps its members for a while, leads to no other one, and is none.
    """
    people = list(people)
    parents = directory.memberships.above(people, session)
    types = [each.name for each in directory.catalogue.types if each.members]
    exist = directory.identities.of(set().union(*parents.values()), types, session).keys() if parents else set()
    return {person: _above(person, parents, exist) for person in people}


def roles_of(directory: Directory, role_map: RoleMap, people: Iterable[str], session: Session) -> dict[str, Roles]:
    """Return the roles of each person, by a map that is read in the same session or after it was read."""
    return {person: role_map.roles(groups) for person, groups in groups_of(directory, people, session).items()}


def roles_now(database: Database, directory: Directory, person: str) -> Roles:
    """Return a person's roles as they are now; one lookup if the tenant has no map."""
    role_map = RoleMaps(database).get(directory.tenant)
    if role_map.is_empty:
        return ()
    with database.snapshot_session() as session:
        return roles_of(directory, role_map, [person], session)[person]


def _above(person: str, parents: Parents, exist: Iterable[str]) -> set[str]:
    existing, found, to_visit = set(exist), set[str](), [person]
    while to_visit:
        new = (parents.get(to_visit.pop(), set()) & existing) - found
        found |= new
        to_visit += new
    return found
