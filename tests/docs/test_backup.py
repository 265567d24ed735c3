"""Backup and restore as on docs/operating.md: fill, copy, drop, restore, and compare every document."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo import MongoClient

from app.embedded import private
from app.store.directory.totals import settle
from app.store.mongo.database import Database, connect
from tests.conftest import make_server
from tests.docs import pages
from tests.docs.story import GROUP, SECRET_TOKEN, USER, Story, story
from tests.processes import until
from tests.relay import relay

SECTION = "docs/operating.md#Backup and restore"
BLOCKS = [block.splitlines() for block in pages.blocks(SECTION, "sh")]
STOPPED, RESTORE, RUNNING, DUMP, DUMP_ALL, ONE_TENANT = BLOCKS
UNNOTICED = 11
"""Seconds for which scimd must have been stopped to notice a restore, as the page says."""
SOON = ("pulses", "days", "leases", "guards", "deactivations")
"""Collections with the sums of what was answered, who relays, and how many users were disabled lately."""
Documents = dict[str, list[dict[str, Any]]]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Story]:
    """Yield a reader of the page beside a running server with a tenant `demo`."""
    with story(make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_THREADS="8", SCIMD_DATA_DIR="./data")) as told:
        told.serve("make run")
        yield told


def fill(reader: Story) -> str:
    """Create users, groups, memberships, a deleted user, a client and a log, and return a token for the tenant."""
    token = reader.run("scimd token issue demo", SECRET_TOKEN).strip()
    reader.run("scimd client create demo", "Client Secret")
    url = f"{reader.server.url}/demo/scim/v2"

    def person(number: int) -> str:
        body = USER | {"userName": f"u{number}@example.com", "externalId": f"e{number}", "password": f"pw-{number}"}
        return str(reader.send(token, "POST", f"{url}/Users", body, 201)["id"])

    ids = [person(number) for number in range(12)]
    inner = reader.send(token, "POST", f"{url}/Groups", GROUP | {"displayName": "Inner"}, 201)["id"]
    members = [{"value": each} for each in [*ids[:8], inner]]
    reader.send(token, "POST", f"{url}/Groups", GROUP | {"displayName": "Outer", "members": members}, 201)
    reader.send(token, "POST", f"{url}/Users", USER | {"userName": "u1@example.com"}, 409)
    reader.send(token, "DELETE", f"{url}/Users/{ids[11]}", status=204)
    return token


@contextmanager
def connected(reader: Story) -> Iterator[Database]:
    """Yield the database, by a new client: one from before a restore takes the older copy for a stale primary."""
    database = connect(private.MongodFolder(reader.server.folder / "data").uri())
    yield database
    database.close()


def stored(reader: Story) -> Documents:
    """Return every document of every collection, without what is written seconds after a request, whatever it did.

    These are the times at which credentials were last used, what is in the collections `SOON`, and which worker looks
    for unusual deactivations.
    """
    with connected(reader) as database:
        settle(database)  # else it is done meanwhile
        relay(database)
        names = sorted(each for each in database.db.list_collection_names(filter={"type": "collection"}) if "system." not in each)
        names = [name for name in names if name not in SOON]
        return {name: [_still(row) for row in database.db[name].find({"_id": {"$ne": "guard"}}, sort=[("_id", 1)])] for name in names}


def _still(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "used"}


def _unversioned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"meta": row["meta"] | {"version": None}} for row in rows]


def shown(reader: Story, token: str) -> list[dict[str, Any]]:
    """Return all users and groups as SCIM shows them."""
    url = f"{reader.server.url}/demo/scim/v2"
    return [each for kind in ("Users", "Groups") for each in reader.send(token, "GET", f"{url}/{kind}")["Resources"]]


def test_every_command_of_the_section_is_covered() -> None:
    blocks = {line for block in BLOCKS for line in block}
    in_the_text = {  # test_commands.py
        "scimd tenant show demo", "scimd deleted list demo", "scimd restore demo ID", "scimd feed restart",
    }
    assert set(pages.commands(SECTION)) == blocks | in_the_text
    assert all(pages.program(line) in ("mongodump", "mongorestore") for line in DUMP + DUMP_ALL)  # test_elsewhere.py


@pytest.mark.long
def test_a_copy_of_the_stopped_mongod(reader: Story) -> None:
    token = fill(reader)
    before, resources = stored(reader), shown(reader, token)
    assert {"users", "groups", "memberships", "events", "tokens", "clients", "deleted", "server"} <= {
        name for name, rows in before.items() if rows
    }
    assert reader.server.stop() == 0
    for line in STOPPED:
        reader.run(line, "")
    lose_everything(reader)
    bring_back(reader)
    assert stored(reader) == before
    assert shown(reader, token) == resources
    user = reader.send(token, "POST", f"{reader.server.url}/demo/scim/v2/Users", USER, 201)
    reader.run("scimd events demo --user jane@example.com", user["userName"])


def lose_everything(reader: Story) -> None:
    """Drop the database of a stopped server, and check that everything is gone."""
    with private.using(reader.server.folder / "data"), connected(reader) as database:
        database.client.drop_database("scimd")
        assert database.db.list_collection_names() == []


def refused(reader: Story, token: str) -> None:
    """Wait until the token is refused; a worker may remember it for five seconds."""
    url, headers = f"{reader.server.url}/demo/scim/v2/Users", {"Authorization": f"Bearer {token}"}
    until(lambda: requests.get(url, headers=headers, timeout=60).status_code == 401)


def bring_back(reader: Story) -> None:
    """Restore the copy as the page says, and start the server."""
    for line in RESTORE:
        reader.run(line, "")
    reader.server.start()


@pytest.mark.long
def test_ev_136_a_consumer_that_has_read_what_a_restore_loses_is_told(reader: Story) -> None:
    token = fill(reader)
    events = reader.run("scimd token issue demo --scope events.read", SECRET_TOKEN).strip()
    feed, users = f"{reader.server.url}/demo/changes", f"{reader.server.url}/demo/scim/v2/Users"
    until(lambda: [each for each in reader.send(events, "GET", feed)["events"] if each["type"] == "scimd.user.deleted"])
    kept = reader.send(events, "GET", f"{feed}?after=now")["cursor"]
    number = reader.send(token, "GET", users)["totalResults"]
    assert reader.server.stop() == 0
    for line in STOPPED:
        reader.run(line, "")
    copied = time.monotonic()
    reader.server.start()
    reader.send(token, "POST", users, USER, 201)
    lost = reader.send(events, "GET", f"{feed}?after={kept}&wait=10")["cursor"]
    assert reader.server.stop() == 0
    until(lambda: time.monotonic() > copied + UNNOTICED)
    bring_back(reader)
    assert reader.send(token, "GET", users)["totalResults"] == number  # the one that was created since is gone
    reader.send(token, "POST", users, USER | {"userName": "later@example.com"}, 201)
    page = reader.send(events, "GET", f"{feed}?after={kept}&wait=10")
    assert [event["data"]["name"] for event in page["events"]] == ["later@example.com"]
    answer = reader.send(events, "GET", f"{feed}?after={lost}", status=410)
    assert "snapshot" in answer["detail"]


@pytest.mark.long
def test_a_copy_of_the_running_mongod(reader: Story) -> None:
    token = fill(reader)
    before, resources = stored(reader), shown(reader, token)
    lock, copy, unlock = RUNNING
    assert "--eval 'db.fsyncLock()'" in lock
    assert "--eval 'db.fsyncUnlock()'" in unlock
    shell = bool(shutil.which("mongosh"))
    uri = reader.run("scimd mongo uri", "^mongodb://").strip()
    with MongoClient(uri) as client:
        for line, command in ((lock, {"fsync": 1, "lock": True}), (copy, {}), (unlock, {"fsyncUnlock": 1})):
            if command and not shell:  # what the shell's db.fsyncLock() and db.fsyncUnlock() send
                client.admin.command(command)
            else:
                reader.run(line, "")
    reader.send(token, "GET", f"{reader.server.url}/demo/scim/v2/Users")  # the server continues by itself
    assert reader.server.stop() == 0
    lose_everything(reader)
    bring_back(reader)
    assert stored(reader) == before
    assert shown(reader, token) == resources


@pytest.mark.long
def test_a_single_tenant(reader: Story) -> None:
    old = fill(reader)
    before, resources = stored(reader), shown(reader, old)
    suspend, export, delete, create, bring_in, issue = ONE_TENANT
    reader.run(suspend, "")
    reader.run(export, "Exported")
    reader.run(delete, "", answer="y\n")
    assert not any(stored(reader)[name] for name in ("users", "groups", "memberships"))
    reader.run(create, "/demo/scim/v2")
    reader.run(bring_in, "already present 0, refused 0")
    token = reader.run(issue, SECRET_TOKEN).strip()
    after = stored(reader)
    for name in ("users", "groups"):
        # The members of a group come after it, and are a change of their own.
        version = 2 if name == "groups" else 1
        assert [row for row in after[name] if row["meta"]["version"] > version] == []
        assert _unversioned(after[name]) == _unversioned(before[name])
    pairs = {
        kind: sorted((row["group"], row["member"], row["type"]) for row in rows["memberships"])
        for kind, rows in (("before", before), ("after", after))
    }
    assert pairs["after"] == pairs["before"]
    assert _unversioned(shown(reader, token)) == _unversioned(resources)
    refused(reader, old)
    reader.run("scimd tenant create copy", "/copy/")
    reader.run("scimd import copy demo.jsonl", "imported 0|refused", status=1)


@pytest.mark.long
def test_requests_to_a_locked_mongod_get_503_with_retry_after(reader: Story) -> None:
    token = fill(reader)
    url, headers = f"{reader.server.url}/demo/scim/v2/Users", {"Authorization": f"Bearer {token}"}
    with MongoClient(private.MongodFolder(reader.server.folder / "data").uri("directConnection=true")) as client:
        client.admin.command({"fsync": 1, "lock": True})
        try:
            answer = requests.post(url, json=USER, headers=headers, timeout=60)
        finally:
            client.admin.command({"fsyncUnlock": 1})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    reader.send(token, "POST", url, USER, 201)
