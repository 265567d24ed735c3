"""docs/consumers.md: every request is sent, and its response is the one shown; the programs in examples/ are run."""

from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.auth.limits import rate_limits
from app.openapi.feed import EVENT
from app.protocol.profile import PROFILES
from tests.blueprints.conftest import PATCH_URN
from tests.conftest import end_with_parent, make_server, new_database, spend
from tests.docs import pages
from tests.docs.story import GROUP, SECRET_TOKEN, USER, Story, story
from tests.examples import one_of_each
from tests.openapi.test_responses import fits
from tests.processes import until

PAGE = "docs/consumers.md"
HOST = "http://127.0.0.1:8000"
EXAMPLES = "In Python and Node"
"""The section with the programs."""
STREAMS = "Security event tokens"
"""The section that test_streams.py covers."""
REQUESTS = [
    (shown.strip().splitlines(), json.loads(response))
    for shown, response in re.findall(r"^```sh\n((?:curl [^\n]*\n)+)```\n+(?:[^\n]+:\n\n)?```json\n(.*?)^```", pages.text(PAGE), re.M | re.S)
]
"""Commands of curl, and the response that each of them gets."""
JANE, JOHN, ANN = "jane@example.com", "john@example.com", "ann@example.com"
PRINTED = {
    "users": [JANE, JOHN, ANN], "find emails.value jane@example.com": [JANE], "groups": ["Sales", "Sales Europe"],
    "members 8f0c8b1e-6c5e-4f0e-9d0a-2f6c1d3b7b01": [JANE, JOHN],
    "groups-of 8f0c8b1e-6c5e-4f0e-9d0a-2f6c1d3b7a02": ["Sales Europe direct", "Sales indirect"],
    "is-member 8f0c8b1e-6c5e-4f0e-9d0a-2f6c1d3b7a02 8f0c8b1e-6c5e-4f0e-9d0a-2f6c1d3b7b01": [True],
}
"""Arguments of the programs -> who or what is in the lines that they print."""


ROLES = ['scimd role map contoso "Sales" seller --default guest', 'scimd role map contoso "Sales Europe" admin --priority 10']


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Story]:
    """Yield a reader who has done what "Start here" says, beside a server that takes 25 requests a second of a tenant."""
    folder = tmp_path_factory.mktemp("consumers")
    settings = {"SCIMD_WORKERS": "1", "SCIMD_THREADS": "8", "SCIMD_RATE_LIMIT": "25"}
    with story(make_server(folder, **settings, SCIMD_MONGODB_URI=new_database(mongod_uri))) as told:
        (folder / "examples").symlink_to(pages.ROOT / "examples")
        told.serve_without_demo("make run")
        told.run("scimd tenant create contoso --profile interop", f"Tenant URL: {told.server.url}/contoso/scim/v2")
        told.run("scimd tenant show contoso", f"{told.server.url}/contoso/scim/v2")
        told.run("scimd import contoso examples/contoso.jsonl", "refused 0")
        token = told.run("scimd token issue contoso --scope scim.read --label app", SECRET_TOKEN).strip()
        url = next(line for line in pages.lines(PAGE) if line.startswith("export SCIM_URL="))
        events = told.run("scimd token issue contoso --scope events.read --label copy", SECRET_TOKEN).strip()
        told.run("scimd token issue --all-tenants --scope events.read --label copy", SECRET_TOKEN)
        told.did(url)
        for line in ("SCIM_TOKEN=scimd_...", f"SCIM_SERVER={HOST}", "SCIM_EVENTS_TOKEN=scimd_..."):
            told.did(f"export {line}")
        told.environ |= {
            "SCIM_URL": url.partition("=")[2].replace(HOST, told.server.url), "SCIM_TOKEN": token,
            "SCIM_SERVER": told.server.url, "SCIM_EVENTS_TOKEN": events,
        }
        yield told


def test_n_13_every_request_gets_the_response_that_the_page_shows(reader: Story) -> None:
    cursor = ""
    for commands, shown in REQUESTS:
        for command in commands:
            typed = command.replace(HOST, reader.server.url).replace("cursor=gAAAA...", f"cursor={cursor}")
            response = json.loads(reader.run(typed, ""))
            reader.did(command)
            cursor = response.get("nextCursor", "")
            expected = json.loads(json.dumps(shown).replace(HOST, reader.server.url))
            assert shortened(response, expected) == expected, typed
    reader.run(f"curl {reader.server.url}/openapi.json", '"openapi":"3.1')
    reader.did(f"curl {HOST}/openapi.json")
    assert len(REQUESTS) + 2 == len(pages.blocks(PAGE, "json")), "two blocks are no responses: an event and a token"
    for command in ROLES:  # in the last test, since the feed changes
        reader.did(command)
    assert [each for each in reader.untried(PAGE, EXAMPLES, STREAMS, "Webhooks") if "copy.py" not in each] == []


def shortened(response: Any, shown: Any) -> Any:
    """Return a response as the page shows it: the beginning of a text and dots for one that is different each time."""
    if isinstance(response, dict) and isinstance(shown, dict):
        return {name: shortened(value, shown.get(name)) for name, value in response.items()}
    if isinstance(shown, str) and shown.endswith("...") and isinstance(response, str):
        return shown if response.startswith(shown.removesuffix("...")) else response
    return response


def test_an_event_is_as_the_page_shows_it(reader: Story) -> None:
    (shown,) = [block for block in map(json.loads, pages.blocks(PAGE, "json")) if "specversion" in block]
    url, token = reader.server.create_tenant()
    jane = reader.send(token, "POST", f"{url}/Users", USER | {"externalId": "e-1001", "title": "Engineer"}, 201)["id"]
    patch = {"schemas": [PATCH_URN], "Operations": [{"op": "replace", "path": "title", "value": "Manager"}]}
    reader.send(token, "PATCH", f"{url}/Users/{jane}", patch)
    tenant = url.split("/")[3]
    events = reader.run(f"scimd token issue {tenant} --scope events.read", SECRET_TOKEN).strip()

    def read() -> list[dict[str, Any]]:
        return reader.send(events, "GET", f"{reader.server.url}/{tenant}/changes?types=scimd.user.updated")["events"]

    until(read)
    (event,) = read()
    text = json.dumps(shown).replace("8f0c8b1e-6c5e-4f0e-9d0a-2f6c1d3b7a01", jane).replace("contoso", tenant)
    expected = json.loads(text.replace(HOST, reader.server.url))
    each_time = {name: event[name] for name in ("id", "time", "timestamp", "tenantid", "cursor")}
    data = {name: event["data"][name] for name in ("credential", "request")}
    assert event == expected | each_time | {"data": expected["data"] | data}
    assert event["cursor"].endswith(f".{event['tenantid']}")


def test_the_events_of_an_import_are_those_that_the_document_describes(reader: Story) -> None:
    def read() -> list[dict[str, Any]]:
        return reader.send(reader.environ["SCIM_EVENTS_TOKEN"], "GET", f"{reader.server.url}/contoso/changes")["events"]

    until(lambda: len(read()) >= 5)
    for event in read():
        fits(event, "components", "schemas", EVENT)
        assert event["type"] in ("scimd.user.created", "scimd.group.created", "scimd.group.members_changed")


def test_the_copy_has_the_directory(reader: Story) -> None:
    (command,) = [line for line in pages.lines(PAGE) if "copy.py" in line]
    going = subprocess.Popen(
        shlex.split(command), env=reader.environ, cwd=reader.server.folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )
    try:
        until(lambda: copied(reader.server.folder / "copy.sqlite") == {"user": 3, "group": 2, "membership": 3})
        assert going.poll() is None
    finally:
        going.kill()
        going.wait()


def copied(file: Path) -> dict[str, int]:
    """Return how many resources of each type, and memberships, a copy has; nothing while it is being made."""
    with contextlib.closing(sqlite3.connect(file)) as copy:
        try:
            found = dict(copy.execute("SELECT type, count(*) FROM resources GROUP BY type"))
            return found | {"membership": copy.execute("SELECT count(*) FROM memberships").fetchone()[0]}
        except sqlite3.OperationalError:
            return {}


def test_the_token_cannot_write(reader: Story) -> None:
    headers = {"Authorization": f"Bearer {reader.environ['SCIM_TOKEN']}"}
    response = requests.delete(f"{reader.environ['SCIM_URL']}/Users/8f0c8b1e-6c5e-4f0e-9d0a-2f6c1d3b7a01", headers=headers, timeout=30)
    assert response.status_code == 403


def test_n_13_a_question_may_name_the_user_and_ask_whether_they_are_active(reader: Story) -> None:
    headers = {"Authorization": f"Bearer {reader.environ['SCIM_TOKEN']}"}
    for name, number in ((JANE, 1), (JOHN, 1), (ANN, 0)):
        condition = f'userName eq "{name}" and groups.value eq "8f0c8b1e-6c5e-4f0e-9d0a-2f6c1d3b7b01" and active eq true'
        response = requests.get(f"{reader.environ['SCIM_URL']}/Users", {"filter": condition, "count": "0"}, headers=headers, timeout=30)
        assert response.json()["totalResults"] == number


@pytest.mark.parametrize("profile", one_of_each(PROFILES, lambda profile: "any"))
def test_n_13_the_questions_have_the_same_answers_in_every_profile(reader: Story, profile: str) -> None:
    url, token = reader.server.create_tenant(profile=profile)
    jane, john = (
        reader.send(token, "POST", f"{url}/Users", USER | {"userName": name, "externalId": name}, 201)["id"] for name in (JANE, JOHN)
    )
    inner = reader.send(token, "POST", f"{url}/Groups", GROUP | {"displayName": "Inner", "members": [{"value": john}]}, 201)["id"]
    outer = reader.send(token, "POST", f"{url}/Groups", GROUP | {"members": [{"value": jane}, {"value": inner}]}, 201)["id"]
    directory = runpy.run_path(str(pages.ROOT / "examples/directory.py"))["Directory"](url, token)
    assert {user["id"] for user in directory.users()} == {user["id"] for user in directory.members(outer)} == {jane, john}
    assert [user["id"] for user in directory.find("externalId", JOHN)] == [john]
    assert {group["id"] for group in directory.groups()} == {inner, outer}
    assert {group["value"]: group["type"] for group in directory.groups_of(john)} == {inner: "direct", outer: "indirect"}
    assert (directory.is_member(john, outer), directory.is_member(jane, inner)) == (True, False)


def needs(program: str) -> None:
    """Skip the test, with a reason that pytest prints, if this machine does not have the program."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here, so its example in examples/ was not run")


@pytest.mark.parametrize("command", one_of_each(pages.lines(f"{PAGE}#{EXAMPLES}"), lambda line: line.split()[2]))
def test_a_program_answers_the_questions(reader: Story, command: str) -> None:
    program, path, arguments = command.split(maxsplit=2)
    needs(program)
    printed = [json.loads(line) for line in reader.run(command, "").splitlines()]
    assert [line if isinstance(line, bool) else name(line) for line in printed] == PRINTED[arguments]


def name(line: dict[str, str]) -> str:
    """Return what a printed object is called, and how a user is in a group."""
    if "display" in line:
        return f"{line['display']} {line['type']}"
    return line.get("userName") or line["displayName"]


NUMBER = 410
"""Users, for three pages of the programs."""


@pytest.fixture(scope="module")
def many(reader: Story) -> tuple[str, str]:
    """Return the URL and a token of a tenant with many users."""
    url, token = reader.server.create_tenant(profile="interop")
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{number}", "data": {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": f"u{number}@example.com"}}
        for number in range(NUMBER)
    ]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
    reader.send(token, "POST", f"{url}/Bulk", body)
    return url, token


@pytest.mark.parametrize(("command", "variables"), [
    ("python examples/directory.py users", "SCIM_URL"), ("node examples/directory.mjs users", "SCIM_URL"),
    ("python examples/copy.py copy.sqlite", "SCIM_SERVER"), ("python examples/stream.py contoso ep_0 a", "SCIM_SERVER"),
    ("python examples/receiver.py 8080", "SCIM_WEBHOOK_KEY"),
])
def test_a_program_without_its_variables_names_them(reader: Story, command: str, variables: str) -> None:
    needs(shlex.split(command)[0])
    done = program(reader, command, {"PATH": reader.environ["PATH"]})
    assert done.returncode == 1 and variables in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("program_", ["python examples/directory.py", "node examples/directory.mjs"])
@pytest.mark.parametrize("question", ["user", "__init__", "constructor", "members", "users ann"])
def test_a_question_that_the_directory_does_not_know_gets_the_list_of_all(reader: Story, program_: str, question: str) -> None:
    needs(shlex.split(program_)[0])
    environ = {"PATH": reader.environ["PATH"], "SCIM_URL": "http://127.0.0.1:9", "SCIM_TOKEN": "x"}
    done = program(reader, f"{program_} {question}", environ)
    assert done.returncode == 1 and "SCIM_URL" in done.stderr and " at " not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["python examples/copy.py copy.sqlite", "python examples/stream.py contoso ep_0 a"])
def test_a_program_says_that_its_server_is_no_url(reader: Story, command: str) -> None:
    done = program(reader, command, {"SCIM_SERVER": "localhost:8000", "SCIM_EVENTS_TOKEN": "x"})
    assert done.returncode == 1 and done.stderr.startswith("SCIM_SERVER: ")


@pytest.mark.parametrize("command", ["python examples/directory.py users", "node examples/directory.mjs users"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1/contoso/scim/v2", "localhost"])
def test_a_question_to_a_server_that_does_not_answer_ends_with_one_line(reader: Story, command: str, url: str) -> None:
    needs(shlex.split(command)[0])
    done = program(reader, command, {"PATH": reader.environ["PATH"], "SCIM_URL": url, "SCIM_TOKEN": "x"})
    assert done.returncode == 1 and done.stderr.startswith("scimd does not answer: ") and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("receiver", ["python examples/receiver.py", "node examples/receiver.mjs"])
def test_a_receiver_of_webhooks_whose_port_is_taken_says_so_in_one_line(reader: Story, receiver: str) -> None:
    needs(shlex.split(receiver)[0])
    environ = {"PATH": reader.environ["PATH"], "SCIM_WEBHOOK_KEY": f"whpk_{'A' * 43}="}
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = program(reader, f"{receiver} {port}", environ)
    assert done.returncode == 1 and done.stderr.startswith(f"Port {port} cannot be used: ") and done.stderr.count("\n") == 1


def test_a_receiver_of_a_stream_waits_for_its_server(reader: Story) -> None:
    """It is a program that goes on, and a server is started again now and then."""
    environ = os.environ | {"SCIM_SERVER": "http://127.0.0.1:1", "SCIM_EVENTS_TOKEN": "x"}
    words = [sys.executable, str(pages.ROOT / "examples/stream.py"), "contoso", "ep_0", "a"]
    with subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, text=True) as going:
        assert going.stderr
        said = [going.stderr.readline() for _ in range(2)]
        going.kill()
    assert all(line.endswith("; trying again\n") for line in said), said


def program(reader: Story, command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run an example in the server's folder, with these variables alone."""
    name, path, *arguments = shlex.split(command)
    words = [sys.executable if name == "python" else name, str(pages.ROOT / path), *arguments]
    return subprocess.run(
        words, env=environ, cwd=reader.server.folder, capture_output=True, text=True, check=False, timeout=60,
    )


@pytest.mark.parametrize("command", ["python examples/directory.py users", "node examples/directory.mjs users"])
def test_a_program_reads_all_pages(reader: Story, many: tuple[str, str], command: str) -> None:
    needs(shlex.split(command)[0])
    printed = run(reader, command, *many)
    assert {json.loads(line)["userName"] for line in printed} == {f"u{number}@example.com" for number in range(NUMBER)}
    assert len(printed) == NUMBER


@pytest.mark.parametrize("command", [
    "python examples/directory.py users", pytest.param("node examples/directory.mjs users", marks=pytest.mark.long),
])
def test_a_program_waits_while_the_tenant_is_over_its_rate(reader: Story, command: str) -> None:
    needs(shlex.split(command)[0])
    url, token = reader.server.create_tenant()
    refused = f'"tenant":"{url.split("/")[3]}"'

    def met_a_429() -> bool:
        """Run the program while the tenant is over its rate, and return whether a request of it was refused."""
        spend(reader.server.database, url.split("/")[3], rate_limits.ROOM + 100)
        while requests.get(f"{url}/Users?count=0", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code != 429:
            pass
        before = number_refused()
        assert run(reader, command, url, token) == []
        return number_refused() > before

    def number_refused() -> int:
        lines = reader.server.log.read_text().splitlines()
        return sum('"status":429' in line and refused in line and "cursor" not in line for line in lines)

    until(met_a_429)


def run(reader: Story, command: str, url: str, token: str) -> list[str]:
    """Run a program for a tenant, and return the lines that it prints."""
    done = subprocess.run(
        shlex.split(command), env=reader.environ | {"SCIM_URL": url, "SCIM_TOKEN": token}, cwd=reader.server.folder,
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_roles_of_the_page_are_what_a_consumer_gets(reader: Story) -> None:
    for command in ROLES:
        reader.run(command, "")
    expected = {"jane@example.com": ["seller"], "john@example.com": ["admin", "seller"], "ann@example.com": ["guest"]}

    def read() -> dict[str, list[str]]:
        url = f"{reader.server.url}/contoso/changes?limit=1000&types=scimd.user.roles_changed"
        data = [event["data"] for event in reader.send(reader.environ["SCIM_EVENTS_TOKEN"], "GET", url)["events"]]
        return {each["name"]: each["roles"] for each in data}

    until(lambda: read() == expected)
    snapshot = reader.send(reader.environ["SCIM_EVENTS_TOKEN"], "GET", f"{reader.server.url}/contoso/snapshot?limit=1000")
    users = [item for item in snapshot["items"] if item["type"] == "User"]
    assert {item["resource"]["userName"]: item["roles"] for item in users} == expected
