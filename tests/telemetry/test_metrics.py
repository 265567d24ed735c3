"""/metrics: on a port of its own or nowhere, right over all workers, and gone with its parent."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry

from app.store.mongo.moments import now
from app.telemetry import folder
from app.telemetry.labels import OTHERS
from app.telemetry.metrics_server import listen
from tests.cli.test_serve import answers
from tests.conftest import Server, free_port, make_server, new_database
from tests.processes import children, until
from tests.reliability.test_drain import workers
from tests.store.log.conftest import an_event, let_expire, pend, the_lease
from tests.telemetry.scraping import listens, scrape, total

PERSON = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "displayName": "U",
    "name": {"givenName": "U", "familyName": "V", "formatted": "U V"},
}


def exporters(server: Server) -> list[int]:
    """Return the processes that serve the metrics of a server: children of its workers, if it has started."""
    found = []
    for worker in workers(server):
        with suppress(FileNotFoundError):  # it has just ended
            found += [pid for pid in children(worker) if b"app.telemetry.metrics_server" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


def metrics_folder(server: Server) -> Path:
    for variable in Path(f"/proc/{min(workers(server))}/environ").read_bytes().split(b"\0"):
        assert not variable.startswith(folder.VARIABLE.encode()), "it is made by the server, not by us"
    (found,) = {
        Path(line.split()[-1]).parent for line in Path(f"/proc/{min(workers(server))}/maps").read_text().splitlines()
        if folder.PREFIX in line
    }
    return found


def test_off_by_default_and_never_on_the_public_port(live_server: Server, metered: Server) -> None:
    assert exporters(live_server) == []
    assert len(exporters(metered)) == 1
    for server in (live_server, metered):
        answer = requests.get(f"{server.url}/metrics", timeout=30)
        assert answer.status_code == 404
        assert "scimd_requests" not in answer.text


def test_the_counters_are_right_over_two_workers(metered: Server) -> None:
    url, token = metered.create_tenant()
    tenant, headers = url.split("/")[3], {"Authorization": f"Bearer {token}"}
    before = {result: total(metered, "scimd_logins_total", result=result) for result in ("done", "refused")}
    deletes = total(metered, "scimd_operations_total", operation="delete", type="User", result="done")

    def create(number: int) -> requests.Response:
        body = PERSON | {"userName": f"u{number % 30}@example.com"}
        return requests.post(f"{url}/Users", json=body, headers=headers, timeout=30)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(40)))
        list(pool.map(lambda _: requests.get(f"{url}/Users", headers={"Authorization": "Bearer x"}, timeout=30), range(10)))
    ids = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert len(ids) == 30
    for resource in ids[:5]:
        assert requests.delete(f"{url}/Users/{resource}", headers=headers, timeout=30).status_code == 204

    def counted() -> bool:
        return total(metered, "scimd_requests_total", tenant=tenant) == 45

    until(counted)  # a number is written when the answer is on its way
    assert total(metered, "scimd_requests_total", tenant=tenant, method="POST", status="201") == 30
    assert total(metered, "scimd_requests_total", tenant=tenant, method="POST", status="409") == 10
    assert total(metered, "scimd_requests_total", tenant=tenant, method="DELETE", status="204") == 5
    assert total(metered, "scimd_logins_total", result="done") == before["done"] + 45
    assert total(metered, "scimd_logins_total", result="refused") == before["refused"] + 10
    assert total(metered, "scimd_operations_total", operation="delete", type="User", result="done") == deletes + 5
    assert total(metered, "scimd_request_seconds_count", method="POST") >= 40
    assert total(metered, "scimd_mongodb_command_seconds_count", command="insert") >= 30
    assert total(metered, "scimd_resources", tenant=tenant, type="User") == 25
    assert total(metered, "scimd_mongodb_connections") >= 0


def test_d_687_each_operation_of_a_bulk_request_is_counted(metered: Server) -> None:
    url, token = metered.create_tenant()
    sent = [{"method": "POST", "path": "/Users", "bulkId": str(number), "data": PERSON | {"userName": "u"}} for number in range(2)]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": sent}

    def counted() -> list[float]:
        return [total(metered, "scimd_operations_total", operation="create", type="User", result=each) for each in ("done", "refused")]

    before = counted()
    answer = requests.post(f"{url}/Bulk", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert [each["status"] for each in answer.json()["Operations"]] == ["201", "409"]
    until(lambda: counted() == [before[0] + 1, before[1] + 1])


def test_the_relay_counts_what_it_moves_and_tells_how_old_what_waits_is(metered: Server) -> None:
    until(lambda: total(metered, "scimd_relay_takeovers_total") >= 1)
    before = total(metered, "scimd_relay_events_total"), total(metered, "scimd_relay_seconds_count")
    pend(metered.database, "outbox", "o", an_event(), an_event())
    until(lambda: total(metered, "scimd_relay_events_total") >= before[0] + 2)
    assert total(metered, "scimd_relay_seconds_count") >= before[1] + 2
    assert total(metered, "scimd_relay_published") == the_lease(metered.database)["published"]
    assert total(metered, "scimd_relay_parked_total") == 0
    until(lambda: total(metered, "scimd_relay_oldest_pending_seconds") == 0)
    # Neither the log nor the place for what it refuses takes the next one.
    metered.database.db.command("collMod", "events", validator={"status": {"$gt": 204}})
    try:
        metered.database.db.command("collMod", "outbox", validator={"parked": {"$exists": False}})
        pend(metered.database, "outbox", "old", an_event(time=now() - timedelta(seconds=500)))
        until(lambda: total(metered, "scimd_relay_oldest_pending_seconds") >= 500)
    finally:
        for name in ("events", "outbox"):
            metered.database.db.command("collMod", name, validator={})
    let_expire(metered.database)  # the relay has failed, and would be a candidate again ten seconds later
    until(lambda: total(metered, "scimd_relay_oldest_pending_seconds") == 0)


def test_no_label_holds_a_value_and_a_strange_tenant_makes_no_series(metered: Server) -> None:
    url, token = metered.create_tenant()
    headers = {"Authorization": f"Bearer {token}"}
    requests.get(f"{url}/Users/somebody", params={"filter": 'userName eq "marked"'}, headers=headers, timeout=30)
    requests.get(f"{metered.url}/strange-name/scim/v2/Users", headers=headers, timeout=30)
    requests.request("STRANGE", f"{url}/Users", headers=headers, timeout=30)
    labels = {value for _, has in scrape(metered) for _, value in has}
    assert not [value for value in labels if re.search(rf"somebody|marked|strange|{token}", value, re.IGNORECASE)]


@pytest.mark.long
def test_the_exporter_ends_with_its_parent_and_comes_back_with_it(metered: Server) -> None:
    url, token = metered.create_tenant()
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{url}/Users", json=PERSON | {"userName": "ann"}, headers=headers, timeout=30).status_code == 201
    tenant = url.split("/")[3]
    (exporter,) = exporters(metered)
    assert metered.process
    os.kill(metered.process.pid, signal.SIGKILL)
    metered.process.wait()
    until(lambda: not alive(exporter))
    metered.start()
    until(lambda: listens(metered))
    until(lambda: total(metered, "scimd_resources", tenant=tenant, type="User") == 1)
    (exporter,) = exporters(metered)
    assert metered.stop() == 0
    until(lambda: not alive(exporter))


def test_an_address_that_cannot_be_listened_on_is_told_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        told = listen(bind, CollectorRegistry())
    assert told == f"{bind} (SCIMD_METRICS_BIND) cannot be listened on: Address already in use"


@pytest.mark.long
def test_as_many_tenants_are_told_apart_as_the_setting_says(tmp_path: Path, mongod_uri: str) -> None:
    settings = {"SCIMD_WORKERS": "1", "SCIMD_METRICS_TENANTS": "1", "SCIMD_METRICS_BIND": f"127.0.0.1:{free_port()}"}
    server = make_server(tmp_path, **settings, SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    try:
        until(lambda: listens(server))
        for number in (2, 1):
            url, token = server.create_tenant()
            for name in ("ann", "bob")[:number]:
                answer = requests.post(
                    f"{url}/Users", json=PERSON | {"userName": name}, headers={"Authorization": f"Bearer {token}"}, timeout=30
                )
                assert answer.status_code == 201
        until(lambda: total(server, "scimd_requests_total", tenant=OTHERS, method="POST") == 1)
        assert total(server, "scimd_requests_total", method="POST") == 3
        assert (total(server, "scimd_resources", type="User"), total(server, "scimd_resources", type="User", tenant=OTHERS)) == (3, 1)
        assert total(server, "scimd_tenant_state") <= 1
    finally:
        assert server.stop() == 0


@pytest.fixture
def busy(tmp_path: Path, mongod_uri: str) -> Iterator[Server]:
    """Return a metered server of its own, whose current folder has packages with the names of ours."""
    for name in ("app", "scim_filter", "structlog", "prometheus_client", "pymongo", "flask"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the foreign {name} was imported')")
    server = make_server(tmp_path, SCIMD_WORKERS="2", SCIMD_METRICS_BIND=f"127.0.0.1:{free_port()}", SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.start()
    until(lambda: listens(server))
    yield server
    if server.process and server.process.poll() is None:
        server.stop()


@pytest.mark.long
def test_fa_10_files_are_bounded_and_counters_outlive_the_workers(busy: Server) -> None:
    url, token = busy.create_tenant()
    headers = {"Authorization": f"Bearer {token}"}
    place, tenant = metrics_folder(busy), url.split("/")[3]

    def counted(number: int) -> bool:
        with suppress(requests.ConnectionError):  # the exporter is started anew, too, where its worker is killed
            return total(busy, "scimd_requests_total", tenant=tenant) == number
        return False

    for number in range(1, 5):
        for _ in range(10):
            assert requests.get(f"{url}/Users", headers=headers, timeout=30).status_code == 200
        until(partial(counted, 10 * number))
        before = workers(busy)
        os.kill(min(before), signal.SIGKILL)
        until(lambda before=before: len(workers(busy)) == 2 and workers(busy) != before)
        until(lambda: answers(busy))
    until(lambda: counted(40))
    assert {file.stem for file in place.glob("*.slot")} <= {"0", "1", "2"}
    assert len(list(place.glob("*.db"))) <= 9  # three slots (the master has one), three kinds of metrics
    assert busy.stop() == 0
    assert not place.exists()


@pytest.mark.long
def test_fa_10_what_a_killed_server_leaves_is_removed_by_the_next_start(busy: Server) -> None:
    place = metrics_folder(busy)
    assert busy.process
    left = workers(busy)
    busy.process.kill()  # first, or else it starts new ones
    busy.process.wait()
    for process in left:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    until(lambda: not any(alive(process) for process in left))
    assert place.exists()
    busy.start()
    assert not place.exists()


@pytest.mark.long
def test_fa_18_an_exporter_that_dies_is_started_again_and_the_folder_is_not_imported_from(busy: Server) -> None:
    for _ in range(2):
        (exporter,) = exporters(busy)
        os.kill(exporter, signal.SIGKILL)
        until(lambda exporter=exporter: exporters(busy) not in ([], [exporter]))
        until(lambda: listens(busy))
    # The worker whose child it is: another one takes over.
    (exporter,) = exporters(busy)
    (parent,) = (worker for worker in workers(busy) if exporter in children(worker))
    os.kill(parent, signal.SIGKILL)
    until(lambda: not alive(exporter))
    until(lambda: len(exporters(busy)) == 1)
    until(lambda: listens(busy))
    log = busy.log.read_text()
    assert log.count("the process that serves /metrics has ended (-9) and is restarted") == 2
    assert "foreign" not in log


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
