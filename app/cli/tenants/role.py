"""scimd role: which group of a tenant gives which role, and who has which roles."""

from __future__ import annotations

import click

from app.cli.audit import TenantItself, audited_change
from app.cli.connection import Connection
from app.cli.output import json_option, print_json, print_table, say
from app.cli.values import ResourceName
from app.roles.reckoning import groups_of
from app.schemas.resource_type import ResourceType
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.directory.directory import Directory
from app.store.directory.given_roles import given_roles
from app.store.directory.identities import all_names
from app.store.mongo.database import Session
from app.store.roles.role_maps import RoleMap, RoleMapping, RoleMaps, check_role

MOST_NAMED = 20


@click.group()
def role() -> None:
    """The roles of a tenant's people, by their groups. Apps get them in the feed and at sign-in."""


@role.command("map")
@click.argument("tenant")
@click.argument("group", required=False, type=ResourceName())
@click.argument("role_name", required=False, metavar="[ROLE]")
@click.option("--priority", type=click.IntRange(-1_000_000, 1_000_000), default=0, show_default=True,
              help="Roles are listed by their priorities, the highest first; those with the same one by name.")
@click.option("--default", "default", metavar="ROLE", help="The role of people in no mapped group; needs no group.")
@click.pass_obj
def map_role(
    connection: Connection, tenant: str, group: str | None, role_name: str | None, priority: int, default: str | None
) -> None:
    """Give the people in a group a role. Those in nested groups have it, too.

    GROUP is a name, an id or an externalId. A group can have several roles, and a role several groups. Mapping a
    group to the same role again changes its priority.
    """
    if (group is None and default is None) or (group is not None and role_name is None):
        raise click.UsageError("Give a group and a role, or --default ROLE.")
    connection.prepared  # noqa: B018 - an older version had no such collection
    directory = connection.directory(tenant)
    found = _group(directory, group) if group is not None else ""
    maps = RoleMaps(connection.database)

    def work(session: Session) -> tuple[TenantItself, None]:
        if role_name is not None:
            maps.put(tenant, RoleMapping(found, check_role(role_name), priority), session)
        if default is not None:
            maps.set_default(tenant, check_role(default), session)
        return TenantItself(tenant, " ".join(filter(None, (found, role_name or default)))), None

    audited_change(connection, "role map", work, tenant=tenant, object_=found or tenant)


@role.command()
@click.argument("tenant")
@click.argument("group", required=False, type=ResourceName())
@click.argument("role_name", required=False, metavar="[ROLE]")
@click.option("--default", "default", is_flag=True, help="Remove the role of people in no mapped group.")
@click.pass_obj
def unmap(connection: Connection, tenant: str, group: str | None, role_name: str | None, default: bool) -> None:
    """Take a role from a group, or without ROLE all its roles. What people have by other groups stays."""
    if group is None and not default:
        raise click.UsageError("Give a group, or --default.")
    directory = connection.directory(tenant)
    maps = RoleMaps(connection.database)
    found = _mapped(directory, maps.get(tenant), group) if group is not None else ""

    def work(session: Session) -> tuple[TenantItself, None]:
        if group is not None and not maps.remove(tenant, found, role_name, session):
            raise click.ClickException(f"{group} is not mapped to {role_name or 'any role'}.")
        if default:
            maps.set_default(tenant, None, session)
        return TenantItself(tenant, " ".join(filter(None, (found, role_name)))), None

    audited_change(connection, "role unmap", work, tenant=tenant, object_=found or tenant)


@role.command("list")
@click.argument("tenant")
@click.option("--user", type=ResourceName(), metavar="NAME", help="The roles of this user, and what they come from.")
@json_option
@click.pass_obj
def list_roles(connection: Connection, tenant: str, user: str | None, as_json: bool) -> None:
    """List which group gives which role, or the roles of one user."""
    directory = connection.directory(tenant)
    maps = RoleMaps(connection.database)
    role_map = maps.get(tenant)
    if user is not None:
        _print_user(connection, directory, role_map, user, as_json=as_json)
        return
    unfinished = maps.unfinished(tenant)
    names = _names(directory, role_map.groups)
    order = sorted(role_map.mappings, key=lambda each: (-each.priority, each.role, each.group))
    rows = [{"role": each.role, "priority": each.priority, **names[each.group]} for each in order]
    if as_json:
        print_json({"mappings": rows, "default": role_map.default, "being_applied": unfinished})
        return
    print_table(rows, empty=f'{tenant} maps no group. Next: scimd role map {tenant} "GROUP" ROLE')
    if role_map.default is not None:
        say(f"People in no mapped group: {role_map.default}")
    if unfinished:
        say("A change is still being applied to the people whom it concerns.")


def _print_user(
    connection: Connection, directory: Directory, role_map: RoleMap, user: str, *, as_json: bool
) -> None:
    user_id = _one(directory, USER_TYPE, user)
    store = directory.resources(USER_TYPE)
    with connection.database.snapshot_session() as session:
        groups = groups_of(directory, [user_id], session)[user_id]
        given = given_roles(store, [user_id], session).get(user_id, ())
    roles = role_map.roles(groups)
    names = _names(directory, {each.group for each in role_map.mappings if each.group in groups})
    rows = [
        {"role": each, "groups": sorted(names[m.group]["group"] for m in role_map.mappings
                                        if m.role == each and m.group in groups)}
        for each in roles
    ]
    if as_json:
        print_json({"user": user_id, "roles": rows, "consumers_know": given == roles})
        return
    print_table(
        [{"role": row["role"], "by": ", ".join(row["groups"]) or "default"} for row in rows],
        empty=f"{user} has no role.",
    )
    if given != roles:
        say("Consumers of the feed do not know this yet.")


def _names(directory: Directory, groups: set[str]) -> dict[str, dict[str, str]]:
    """Return name and id of each group; of one that was deleted, the id and that it was."""
    known = directory.identities.of(groups, names=all_names)
    return {
        each: {"group": known[each].label or each if each in known else f"{each} (deleted)", "id": each}
        for each in groups
    }


def _group(directory: Directory, name: str) -> str:
    return _one(directory, GROUP_TYPE, name)


def _mapped(directory: Directory, role_map: RoleMap, name: str) -> str:
    """Return the mapped group with this name, or with this id even if it was deleted."""
    return name if name in role_map.groups else _group(directory, name)


def _one(directory: Directory, kind: ResourceType, name: str) -> str:
    """Return the id of the only resource with this name, id or externalId; raises ClickException."""
    if directory.get(kind, name, frozenset()) is not None:
        return name
    found = directory.resources(kind).named(name, MOST_NAMED)
    if len(found) == 1:
        return found[0]
    if found:
        raise click.ClickException(f"There are several with the name {name}; give an id: {', '.join(sorted(found))}")
    raise click.ClickException(f"{directory.tenant} has no {kind.name.lower()} {name!r}.")
