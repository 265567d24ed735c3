"""Members that come into being while they are added: neither transaction sees the other one, and both succeed (D-680)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.config import Config
from app.errors import Unavailable
from app.export_import.importer import Importer
from app.schemas.membership import MemberChange
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.directory.directory import Directory
from app.store.directory.edits import MembersEdit
from app.store.directory.member_groups import MemberGroups
from app.store.directory.memberships import Memberships
from app.store.directory.newcomers import Newcomers
from app.store.directory.resources import Resources
from app.store.log.changes import Request
from app.store.log.event import Actor
from app.store.mongo.database import Database
from app.store.open import all_types, collections, open_directory

CONFIG = Config.from_environment({})
REQUEST = Request("patch", Actor("token-1", "request-1"))
USER, GROUP = ({"type": name, "resource": {"id": key, label: key}} for name, key, label in (
    ("User", "u1", "userName"), ("Group", "g2", "displayName")))


@pytest.fixture
def directory(reused_database: Database) -> Directory:
    reused_database.prepare(collections(CONFIG))
    found = open_directory(CONFIG, reused_database, Tenants(reused_database).create("t", "interop"))
    imported(found, {"type": "Group", "resource": {"id": "g1", "displayName": "g1"}})
    return found


def imported(directory: Directory, *lines: dict[str, Any]) -> None:
    importer = Importer(
        directory, all_types=all_types(None), strict=False, actor=Actor("cli"),
        refused=lambda _, why: pytest.fail(why),
    )
    importer.run(enumerate(lines))


def membership(member: str) -> dict[str, Any]:
    return {"type": "Membership", "group": "g1", "member": member}


def kinds(directory: Directory) -> dict[str, str | None]:
    return {row["member"]: row.get("type") for row in directory.database.db.memberships.find({"group": "g1"})}


def version(directory: Directory) -> int:
    return int(directory.database.db.groups.find_one({"_id": "g1"})["meta"]["version"])


def add(directory: Directory, member: str) -> None:
    edit = MembersEdit((MemberChange("add", (member,)),), None, keys=None)
    directory.change_members(directory.catalogue.named(GROUP_TYPE.name), "g1", edit, REQUEST)


def amid(monkeypatch: pytest.MonkeyPatch, of: type, name: str, other: Callable[[], None]) -> None:
    """Let `other` begin and end in the transaction that calls a method, the first time that one does."""
    whole, done = getattr(of, name), list[bool]()

    def method(*arguments: Any, **named: Any) -> Any:
        if not done:
            done.append(True)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(other).result(20)
        return whole(*arguments, **named)

    monkeypatch.setattr(of, name, method)


@pytest.mark.parametrize("kind", ["User", "Group"])
@pytest.mark.parametrize("restores_within", [True, False])
def test_it_is_restored(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, kind: str, restores_within: bool
) -> None:
    line = {"User": USER, "Group": GROUP}[kind]
    key = line["resource"]["id"]
    imported(directory, line)
    directory.delete(directory.catalogue.named(kind), key, None, REQUEST)

    def restore() -> None:
        directory.restore(key, REQUEST)

    if restores_within:
        amid(monkeypatch, Memberships, "add", restore)
        add(directory, key)
    else:
        amid(monkeypatch, MemberGroups, "rejoin", lambda: add(directory, key))
        restore()
    assert kinds(directory) == {key: kind}
    assert version(directory) == 3, "the group shows the member otherwise than it did when the member was added"


@pytest.mark.parametrize("line", [USER, GROUP], ids=["user", "group"])
@pytest.mark.parametrize("by_import", [True, False])
@pytest.mark.parametrize("creates_within", [True, False])
def test_it_is_imported(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, line: dict[str, Any], by_import: bool, creates_within: bool
) -> None:
    key = line["resource"]["id"]

    def join() -> None:
        imported(directory, membership(key)) if by_import else add(directory, key)

    if creates_within:
        amid(monkeypatch, Memberships, "put" if by_import else "add", lambda: imported(directory, line))
        join()
    else:
        amid(monkeypatch, Resources, "insert", join)
        imported(directory, line)
    assert kinds(directory) == {key: line["type"]}
    assert version(directory) == 3


def test_a_repeated_import_mends_what_an_interrupted_one_has_left(directory: Directory) -> None:
    imported(directory, USER, membership("u1"), membership("nobody"))
    directory.database.db.memberships.update_one({"member": "u1"}, {"$unset": {"type": ""}})
    imported(directory, USER)
    assert kinds(directory) == {"u1": "User", "nobody": None}


def test_a_change_that_is_stored_has_succeeded(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable("The database does not answer.")

    monkeypatch.setattr(Newcomers, "arrive", fail)
    add(directory, "nobody")
    assert kinds(directory) == {"nobody": None}
    assert "may be shown without a type: Unavailable: The database does not answer." in caplog.text


def test_members_that_are_there_are_not_looked_at_again(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(directory, USER)
    monkeypatch.setattr(Newcomers, "arrive", lambda *_, **__: pytest.fail("nothing is open"))
    add(directory, "u1")
    assert kinds(directory) == {"u1": USER_TYPE.name}
