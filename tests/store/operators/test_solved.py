"""Whether a refusal was cured since, by the lines of a log: only what is the same person and says what was refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.store.operators.reports.solved import SOLVED, marked

NOW = datetime(2026, 11, 28, 17, tzinfo=UTC)
ANN = {"type": "User", "name": "ann"}


def line(minutes: int, operation: str, *keys: str, failed: bool = False, attribute: str = "", id_: str = "", name: str = "ann",
         external: str = "", changed: str = "", added: str = "", kind: str = "User", cause: str = "", old: Any = None, new: Any = "x") -> dict[str, Any]:  # fmt: skip
    resource = {"type": kind, "name": name} | ({"id": id_} if id_ else {}) | ({"externalId": external} if external else {})
    return {
        "_id": str(minutes), "time": NOW + timedelta(minutes=minutes), "operation": operation, "resource": resource,
        "keys": sorted({*keys, *([f"member:{added}"] if added else ())}), "attribute": attribute, "failed": failed,
        "changes": [{"attribute": changed, "new": new} | ({"old": old} if old is not None else {})] if changed else [], "cause": cause, "members": {"added": [added]} if added else {},
    }


def refused(operation: str, *keys: str, attribute: str = "", **more: Any) -> dict[str, Any]:
    return line(0, operation, *keys, failed=True, attribute=attribute, **more)


GIVEN = "name.givenName"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ROWS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("created", refused("create", "ann", "x1", attribute=GIVEN), line(5, "create", "ann", "x1", id_="1", external="x1"), "This user was created"),
    ("created under another name", refused("create", "ann", "x1", attribute="userName"), line(5, "create", "ann2", "x1", id_="1", name="ann2", external="x1"), "This user was created"),
    ("created without an externalId", refused("create", "ann"), line(5, "create", "ann", id_="1"), "This user was created"),
    ("another one created", refused("create", "ann", "x1"), line(5, "create", "bob", "x2", id_="2", name="bob", external="x2"), ""),
    ("a name is taken, and its holder changes", refused("create", "ann", "x1", attribute="userName"), line(5, "patch", "ann", "y9", id_="1", external="y9", changed="title"), ""),
    ("a name is taken, and was found later", refused("create", "ann", "x1", attribute="userName"), line(5, "patch", "ann", "x1", id_="1", external="x1", changed="title"), "This user was changed"),
    ("not let in, and let in later", refused("sign-on", "1", id_="1"), line(5, "sign-on", "1", id_="1"), ""),
    ("created before", refused("create", "ann", "x1"), line(-5, "create", "ann", "x1", id_="1", external="x1"), ""),
    ("refused again", refused("create", "ann", "x1"), line(5, "create", "ann", "x1", external="x1", failed=True), ""),
    ("a group of that name", refused("create", "ann"), line(5, "create", "ann", id_="1", kind="Group"), ""),
    ("the attribute was changed", refused("patch", "1", id_="1", attribute="title"), line(5, "patch", "1", "ann", id_="1", changed="title"), "This user was changed"),
    ("a part of it was changed", refused("patch", "1", id_="1", attribute=GIVEN), line(5, "patch", "1", "ann", id_="1", changed="name"), "This user was changed"),
    ("an attribute of an extension", refused("patch", "1", id_="1", attribute=f"{ENTERPRISE}:department"), line(5, "patch", "1", id_="1", changed=f"{ENTERPRISE}:department"), "This user was changed"),
    ("another attribute was changed", refused("patch", "1", id_="1", attribute="title"), line(5, "patch", "1", "ann", id_="1", changed="active"), ""),
    ("all of it was replaced", refused("patch", "1", id_="1", attribute="title"), line(5, "replace", "1", id_="1", changed="active"), "This user was changed"),
    ("a version that was old, and the same again", refused("patch", "1", id_="1", cause="version"), line(5, "patch", "1", id_="1", changed="active"), "This user was changed"),
    ("it is not known what was refused", refused("patch", "1", id_="1", cause="bad-filter"), line(5, "patch", "1", id_="1", changed="active"), ""),
    ("this part of it was changed", refused("patch", "1", id_="1", attribute=GIVEN), line(5, "patch", "1", id_="1", changed="name", old={"familyName": "B"}, new={"familyName": "B", "givenName": "A"}), "This user was changed"),
    ("another part of it was changed", refused("patch", "1", id_="1", attribute=GIVEN), line(5, "patch", "1", id_="1", changed="name", old={"familyName": "B"}, new={"familyName": "C"}), ""),
    ("a part of an element", refused("patch", "1", id_="1", attribute='emails[type eq "work"].value'), line(5, "patch", "1", id_="1", changed="emails", old=[], new=[{"value": "a@x"}]), "This user was changed"),
    ("a name is taken, and its holder is restored", refused("create", "ann", "x1", attribute="userName", cause="taken"), line(5, "restore", "ann", "y9", id_="1", external="y9"), ""),
    ("a name is taken, and the same person is created later", refused("create", "ann", "x1", attribute="userName", cause="taken"), line(5, "create", "ann", "x1", id_="1", external="x1"), "This user was created"),
    ("another person", refused("patch", "1", id_="1", attribute="title"), line(5, "patch", "2", id_="2", changed="title"), ""),
    ("an unknown id was restored", refused("patch", "1", id_="1", attribute="title", name=""), line(5, "restore", "1", "ann", id_="1"), "This user was restored"),
    ("deleted after all", refused("delete", "1", id_="1"), line(5, "delete", "1", "ann", id_="1"), "This user was deleted"),
    ("not deleted, but changed", refused("delete", "1", id_="1"), line(5, "patch", "1", "ann", id_="1", changed="title"), ""),
    ("not changed, but deleted", refused("patch", "1", id_="1", attribute="title"), line(5, "delete", "1", "ann", id_="1"), ""),
    ("the member was added", refused("patch", "g", id_="g", attribute="members", added="m1", kind="Group"), line(5, "patch", "g", id_="g", added="m1", kind="Group"), "This group was changed"),
    ("another member was added", refused("patch", "g", id_="g", attribute="members", added="m1", kind="Group"), line(5, "patch", "g", id_="g", added="m2", kind="Group"), ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "after", "words"), ROWS, ids=[row[0] for row in ROWS])
def test_a_refusal_is_solved_by_what_was_refused_of_the_same_person(name: str, before: dict[str, Any], after: dict[str, Any], words: str) -> None:
    lines = marked(sorted((before, after), key=lambda each: each["time"], reverse=True))
    found = next(each for each in lines if each["_id"] == "0")[SOLVED]
    assert (found and found["words"] or "") == words
    assert not found or (found["_id"], found["time"]) == ("5", NOW + timedelta(minutes=5))


def test_the_first_of_several_is_named_and_what_was_done_has_no_mark() -> None:
    lines = marked([line(9, "patch", "1", id_="1", changed="title"), line(5, "patch", "1", id_="1", changed="title"),
                    refused("patch", "1", id_="1", attribute="title")])
    assert [each.get(SOLVED, "none") and each.get(SOLVED, "none") for each in lines[:2]] == ["none", "none"]
    assert lines[2][SOLVED]["_id"] == "5"
