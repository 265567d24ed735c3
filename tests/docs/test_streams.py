"""docs/consumers.md, "Security event tokens": its commands, the token that it shows, its tables, and examples/stream.py."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.delivery import polling
from app.delivery.poll_request import ERRORS, LONGEST_WAIT, MOST_TOKENS
from app.delivery.security_event import EVENT_URIS
from app.openapi.streams import POLL
from app.store.sign_on.signing_keys import _KEPT, AHEAD, EVENT_TOKEN
from tests.blueprints.conftest import PATCH_URN
from tests.conftest import end_with_parent, make_server, new_database
from tests.delivery.receiver import checked
from tests.docs import pages
from tests.docs.story import SECRET_TOKEN, Story, story
from tests.openapi.test_responses import DOCUMENT
from tests.processes import until
from tests.test_readme import rows, section

PAGE = "docs/consumers.md"
TITLE = "Security event tokens"
TEXT = section(pages.text(PAGE), TITLE)
HOST = "http://127.0.0.1:8000"
AUDIENCE = "https://app.example.com"
JANE = "8f0c8b1e-6c5e-4f0e-9d0a-2f6c1d3b7a01"
PROV = "urn:ietf:params:scim:event:prov:"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("streams")
    settings = {"SCIMD_WORKERS": "2", "SCIMD_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    with story(make_server(folder, **settings, SCIMD_MONGODB_URI=new_database(mongod_uri))) as told:
        (folder / "examples").symlink_to(pages.ROOT / "examples")
        told.server.start()
        told.run("scimd tenant create contoso --profile interop", "Tenant URL")
        events = told.run("scimd token issue contoso --scope events.read", SECRET_TOKEN).strip()
        told.environ |= {
            "SCIM_URL": f"{told.server.url}/contoso/scim/v2", "SCIM_SERVER": told.server.url, "SCIM_EVENTS_TOKEN": events,
            "SCIM_TOKEN": told.run("scimd token issue contoso", SECRET_TOKEN).strip(),
        }
        yield told


def shown(reader: Story, command: str, stream: str = "") -> str:
    """Return a command of the page as it is typed, for this server and this stream."""
    return command.replace("ep_0123456789ab", stream).replace("https://app.example.com/events", f"{reader.server.url}/healthz")


def patch(reader: Story, path: str, value: Any) -> None:
    operation = {"op": "replace", "path": path, "value": value}
    body = {"schemas": [PATCH_URN], "Operations": [operation]}
    reader.send(reader.environ["SCIM_TOKEN"], "PATCH", f"{reader.environ['SCIM_URL']}/Users/{JANE}", body)


@pytest.mark.long
def test_ev_115_and_141_the_commands_and_the_token_that_they_bring(reader: Story) -> None:
    push, poll, keys, first, then, example = pages.lines(f"{PAGE}#{TITLE}")
    reader.run(shown(reader, push), "Keys URL")
    stream = re.findall(r"ep_\w+", reader.run(shown(reader, poll), "Poll URL"))[0]
    reader.run("scimd import contoso examples/contoso.jsonl", "refused 0")
    jwks = json.loads(reader.run(keys, '"keys"'))
    patch(reader, "active", False)
    claims = disabling(reader, shown(reader, first, stream), jwks)
    (printed,) = [block for block in map(json.loads, pages.blocks(PAGE, "json")) if "sub_id" in block]
    each_time = {name: claims[name] for name in ("iat", "jti", "txn")}
    assert claims == json.loads(json.dumps(printed).replace(HOST, reader.server.url)) | each_time
    rest = json.loads(reader.run(shown(reader, then, stream).replace("6164f3bb-...", claims["jti"]), "sets"))
    assert claims["jti"] not in rest["sets"]
    assert rest.keys() == json.loads(re.findall(r"The response is `(.+)`\.", TEXT)[0]).keys()
    follow(reader, shown(reader, example, stream))


def disabling(reader: Story, command: str, jwks: dict[str, Any]) -> dict[str, Any]:
    """Type a command of curl until it gets the token about a disabled user, and return the claims of that one."""
    found: list[dict[str, Any]] = []

    def told() -> list[dict[str, Any]]:
        sets = json.loads(reader.run(command, "sets"))["sets"]
        every = [checked(token, jwks, f"{reader.server.url}/contoso", AUDIENCE) for token in sets.values()]
        found[:] = [claims for claims in every if f"{PROV}deactivate" in claims["events"]]
        return found

    until(told)
    return found[0]


def follow(reader: Story, command: str) -> None:
    """Run the example, and let something happen while it runs; the next run gets nothing again."""
    seen = Path(reader.server.folder / "followed-stream")

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in seen.read_text().splitlines()]

    for title in ("Manager", "Director"):
        with seen.open("wb") as out:
            going = subprocess.Popen(
                shlex.split(command), env=reader.environ, cwd=reader.server.folder, stdin=subprocess.DEVNULL, stdout=out,
                preexec_fn=end_with_parent,
            )
        try:
            patch(reader, "title", title)
            change = {"resource": f"/Users/{JANE}", "title": True}
            until(lambda: change in [{"resource": each["resource"], "title": titled(each["events"])} for each in lines()])  # noqa: B023
            assert going.poll() is None
            waiting = reader.environ["SCIM_SERVER"]
            until(lambda: not unacknowledged(reader, waiting, command.split()[-2]))  # noqa: B023
        finally:
            going.kill()
            going.wait()
    assert len(lines()) == 1, "what was acknowledged came again"


def test_the_receiver_says_what_it_needs_and_what_is_wrong(reader: Story) -> None:
    def said(*arguments: str) -> str:
        command = [sys.executable, "examples/stream.py", *arguments]
        done = subprocess.run(command, env=reader.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        return done.stderr

    assert "export SCIM_SERVER" in said()
    assert said("contoso", "ep_0", AUDIENCE).startswith("404: ")
    assert "There is no such stream here." in said("contoso", "ep_0", AUDIENCE)


def titled(events: dict[str, Any]) -> bool:
    return events.get(f"{PROV}patch:notice", {}).get("attributes") == ["title"]


def unacknowledged(reader: Story, server: str, stream: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {reader.environ['SCIM_EVENTS_TOKEN']}"}
    url = f"{server}/contoso/streams/{stream}/poll"
    answer = requests.post(url, json={"returnImmediately": True}, headers=headers, timeout=60)
    sets: dict[str, str] = answer.json()["sets"]
    return sets


def test_the_table_has_all_events() -> None:
    table = TEXT.split("| event, after")[1].split("\n\n")[0]
    assert {PROV + each for row in rows(table) for each in re.findall(r"`([\w:]+)`", row[0])} == {*EVENT_URIS}


def test_the_table_has_the_members_of_a_poll() -> None:
    table = dict(rows(TEXT.split("| member of a request")[1].split("\n\n")[0]))
    assert [each.strip("`") for each in table] == [*DOCUMENT["components"]["schemas"][POLL]["properties"]]
    assert str(MOST_TOKENS) in table["`maxEvents`"]
    assert f"{LONGEST_WAIT} seconds" in table["`returnImmediately`"]


def test_the_page_has_the_numbers_and_the_codes_of_the_code() -> None:
    assert (polling.WINDOW, _KEPT[EVENT_TOKEN].days, AHEAD.days) == (1_000, 30, 1)
    for text in ("thousandth event", "for 30 days", "a day before it signs", f"up to {MOST_TOKENS} security event tokens"):
        assert text in TEXT
    assert {*re.findall(r"`(\w+)`", TEXT)} >= ERRORS
