"""Webhooks on their way: what arrives is signed, of the right tenant, without secrets; and receivers that misbehave."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from app.delivery.sending import attempt
from app.delivery.sending.sender import Sender
from app.delivery.signing import new_key, sealed
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import ALL_TENANTS
from app.store.delivery.endpoint import ED25519, HMAC
from app.store.mongo.moments import now
from tests.delivery.target import Arrived, Reply, Target, running_target
from tests.delivery.world import World, run_until
from tests.feed.conftest import World as Feed
from tests.feed.test_secrets import SECRET, begin  # noqa: F401 - a fixture


def verifies(arrived: Arrived, signature: str, public: str) -> bool:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    signed = f"{arrived.id}.{arrived.headers['webhook-timestamp']}.".encode() + arrived.body
    try:
        key.verify(base64.b64decode(signature.removeprefix("v1a,")), signed)
    except InvalidSignature:
        return False
    return True


def test_ev_91_what_arrives_is_a_signed_cloud_event(sending: World, sender: Sender, target: Target) -> None:
    sealer = Sealer(sending.database)
    (key, public), (shared, secret) = new_key(ED25519), new_key(HMAC)
    keys = [sealed(key, public, sealer, now()), sealed(shared, secret, sealer, now())]
    sending.endpoint(target, keys=keys)
    [event] = sending.change("u1")
    run_until(sender, lambda: target.ids)
    [arrived] = target.arrived
    assert arrived.headers["Content-Type"] == "application/json"
    assert arrived.headers["User-Agent"] == "scimd"
    assert (arrived.id, arrived.event["id"], arrived.event["specversion"]) == (event, event, "1.0")
    assert arrived.event["type"] == "scimd.user.updated"
    assert arrived.event["cursor"].split(".")[0] == str(sending.published())
    assert abs(int(arrived.headers["webhook-timestamp"]) - time.time()) < 60
    by_public, by_secret = arrived.headers["webhook-signature"].split(" ")
    assert verifies(arrived, by_public, public)
    assert not verifies(replace(arrived, body=arrived.body + b" "), by_public, public)
    headers = {name.lower(): value for name, value in arrived.headers.items()} | {"webhook-signature": by_secret}
    assert Webhook(secret).verify(arrived.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(arrived.body + b" ", headers)


def test_ev_93_both_keys_sign_until_the_overlap_is_over(sending: World, sender: Sender, target: Target) -> None:
    sealer = Sealer(sending.database)
    (old, first), (new, second) = new_key(ED25519), new_key(ED25519)
    until = sending.clock() + timedelta(hours=24)
    keys = [replace(sealed(old, first, sealer, now()), until=until), sealed(new, second, sealer, now())]
    sending.endpoint(target, keys=keys)
    sending.change("u1")
    run_until(sender, lambda: len(target.ids) == 1)
    signatures = target.arrived[0].headers["webhook-signature"].split(" ")
    assert [verifies(target.arrived[0], each, key) for each, key in zip(signatures, (first, second), strict=True)] == [True, True]
    sending.clock.forward(hours=25)
    sending.change("u2")
    run_until(sender, lambda: len(target.ids) == 2)
    [signature] = target.arrived[1].headers["webhook-signature"].split(" ")
    assert verifies(target.arrived[1], signature, second)


def test_ev_138_each_endpoint_gets_what_is_its_own(sending: World, sender: Sender) -> None:
    sending.tenant("fabrikam")
    with Target() as one, Target() as other, Target() as every:
        for target in (one, other, every):
            threading.Thread(target=target.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            endpoints = [
                sending.endpoint(one, "contoso"), sending.endpoint(other, "fabrikam"), sending.endpoint(every, ALL_TENANTS),
            ]
            ours = sending.change("u1", "u2")
            theirs = sending.change("f1", "f2", "f3", tenant="fabrikam")
            sending.tenant("adatum")
            run_until(sender, lambda: len(one.ids) == 2 and len(other.ids) == 3)
            sending.endpoint(one, "adatum")  # lets the event about the new tenant come into the log
            run_until(sender, lambda: len(every.ids) == 6 and all(sending.caught_up(each) for each in endpoints[2:]))
            assert ({*one.ids}, {*other.ids}) == ({*ours}, {*theirs})
            assert {*every.ids} > {*ours, *theirs}
            assert {each.event["tenant"] for each in one.arrived} == {"contoso"}
            assert {each.event["tenant"] for each in other.arrived} == {"fabrikam"}
            assert {each.event["type"] for each in every.arrived} == {"scimd.user.updated", "scimd.tenant.created"}
        finally:
            for target in (one, other, every):
                target.shutdown()


def test_ev_138_a_new_tenant_with_an_old_name_has_none_of_its_endpoints(
    sending: World, sender: Sender, target: Target
) -> None:
    from tests.tenants import delete_for_good

    sending.tenant("fabrikam")
    sending.endpoint(target, "fabrikam")
    run_until(sender, lambda: list(sender._turns))
    delete_for_good(sending.database, "fabrikam")
    sending.tenant("fabrikam")
    sending.change("u1", tenant="fabrikam")
    run_until(sender, lambda: not list(sender._turns))
    assert target.arrived == []


def test_ev_137_no_secret_is_in_a_webhook_nor_in_what_is_stored_and_logged_of_it(
    begin: Callable[..., Feed], target: Target, caplog: pytest.LogCaptureFixture,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    feed = begin()
    sending = World(feed.database)
    key, text = new_key(HMAC)
    keys = [sealed(key, text, Sealer(feed.database), now())]
    url = f"{target.url}?code=planted-code"
    endpoint = sending.endpoint(target, "acme", place=0, url=url, keys=keys)
    target.reply = lambda arrived: Reply(500 if arrived.event["type"].endswith("deleted") else 204)
    sender = sending.sender()
    assert sender.take()
    run_until(sender, lambda: sending.caught_up(endpoint) and len(sending.put_aside(endpoint)) > 0)
    sender.give_back(30)
    stored = sending.read(endpoint)
    assert {"attribute": "password"} in [change for each in target.arrived for change in each.event["data"].get("changes", ())]
    texts = [str(dict(each.headers)) + each.body.decode() for each in target.arrived]
    texts += [str(stored), str(sending.put_aside(endpoint)), str(list(feed.database.db.deliveries.find()))]
    texts.append(str(list(feed.database.db.endpoints.find({}, {"url": 0}))))
    hashes = {row["hash"] for row in feed.database.db.tokens.find()}
    secret = text.removeprefix("whsec_")
    for each in texts:
        assert "scrypt$" not in each
        assert SECRET + "-" not in each
        assert secret not in each
        assert key.private.hex() not in each
        assert not any(one in each for one in hashes)
    logged = caplog.text + "".join(capfd.readouterr())
    assert "planted-code" not in logged
    assert secret not in logged


def test_ev_137_without_values_a_webhook_has_names_only(
    begin: Callable[..., Feed], target: Target  # noqa: F811
) -> None:
    feed = begin(SCIMD_LOG_VALUES="off")
    sending = World(feed.database)
    endpoint = sending.endpoint(target, "acme", place=0)
    sender = sending.sender()
    assert sender.take()
    run_until(sender, lambda: sending.caught_up(endpoint))
    sender.give_back(30)
    changes = [change for each in target.arrived for change in each.event["data"].get("changes", ())]
    assert {"attribute": "title"} in changes
    assert all(change.keys() == {"attribute"} for change in changes)


FAILURES = [301, 302, 307, 308, 304, 400, 401, 403, 404, 405, 408, 409, 413, 429, 500, 501, 502, 503, 504, 599]


def test_ev_139_every_other_status_is_a_failure_and_the_event_comes_again(sending: World, sender: Sender) -> None:
    """Each status is answered by an endpoint of its own, and all get the same event."""
    with ExitStack() as running, Target() as inside:
        targets = {status: running.enter_context(running_target()) for status in FAILURES}
        endpoints = {status: sending.endpoint(target) for status, target in targets.items()}
        for status, target in targets.items():
            target.reply = lambda _, status=status: Reply(status, headers={"Location": inside.url})
        [event] = sending.change("u1")
        run_until(sender, lambda: all(sending.put_aside(each) for each in endpoints.values()))
        for status, endpoint in endpoints.items():
            [aside] = sending.put_aside(endpoint)
            assert (aside.event, aside.status, aside.reason) == (event, status, f"answered {status}")
            assert targets[status].ids == []
        assert inside.arrived == []
        for target in targets.values():
            target.reply = lambda _: Reply()
        sending.clock.forward(seconds=10)
        run_until(sender, lambda: not any(sending.put_aside(each) for each in endpoints.values()))
        assert {status: target.ids for status, target in targets.items()} == dict.fromkeys(FAILURES, [event])


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1_000):
        connection.sendall(b"1\r\nx\r\n")
        time.sleep(0.02)


def interim(connection: socket.socket) -> None:
    for _ in range(1_000):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.02)


def drips(connection: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 1_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


WAYS: dict[str, tuple[Callable[[socket.socket], object], str]] = {
    "no answer": (lambda _: time.sleep(5), "timed out"),
    "an endless answer": (endless, "timed out"),
    "headers that drip": (drips, "timed out"),
    "a connection that is closed": (lambda _: None, "closed"),
    "no HTTP": (lambda connection: connection.sendall(b"220 mail.example.com ESMTP\r\n\r\n"), "not understood"),
    "endless interim responses": (interim, "timed out"),
    "half an answer": (
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), "closed",
    ),
    "too many headers": (
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1_000 + b"\r\n"), "not understood",
    ),
    "a status that is none": (lambda connection: connection.sendall(b"HTTP/1.1 2000 OK\r\n\r\n"), "not understood"),
}


@contextmanager
def behaving(way: Callable[[socket.socket], object]) -> Iterator[str]:
    """Yield the URL of a server that treats each connection in some way."""
    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=treat, args=(connection,), daemon=True).start()

    def treat(connection: socket.socket) -> None:
        with connection:
            try:
                connection.recv(65_536)
                way(connection)
            except OSError:  # the sender has hung up
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.mark.parametrize("name", WAYS)
def test_ev_139_a_receiver_that_misbehaves_is_a_failure_within_the_time(
    sending: World, sender: Sender, target: Target, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    way, reason = WAYS[name]
    monkeypatch.setattr(attempt, "SECONDS", 0.3 if reason == "timed out" else 30.0)
    with behaving(way) as url:
        endpoint = sending.endpoint(target, url=url)
        sending.change("u1")
        run_until(sender, lambda: sending.put_aside(endpoint))
    assert sending.put_aside(endpoint)[0].reason == reason


def test_ev_139_a_stopped_receiver_that_comes_back_gets_everything_in_order(
    sending: World, sender: Sender, target: Target
) -> None:
    refused: set[str] = set()

    def reply(arrived: Arrived) -> Reply:
        """Refuse each event once."""
        first = arrived.id not in refused
        refused.add(arrived.id)
        return Reply(503 if first else 204)

    target.reply = reply
    endpoint = sending.endpoint(target)
    events: dict[str, list[str]] = {}
    for resource in ("u1", "u2", "u3"):
        events[resource] = sending.change(*[resource] * 5)

    def all_are_there() -> bool:
        sending.clock.forward(seconds=6)
        return len(target.ids) == 15

    run_until(sender, all_are_there, 60)
    for resource, ids in events.items():
        assert [each.id for each in target.accepted if each.event["data"]["id"] == resource] == ids
    run_until(sender, lambda: sending.has_all(endpoint))


def test_ev_139_the_timestamp_is_that_of_each_attempt(sending: World, sender: Sender, target: Target) -> None:
    endpoint = sending.endpoint(target)
    target.reply = lambda _: Reply(500)
    sending.change("u1")
    run_until(sender, lambda: sending.put_aside(endpoint))
    target.reply = lambda _: Reply()
    sending.clock.forward(seconds=3_600)
    run_until(sender, lambda: target.ids)
    first, second = (int(each.headers["webhook-timestamp"]) for each in target.arrived)
    assert second - first >= 3_600
    assert target.arrived[0].body == target.arrived[1].body


def test_ev_104_addresses_that_are_not_allowed_are_not_asked(sending: World, target: Target) -> None:
    sender = sending.sender()
    endpoint = sending.endpoint(target, url="http://10.0.0.1/")
    sending.change("u1")
    assert sender.take()
    run_until(sender, lambda: sending.put_aside(endpoint))
    assert sending.put_aside(endpoint)[0].reason == "refused address"
    sender.give_back(30)

