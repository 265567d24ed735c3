"""docs/consumers.md, "Webhooks": its commands, what arrives, and the two receivers in examples/."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from app.delivery import signing
from app.delivery.message import judged
from app.delivery.sending import health
from app.delivery.sending.attempt import SECONDS
from app.delivery.webhook import MOST_BYTES
from app.outgoing import failures
from app.outgoing.http import Answer
from app.store.delivery.endpoint import ED25519, HMAC, MOST_ATTEMPTS
from tests.conftest import end_with_parent, free_port, make_server, new_database
from tests.delivery.target import Arrived, Reply, running_target
from tests.docs import pages
from tests.docs.story import SECRET_TOKEN, USER, Story, story
from tests.docs.test_consumers import needs
from tests.processes import until

SECTION = "docs/consumers.md#Webhooks"
NETWORKS = {"SCIMD_WEBHOOK_NETWORKS": "127.0.0.0/8"}
RECEIVERS = [line for line in pages.lines(SECTION) if "receiver" in line]
ONE_OF_THEM = [RECEIVERS[0], *(pytest.param(line, marks=pytest.mark.long) for line in RECEIVERS[1:])]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, mongod_uri: str) -> Iterator[Story]:
    """Yield a reader beside a server that may send webhooks to this machine, with the tenant contoso."""
    folder = tmp_path_factory.mktemp("webhooks")
    with story(make_server(folder, SCIMD_WORKERS="2", SCIMD_THREADS="8", SCIMD_MONGODB_URI=new_database(mongod_uri))) as told:
        (folder / "examples").symlink_to(pages.ROOT / "examples")
        told.serve_without_demo("scimd serve --demo", **NETWORKS)
        told.environ |= NETWORKS
        told.run("scimd tenant create contoso --profile interop", "contoso")
        told.environ["TOKEN"] = told.run("scimd token issue contoso", SECRET_TOKEN).strip()
        yield told


def create_user(reader: Story, name: str) -> str:
    url = f"{reader.server.url}/contoso/scim/v2/Users"
    user_id: str = reader.send(reader.environ["TOKEN"], "POST", url, USER | {"userName": name}, 201)["id"]
    return user_id


@pytest.mark.long
def test_the_commands_of_the_chapter(reader: Story) -> None:
    with running_target() as target:
        create, of_all, test = [line for line in pages.lines(SECTION) if line.startswith("scimd")]
        reader.run(create, "whpk_.*app.example.com could not be resolved at the moment")
        reader.run(of_all, "Tenant +all.*whpk_")
        made = json.loads(reader.run(f"scimd webhook create contoso {target.url} --json", "whpk_"))
        reader.run(f"scimd webhook create contoso {target.url} --hmac --from-start", "whsec_")
        endpoint = made["id"]
        reader.run(test.replace("ID", endpoint), "Delivered: 204")
        (arrived,) = [each for each in target.accepted if each.event["type"] == "scimd.test"]
        shows_what_arrives(arrived)
        reader.run(f"scimd webhook show {endpoint}", f"{re.escape(made['public_key'])}.*204")
        reader.run(f"scimd webhook rotate {endpoint}", "whpk_")
        reader.run(f"scimd webhook rotate {endpoint} --overlap 1s", "whpk_")
        target.reply = lambda arrived: Reply(500 if "refused" in str(arrived.event["data"]["name"]) else 204)
        refused = create_user(reader, "refused@example.com")
        until(lambda: "answered 500" in reader.run(f"scimd webhook failures {endpoint}", ""))
        (event,) = {each.id for each in target.arrived if each.event["subject"] == f"Users/{refused}"}
        target.reply = lambda _: Reply()
        reader.run(f"scimd webhook resend {endpoint} {event}", "")
        until(lambda: "Nothing is put aside" in reader.run(f"scimd webhook failures {endpoint}", ""))
        number = len(target.accepted)
        reader.run(f"scimd webhook replay {endpoint} --since 2h", "")
        until(lambda: event in target.ids[number:])
        reader.run(f"scimd webhook disable {endpoint}", "is off")
        reader.run(f"scimd webhook enable {endpoint} --from now", "is on")
        reader.run(f"scimd webhook enable {endpoint}", "is on")
        for each in json.loads(reader.run("scimd webhook list --json", "")):
            reader.run(f"scimd webhook delete {each['id']}", "")
    reader.did("scimd serve --demo --demo-webhook")  # tests/cli/test_demo_webhook.py
    for line in RECEIVERS:
        reader.did(line)  # below
    assert reader.untried(SECTION) == []


def shows_what_arrives(arrived: Arrived) -> None:
    """Check that a request is as the page shows it: line, headers and members of the body."""
    (shown,) = pages.blocks(SECTION, "http")
    head, body = shown.strip().split("\n\n")
    _, *lines = head.splitlines()
    headers = {name.lower(): value for name, value in arrived.headers.items()}
    for line in lines:
        name, _, value = line.partition(": ")
        assert name.lower() in headers
        if name in ("Content-Type", "User-Agent"):
            assert headers[name.lower()] == value
    assert headers["webhook-signature"].startswith("v1a,")
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
    assert arrived.event["id"] == headers["webhook-id"]
    members = re.findall(r'"(\w+)": ', body)
    assert members == [name for name in arrived.event if name in members]


def test_the_numbers_of_the_chapter_are_those_of_the_code() -> None:
    text = pages.text(SECTION)
    pauses = [pause.total_seconds() for pause in health.PAUSES]
    assert pauses == [5, 5 * 60, 30 * 60, *(hours * 3_600 for hours in (2, 5, 10, 14, 20, 24))]
    assert "after 5 seconds, 5 minutes, 30 minutes, 2, 5, 10, 14, 20 and 24 hours, give or take a fifth" in text
    assert [pause.total_seconds() for pause in health.PROBES] == [5, 30, 120, 300]
    assert (5, timedelta(days=5), timedelta(minutes=10)) == (health.MOST_FAILING, health.OFF_AFTER, health.EASE)
    assert (health.SPREAD, SECONDS, MOST_BYTES, MOST_ATTEMPTS) == (0.2, 15, 256 * 1_024, 20)
    for said in ("within 15 seconds", "at most 256 KiB", "for five days", "for ten minutes", "last twenty attempts"):
        assert said in text


def test_the_reasons_are_those_of_the_code() -> None:
    (line,) = [line for line in pages.text(SECTION).splitlines() if line.startswith("Why an attempt failed")]
    reasons = {value for name, value in vars(failures).items() if name.isupper() and isinstance(value, str)}
    assert set(re.findall("`([^`]+)`", line)) == reasons | {"answered"}
    assert judged(Answer(500, b"", {})).reason == "answered 500"


class Receiver:
    """One of the examples as it runs, and what it prints."""

    def __init__(self, port: int, output: Path) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self._output = output

    @property
    def printed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._output.read_text().splitlines()]

    def is_up(self) -> bool:
        try:
            return requests.post(self.url, data=b"{}", timeout=5).status_code == 400
        except requests.ConnectionError:
            return False

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        return requests.post(self.url, data=body, headers=dict(headers), timeout=30).status_code


@contextmanager
def running(reader: Story, command: str, *keys: str, port: int = 0) -> Iterator[Receiver]:
    """Run a receiver as the page says, with these keys, on a port or any that is free."""
    needs(shlex.split(command)[0])
    port, output = port or free_port(), reader.server.folder / f"receiver-{time.monotonic_ns()}"
    with output.open("wb") as out:
        process = subprocess.Popen(
            shlex.split(command.replace("8080", str(port))), env=reader.environ | {"SCIM_WEBHOOK_KEY": ",".join(keys)},
            cwd=reader.server.folder, stdout=out, preexec_fn=end_with_parent,
        )
    receiver = Receiver(port, output)
    try:
        until(receiver.is_up)
        yield receiver
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("command", ONE_OF_THEM)
@pytest.mark.parametrize("option", ["", pytest.param(" --hmac", marks=pytest.mark.long)])
def test_ev_91_92_a_receiver_gets_and_verifies_what_the_server_sends(reader: Story, command: str, option: str) -> None:
    needs(shlex.split(command)[0])
    port = free_port()
    made = json.loads(reader.run(f"scimd webhook create contoso http://127.0.0.1:{port}/ --json{option}", "id"))
    with running(reader, command, made.get("public_key") or made["secret"], port=port) as receiver:
        users = [create_user(reader, f"user-{time.monotonic_ns()}@example.com") for _ in range(3)]
        until(lambda: {each["subject"] for each in receiver.printed} >= {f"Users/{user}" for user in users})
        delivered = lambda: json.loads(reader.run(f"scimd webhook show {made['id']} --json", ""))["delivered"]  # noqa: E731
        until(lambda: delivered() >= 3, pause=0.3)  # it is written within a second
        reader.run(f"scimd webhook replay {made['id']} --since 1m", "")
        until(lambda: delivered() >= 6, pause=0.3)
        reader.run(f"scimd webhook test {made['id']}", "Delivered: 204")
        assert "scimd.test" in {each["type"] for each in receiver.printed}
        ids = [each["id"] for each in receiver.printed]
        assert len(ids) == len(set(ids))
    reader.run(f"scimd webhook delete {made['id']}", "")


@pytest.mark.parametrize("command", ONE_OF_THEM)
@pytest.mark.parametrize("option", ["", pytest.param(" --hmac", marks=pytest.mark.long)])
def test_ev_93_a_receiver_with_the_new_key_or_the_old_one_survives_a_rotation(reader: Story, command: str, option: str) -> None:
    needs(shlex.split(command)[0])
    port = free_port()
    made = json.loads(reader.run(f"scimd webhook create contoso http://127.0.0.1:{port}/ --json{option}", "id"))
    rotated = json.loads(reader.run(f"scimd webhook rotate {made['id']} --json", "id"))
    for each in (made, rotated):
        with running(reader, command, each.get("public_key") or each["secret"], port=port):
            reader.run(f"scimd webhook test {made['id']}", "Delivered: 204")
    reader.run(f"scimd webhook delete {made['id']}", "")


@pytest.mark.parametrize("command", RECEIVERS)
@pytest.mark.parametrize("kind", [ED25519, HMAC])
def test_a_receiver_accepts_only_what_is_signed_now(reader: Story, command: str, kind: str) -> None:
    key, text = signing.new_key(kind)
    other, _ = signing.new_key(kind)
    body, moment = b'{"id": "e1", "type": "scimd.test"}', datetime.now(UTC)
    good = signing.headers([key], "e1", body, moment)
    signature = good["webhook-signature"]
    forged: list[tuple[bytes, dict[str, str]]] = [
        (body + b" ", good),
        (body, signing.headers([other], "e1", body, moment)),
        (body, signing.headers([key], "e1", body, moment - timedelta(minutes=6))),
        (body, signing.headers([key], "e1", body, moment + timedelta(minutes=6))),
        (body, good | {"webhook-id": "e2"}),
        (body, good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}),
        (body, good | {"webhook-timestamp": "NaN"}), (body, good | {"webhook-timestamp": "9" * 5_000}),
        (body, good | {"webhook-signature": ""}), (body, good | {"webhook-signature": "v1,"}),
        (body, good | {"webhook-signature": "v1a"}), (body, good | {"webhook-signature": signature.replace(",", ",A")}),
        (body, good | {"webhook-signature": ("v1," if kind == ED25519 else "v1a,") + signature.partition(",")[2]}),
        (body, good | {"webhook-signature": "v1a," + base64.b64encode(bytes(64)).decode()}),
        (body, {}),
    ]
    with running(reader, command, signing.new_key(ED25519)[1], text) as receiver:
        for altered, headers in forged:
            assert receiver.post(altered, headers) == 400, headers
        assert receiver.printed == []
        more = signing.headers([other, key], "e1", body, moment)
        assert [receiver.post(body, each) for each in (good, more, good)] == [204, 204, 204]
        assert receiver.printed == [json.loads(body)]


@pytest.mark.parametrize("command", RECEIVERS)
def test_a_receiver_reads_no_more_than_scimd_sends(reader: Story, command: str) -> None:
    with running(reader, command, signing.new_key(ED25519)[1]) as receiver:
        with suppress(requests.ConnectionError):  # it is closed before all of this was sent
            assert receiver.post(b"x" * 1_000_001, {}) == 413
        assert receiver.is_up()


@pytest.mark.parametrize("command", RECEIVERS)
def test_a_receiver_without_a_key_does_not_start(reader: Story, command: str) -> None:
    needs(shlex.split(command)[0])
    done = subprocess.run(shlex.split(command), env=reader.environ, cwd=reader.server.folder, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
