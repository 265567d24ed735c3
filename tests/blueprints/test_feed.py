"""The feed and the snapshot over HTTP: methods, headers, errors, limits, and a server of several processes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from app import create_app
from app.auth import credential_cache
from app.auth.limits import thread_shares
from app.auth.limits.rate_limits import ROOM
from app.config import Config
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.delivery import starting
from app.store.delivery.endpoint import POLL
from app.store.delivery.endpoints import Endpoints
from app.store.mongo.database import Database
from tests.conftest import Server, free_port, make_server, new_database, spend
from tests.feed.conftest import World, world  # noqa: F401 - a fixture
from tests.processes import until
from tests.store.log.conftest import an_event, pend
from tests.telemetry.scraping import listens, total

PATHS = ("/acme/changes", "/changes", "/acme/snapshot", "/snapshot")


@pytest.fixture
def acme(world: World) -> World:  # noqa: F811
    world.number(world.event(world.tenant("acme")))
    return world


@pytest.mark.parametrize("path", PATHS)
def test_ev_70_and_77_json_that_nobody_stores(acme: World, path: str) -> None:
    answer = acme.get(path)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Vary"] == "Accept, Authorization"
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize("path", PATHS)
def test_ev_77_get_and_head_only(acme: World, path: str) -> None:
    got, head = acme.get(path), acme.get(path, method="HEAD")
    assert head.status_code == 200
    assert head.get_data() == b""
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = acme.get(path, method=method)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", PATHS)
def test_ev_77_refusals_are_as_everywhere(acme: World, path: str) -> None:
    for token in ("scimd_000000000000_" + "0" * 64, "x"):
        answer = acme.get(path, token)
        assert answer.status_code == 401
        assert answer.content_type == "application/scim+json"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert acme.http.get(path).headers["WWW-Authenticate"] == 'Bearer realm="scimd"'
    entra = Tokens(acme.database).issue("acme")[0]
    assert acme.get(path, entra).status_code == (403 if "acme" in path else 401)


@pytest.mark.parametrize("path", ["/acme/changes/", "/acme//changes", "/changes/", "/acme/snapshot/"])
def test_spellings_of_a_path(acme: World, path: str) -> None:
    assert acme.get(path, acme.everyone).status_code == 200


def test_ev_76_an_error_has_scims_form(acme: World) -> None:
    answer = acme.get("/acme/changes?after=99.all")
    assert answer.status_code == 410
    assert answer.content_type == "application/scim+json"
    error = answer.get_json()
    assert error["status"] == "410"
    assert error["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.headers["Link"] == '</acme/snapshot>; rel="snapshot"'
    assert acme.get("/changes?after=99.all").headers["Link"] == '</snapshot>; rel="snapshot"'


def test_ev_79_a_refused_credential_is_in_the_log_of_the_tenant(acme: World) -> None:
    acme.get("/acme/changes", "scimd_000000000000_" + "0" * 64)
    (line,) = acme.database.db.events.find({"tenant": "acme", "failed": True})
    assert (line["operation"], line["status"]) == ("authenticate", 401)


def test_a_suspended_tenant(acme: World) -> None:
    Tenants(acme.database).suspend("acme")
    acme.tokens["acme"] = Tokens(acme.database).issue("acme", scopes=[EVENTS_READ])[0]  # nobody remembers the tenant
    assert acme.get("/acme/changes").status_code == 403
    assert acme.get("/acme/changes", acme.everyone).status_code == 200
    assert acme.get("/changes").status_code == 200


@pytest.mark.parametrize(("end", "status"), [("suspend", 403), ("revoke", 401), ("delete", 401)])
@pytest.mark.parametrize("path", ["/acme/changes?after=now&wait=15", "/acme/streams/{stream}/poll"])
def test_who_waits_learns_nothing_that_happens_after_the_end(
    acme: World, monkeypatch: pytest.MonkeyPatch, path: str, end: str, status: int
) -> None:
    monkeypatch.setattr(credential_cache, "LIFETIME", 0)
    database = acme.database
    tenant, place = Tenants(database).require("acme"), starting.newest(database)
    stream = Endpoints(database).create("acme", POLL, place=place, audience="https://app.example.com").id
    ways = {
        "suspend": lambda: Tenants(database).suspend("acme"), "delete": lambda: TenantDeletion(database).begin("acme"),
        "revoke": lambda: Tokens(database).revoke(acme.tokens["acme"].split("_")[1]),
    }
    headers = {"Authorization": f"Bearer {acme.tokens['acme']}"}
    with ThreadPoolExecutor(1) as pool:
        method = "POST" if "poll" in path else "GET"
        body = {"json": {}} if "poll" in path else {}
        asked = pool.submit(
            acme.app.test_client().open, path.format(stream=stream), method=method, headers=headers, **body
        )
        until(lambda: acme.app.feed.waiters._waiting == 1)  # type: ignore[attr-defined]
        ways[end]()
        acme.number(acme.event(tenant))
        assert asked.result().status_code == status


def test_ev_81_the_requests_of_all_are_limited_as_those_of_one_tenant(reused_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_shares, "SECONDS", 0.01)  # which a refusal waits
    app = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "25"}), reused_database)
    limited = World(app, reused_database)
    limited.tenant("acme")
    for path in ("/changes", "/snapshot", "/acme/changes"):
        spend(reused_database, ALL_TENANTS, ROOM + 750)  # half a minute more than they may
        answers = [limited.get(path, limited.everyone) for _ in range(4)]  # a worker adds up its requests for a moment
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused, path
        assert refused[0].headers["Retry-After"]
    assert limited.get("/acme/changes").status_code == 200


def test_the_requests_of_consumers_are_not_the_tenants_provisioning(acme: World) -> None:
    """`scimd tenant list` says when Entra asked last; a consumer that polls would hide that Entra has stopped."""
    acme.get("/acme/changes")
    acme.get("/acme/changes?after=nonsense")
    for chore in acme.app.chores:  # type: ignore[attr-defined]
        if chore.name == "activity":
            chore.work(acme.database)
    assert list(acme.database.db.pulses.find()) == []


def test_a_thread_is_given_back(reused_database: Database) -> None:
    """As many requests one after the other as there are threads for a tenant, which are two, and twice as many."""
    app = create_app(Config.from_environment({"SCIMD_RATE_LIMIT": "off", "SCIMD_THREADS": "8"}), reused_database)
    few = World(app, reused_database)
    few.number(few.event(few.tenant("acme")))
    for path in PATHS:
        for _ in range(5):
            assert few.get(path).status_code == 200
        for _ in range(5):
            assert few.get(f"{path}?limit=0").status_code == 400
    app.feed.stop_waiting()  # type: ignore[attr-defined]


# A server of two processes.


@pytest.fixture
def two(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    """Return a server of two workers that serves metrics."""
    metrics = f"127.0.0.1:{free_port()}"
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_METRICS_BIND=metrics, SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    until(lambda: listens(server))
    yield server
    if server.process and server.process.poll() is None:
        server.stop()


def create_event(server: Server) -> None:
    """Let something happen in the tenant acme, for the relay to number."""
    tenant = Tenants(server.database).require("acme")
    event = an_event(tenant="acme", tenantId=tenant.tenant_id, resource={"type": "User", "id": "u", "name": "u"})
    pend(server.database, "users", "u", event, tenant="acme")


def test_ev_75_over_two_processes_and_at_their_end(two: Server) -> None:
    two.create_tenant("acme")
    token = Tokens(two.database).issue("acme", scopes=[EVENTS_READ])[0]
    headers = {"Authorization": f"Bearer {token}"}
    answers: list[tuple[float, requests.Response]] = []

    def wait(after: str) -> None:
        begun = time.monotonic()
        answer = requests.get(f"{two.url}/acme/changes?after={after}&wait=15", headers=headers, timeout=60)
        answers.append((time.monotonic() - begun, answer))

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(wait, "now") for _ in range(8)]
        until(lambda: total(two, "scimd_feed_waiting") == 8)
        time.sleep(1)
        create_event(two)
        for each in asked:
            each.result()
        assert all(len(answer.json()["events"]) == 1 for _, answer in answers)
        until(lambda: total(two, "scimd_feed_waiting") == 0)
        until(lambda: total(two, "scimd_feed_requests_total", result="200") == 8)
        assert total(two, "scimd_request_seconds_sum", route="/<tenant>/changes") < 4  # without eight seconds of waiting
        assert total(two, "scimd_requests_total", tenant="acme") == 0  # which are those that provision it
        cursor = answers[0][1].json()["cursor"]
        answers.clear()
        asked = [pool.submit(wait, cursor) for _ in range(8)]
        until(lambda: total(two, "scimd_feed_waiting") == 8)
        assert two.process
        begun = time.monotonic()
        two.process.send_signal(signal.SIGTERM)
        for each in asked:
            each.result()
        assert time.monotonic() - begun < 14  # less than any of them would have waited
        assert [answer.json()["events"] for _, answer in answers] == [[]] * 8
        two.process.wait(60)


@pytest.mark.long
def test_ev_75_who_waits_leaves_the_threads_to_scim(two: Server) -> None:
    url, scim = two.create_tenant("acme")
    token = Tokens(two.database).issue("acme", scopes=[EVENTS_READ])[0]
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            requests.get(
                f"{two.url}/acme/changes?after=now&wait=2", headers={"Authorization": f"Bearer {token}"}, timeout=60
            )

    with ThreadPoolExecutor(40) as pool:
        for _ in range(30):
            pool.submit(poll)
        until(lambda: total(two, "scimd_feed_waiting") >= 24)
        for _ in range(20):
            assert requests.get(f"{url}/Users", headers={"Authorization": f"Bearer {scim}"}, timeout=30).status_code == 200
        stop.set()
