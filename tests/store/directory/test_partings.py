"""Members that a client takes out of a group while they are deleted: a restore does not bring them back into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.config import Config
from app.schemas.membership import MemberChange
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.directory.deleted import Deleted
from app.store.directory.directory import Directory
from app.store.directory.edits import Edit, MembersEdit
from app.store.directory.membership_plan import Members
from app.store.log.changes import Request
from app.store.log.event import Actor
from app.store.mongo.database import Database
from app.store.open import collections, open_directory
from tests.store.directory.test_newcomers import amid, imported

CONFIG = Config.from_environment({})
REQUEST = Request("patch", Actor("token-1", "request-1"))


@pytest.fixture
def directory(reused_database: Database) -> Directory:
    reused_database.prepare(collections(CONFIG))
    found = open_directory(CONFIG, reused_database, Tenants(reused_database).create("t", "interop"))
    imported(
        found, {"type": "User", "resource": {"id": "u1", "userName": "u1"}},
        {"type": "User", "resource": {"id": "u2", "userName": "u2"}},
        *({"type": "Group", "resource": {"id": group, "displayName": group}} for group in ("g1", "g2")),
        *({"type": "Membership", "group": group, "member": "u1"} for group in ("g1", "g2")),
    )
    return found


def delete(directory: Directory) -> None:
    directory.delete(directory.catalogue.named(USER_TYPE.name), "u1", None, REQUEST)


def change(directory: Directory, *changes: MemberChange, name: str = "g1") -> None:
    """Change the members of a group and, if it is another one, its name."""
    kind = directory.catalogue.named(GROUP_TYPE.name)
    before = directory.require(kind, "g1")
    directory.update(kind, Edit(before, before | {"displayName": name}, changes, exact=False), REQUEST)


def members(directory: Directory, group: str) -> list[str]:
    return [each.id for each in directory.members_page(group)[0]]


def removed(*ids: str) -> MemberChange:
    return MemberChange("remove", ids)


def added(*ids: str) -> MemberChange:
    return MemberChange("add", ids)


@pytest.mark.parametrize("name", ["g1", "other"])
@pytest.mark.parametrize("steps", [
    [[removed("u1")]], [[removed("u2", "u1")]], [[removed("u1"), added("u2")]], [[MemberChange("replace")]],
    [[MemberChange("replace", ("u2",))]], [[added("u2"), MemberChange("replace", ("u2",))]],
    [[added("u1")], [removed("u1")]], [[added("u1"), removed("u1")]], [[MemberChange("replace", ("u1",))], [removed("u1")]],
], ids=str)
def test_who_was_taken_out_while_deleted_is_not_in_the_group_after_a_restore(
    directory: Directory, steps: list[list[MemberChange]], name: str
) -> None:
    delete(directory)
    for changes in steps:
        change(directory, *changes, name=name)
    directory.restore("u1", REQUEST)
    assert "u1" not in members(directory, "g1")
    assert members(directory, "g2") == ["u1"]


@pytest.mark.parametrize("changes", [
    [removed("u2")], [added("u2")], [removed("nobody")], [added("u1")], [removed("u1"), added("u1")],
    [MemberChange("replace", ("u2", "u1"))],
], ids=str)
def test_who_was_not_taken_out_or_was_added_again_is_in_the_group(
    directory: Directory, changes: list[MemberChange]
) -> None:
    delete(directory)
    change(directory, *changes)
    directory.restore("u1", REQUEST)
    assert "u1" in members(directory, "g1")
    assert members(directory, "g2") == ["u1"]


def test_only_the_members_are_changed(directory: Directory) -> None:
    delete(directory)
    kind = directory.catalogue.named(GROUP_TYPE.name)
    directory.change_members(kind, "g1", MembersEdit((removed("u1"),), None, keys=None), REQUEST)
    directory.restore("u1", REQUEST)
    assert members(directory, "g1") == []


def test_a_deleted_user_of_another_tenant_keeps_its_groups(directory: Directory) -> None:
    delete(directory)
    other = open_directory(CONFIG, directory.database, Tenants(directory.database).create("other", "interop"))
    row = directory.database.db.deleted.find_one({"_id": "u1"})
    directory.database.db.deleted.insert_one(row | {"_id": "u9", "tenant": "other"})
    change(directory, MemberChange("replace"))
    change(directory, removed("u9"))
    assert len(other.deleted.find_with("u9")["memberships"]) == 2


def test_a_replacement_needs_no_index_and_reads_nothing_else_with_it(directory: Directory) -> None:
    database = directory.database.db
    delete(directory)
    row = database.deleted.find_one({"_id": "u1"})
    database.deleted.insert_many([row | {"_id": f"d{n}", "memberships": []} for n in range(3_000)])
    query = {"tenant": "t", "memberships.group": "g1"}
    assert database.command(
        "explain", {"update": "deleted", "updates": [{"q": query, "u": {"$set": {"x": 1}}, "multi": True}]},
        verbosity="executionStats",
    )["executionStats"]["totalDocsExamined"] == 1
    database.deleted.drop_index("tenant_group")
    change(directory, MemberChange("replace"))
    directory.restore("u1", REQUEST)
    assert (members(directory, "g1"), members(directory, "g2")) == ([], ["u1"])


@pytest.mark.parametrize("act", ["deletion", "restore"])
def test_it_is_deleted_or_restored_at_the_moment_at_which_it_is_taken_out(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    def restore() -> None:
        directory.restore("u1", REQUEST)

    others: dict[str, Callable[[], Any]] = {"deletion": lambda: delete(directory), "restore": restore}
    if act == "restore":
        delete(directory)
        amid(monkeypatch, Deleted, "part", others[act])
    else:
        amid(monkeypatch, Members, "plan", others[act])
    change(directory, removed("u1"))
    if act == "deletion":
        restore()
    assert members(directory, "g1") == []
    assert members(directory, "g2") == ["u1"]
