"""FA-19: nothing is done by a command without a line that says who has done it; the commands are walked one by one."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pymongo.errors import DuplicateKeyError

from app.cli import scimd as group
from app.cli.connection import Connection
from app.cli.demo import make_demo
from app.store.accounts.tenants import Tenants
from app.store.accounts.tokens import Tokens
from app.store.operators.audit import AuditLog
from app.store.operators.audit import Operator as Person
from tests.blueprints.conftest import USER_URN
from tests.cli.conftest import Operator
from tests.relay import logged, relay
from tests.tenants import delete_for_good

WHO = pwd.getpwuid(os.getuid()).pw_name
KEYS = {"time", "who", "role", "how", "address", "tenant", "act", "object", "outcome", "request"}
TRUST = ["acme", "--kind", "bearer", "--issuer", "http://127.0.0.1:1", "--audience", "a", "--subject", "s"]


class World:
    """Ids of all that a command may need."""

    def __init__(self, operator: Operator, folder: Path) -> None:
        self.operator = operator
        user = operator.client.user("jane@x")
        assert operator.client("DELETE", f"/Users/{user['id']}").status_code == 204
        self.deleted = user["id"]
        self.group = operator.client.group("Sales")["id"]
        relay(operator.database)  # what comes into the log later is what the command did
        self.token = json.loads(operator("token", "issue", "acme", "--json"))["id"]
        client = json.loads(operator("client", "create", "acme", "--json"))
        self.client, self.secret = client["client_id"], client["secret_id"]
        operator("trust", "add", *TRUST)
        self.trust = json.loads(operator("trust", "list", "acme", "--json"))[0]["id"]
        self.link = json.loads(operator("setup", "link", "acme", "--json"))["id"]
        self.file = folder / "lines"
        line = {"type": "User", "resource": {"schemas": [USER_URN], "id": "u1", "userName": "new@x"}}
        self.file.write_text(json.dumps(line))


CHANGING: dict[str, Callable[[World], list[str]]] = {
    "tenant create": lambda world: ["fresh"],
    "tenant suspend": lambda world: ["acme"],
    "tenant resume": lambda world: ["acme"],
    "tenant delete": lambda world: ["other", "--yes"],
    "tenant limit": lambda world: ["acme", "200"],
    "token issue": lambda world: ["acme", "--label", "x"],
    "token revoke": lambda world: [world.token],
    "client create": lambda world: ["acme"],
    "client rotate": lambda world: [world.client],
    "client secret delete": lambda world: [world.client, world.secret],
    "client delete": lambda world: [world.client],
    "trust add": lambda world: TRUST,
    "trust delete": lambda world: [world.trust],
    "restore": lambda world: ["acme", world.deleted],
    "import": lambda world: ["acme", str(world.file)],
    "export": lambda world: ["acme"],
    "demo": lambda world: [],
    "tenant guard": lambda world: ["acme", "--stop"],
    "role map": lambda world: ["acme", world.group, "seller"],
    "tenant domain add": lambda world: ["acme", "example.com"],
    "setup link": lambda world: ["acme"],
    "setup revoke": lambda world: [world.link],
}
READING: dict[str, Callable[[World], list[str]]] = {
    "tenant list": lambda world: [],
    "tenant show": lambda world: ["acme"],
    "token list": lambda world: ["acme"],
    "client list": lambda world: ["acme"],
    "trust list": lambda world: ["acme"],
    "events": lambda world: ["acme"],
    "acts": lambda world: [],
    "feed status": lambda world: [],
    "deleted list": lambda world: ["acme"],
    "app list": lambda world: [],
    "signing-key list": lambda world: [],
    "sso show": lambda world: ["acme"],
    "sso sessions": lambda world: ["acme"],
    "tenant domain list": lambda world: ["acme"],
    "setup list": lambda world: ["acme"],
    "console visits": lambda world: [],
    "role list": lambda world: ["acme"],
    "webhook list": lambda world: [],
    "stream list": lambda world: [],
}
ELSEWHERE = {
    "console link": "concerns no tenant; see web/test_links.py", "console end": "see web/test_links.py",
    "serve": "answers requests; --demo is below", "check": "is a client of any SCIM server", "mongo uri": "prints an address",
    "mongo init": "makes a replica set where there is no database yet", "feed restart": "concerns no tenant; see test_feed.py",
    **dict.fromkeys(("app change", "app create", "app delete", "app rotate", "app secret delete", "app show"), "sign_on/test_app.py"),
    "role unmap": "tests/roles",
    **dict.fromkeys(("signing-key rotate", "signing-key seal", "tenant domain remove"), "sign_on/"),
    **dict.fromkeys(("sso delete", "sso end", "sso off", "sso on", "sso refresh", "sso set", "sso test", "sso unlink"), "sign_on/test_sso.py"),
    **dict.fromkeys((
        f"webhook {name}" for name in
        ("change", "create", "delete", "disable", "enable", "failures", "replay", "resend", "rotate", "show", "test")
    ), "webhooks/"),
    **dict.fromkeys((f"stream {name}" for name in ("change", "create", "delete", "rotate-key", "show")), "webhooks/test_stream.py"),
}
NAMED = {"demo": "token issue", "client secret delete": "client delete secret", "tenant domain add": "domain add"}
"""Commands whose act has another name."""


def commands(found: click.Command, path: str = "") -> Iterator[str]:
    """Yield the path of every command that does something."""
    if isinstance(found, click.Group):
        context = click.Context(found)
        for name in found.list_commands(context):
            inner = found.get_command(context, name)
            assert inner
            yield from commands(inner, f"{path} {name}".strip())
    else:
        yield path


@pytest.fixture
def world(operator: Operator, tmp_path: Path) -> World:
    return World(operator, tmp_path)


def stored(operator: Operator) -> dict[str, list[Any]]:
    """Return all that is stored, but what is written about it."""
    database = operator.database.db
    names = set(database.list_collection_names()) - {"acts", "events", "counts", "group_members", "user_groups", "system.views"}
    return {name: list(database[name].find(sort=[("_id", 1)])) for name in sorted(names)}


def acts_of(operator: Operator) -> list[dict[str, Any]]:
    return AuditLog(operator.database).find()


def test_every_command_is_in_one_of_the_tables() -> None:
    assert sorted(commands(group)) == sorted([*CHANGING, *READING, *ELSEWHERE])


def test_fa_19_a_command_that_changes_something_leaves_a_line(world: World) -> None:
    """One after another, since to make a world takes longer than what is done in it."""
    before, lines = stored(world.operator), acts_of(world.operator)
    for command, arguments in CHANGING.items():
        world.operator(*command.split(), *arguments(world))
        now, acts = stored(world.operator), acts_of(world.operator)
        assert now != before or command == "export", command
        assert acts[: len(lines)] == lines, command
        assert len(acts) > len(lines), command
        is_told(world.operator, command, acts[-1])
        before, lines = now, acts


def is_told(operator: Operator, command: str, line: dict[str, Any]) -> None:
    """Check the line of a command, and what the log of the tenant says."""
    assert line.keys() == KEYS, command
    assert (line["who"], line["role"], line["how"], line["outcome"]) == (WHO, "operator", "command line", "done"), command
    assert line["act"] == NAMED.get(command, command)
    assert line["tenant"] in ("acme", "fresh", "other", "demo"), command
    assert line["address"] and (line["object"] or command in ("import", "export")), command
    if command not in ("tenant delete", "export"):
        last = logged(operator.database, tenant=line["tenant"])[-1]
        assert last["credential"] == f"command line: {WHO}", command
        assert line["object"] in ("", last["resource"]["id"]), command


def test_a_command_that_reads_changes_nothing(world: World) -> None:
    before, lines = stored(world.operator), acts_of(world.operator)
    for command, arguments in READING.items():
        world.operator(*command.split(), *arguments(world))
        assert (stored(world.operator), acts_of(world.operator)) == (before, lines), command


def test_fa_19_what_fails_has_a_line_too_and_changes_nothing(world: World) -> None:
    world.operator("token", "revoke", "nobody", status=1)
    world.operator("restore", "acme", "nobody", status=1)
    assert [(line["act"], line["object"], line["outcome"], line["reason"]) for line in acts_of(world.operator)[-2:]] == [
        ("token revoke", "nobody", "failed", "There is no token 'nobody'."),
        ("restore", "nobody", "failed", "Nothing with the id nobody can be restored.")]
    assert "There is no token 'nobody'." in world.operator("acts")


@pytest.mark.parametrize("command", [
    "token revoke {}", "client rotate {}", "client delete {}", "client secret delete CLIENT {}", "trust delete {}",
    "app delete {}", "setup revoke {}", "console end {}", "webhook rotate {}", "stream delete {}", "restore acme {}",
])
def test_a_secret_in_the_place_of_an_id_is_neither_kept_nor_shown(world: World, command: str) -> None:
    """Acts are kept for 400 days, and viewers see them."""
    operator = world.operator
    link, token = operator("setup", "link", "acme").split()[0], operator("token", "issue", "acme").strip()
    secret = json.loads(operator("client", "create", "acme", "--json"))["client_secret"]
    for pasted in (link, token, secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        said = operator(*command.replace("CLIENT", world.client).format(pasted).split(), status=1)
        kept = [line for line in acts_of(operator) if line["outcome"] == "failed"]
        hidden = pasted.rpartition("/enter/")[2]
        assert hidden not in said and hidden not in json.dumps(kept, default=str), command
        assert "that is a secret, and an id belongs there" in said


def test_fa_19_a_change_and_its_line_are_one_write(world: World) -> None:
    """Where the line in the tenant's log cannot be written, nothing is done."""
    events, before = world.operator.database.db.events, len(Tokens(world.operator.database).of_tenant("acme"))
    events.create_index("operation", name="mine", unique=True, partialFilterExpression={"operation": "issue", "tenant": "acme"})
    with pytest.raises(DuplicateKeyError):
        events.insert_one({"tenant": "acme", "operation": "issue"})
    assert "bug in scimd itself: DuplicateKeyError" in world.operator("token", "issue", "acme", status=1)
    assert len(Tokens(world.operator.database).of_tenant("acme")) == before
    assert acts_of(world.operator)[-1]["outcome"] == "failed"


def test_fa_19_an_act_that_is_killed_says_that_it_has_begun(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.operators.audit.AuditEntry.record", lambda *_: None)  # what a killed process does
    world.operator("tenant", "suspend", "acme")
    assert acts_of(world.operator)[-1]["outcome"] == "begun"


def test_fa_19_the_demo(world: World) -> None:
    make_demo(Connection({}, world.operator.database))
    lines = [(line["act"], line["tenant"]) for line in acts_of(world.operator)[-3:]]
    assert lines == [("tenant create", "demo"), ("console link", ""), ("token issue", "demo")]


def test_acts_outlive_their_tenant_and_are_shown(world: World) -> None:
    delete_for_good(world.operator.database, "acme")
    Tenants(world.operator.database).create("acme", "rfc")
    shown = json.loads(world.operator("acts", "--tenant", "acme", "--since", "1h", "--json"))
    assert [each["act"] for each in shown] == ["token issue", "client create", "trust add", "setup link"]
    assert shown[0]["who"] == WHO and "secret" not in json.dumps(shown)
    assert "trust add" in world.operator("acts")
    assert world.operator("acts", "--tenant", "nobody").strip() == "There are no acts."


def test_acts_are_kept_for_400_days(world: World) -> None:
    world.operator("tenant", "create", "another")
    indexes = world.operator.database.db.acts.index_information()
    assert indexes["time"]["expireAfterSeconds"] == 400 * 86_400


def test_an_operator_as_a_log_names_one() -> None:
    assert str(Person("alice", "console")) == "console: alice"
