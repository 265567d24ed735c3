"""/metrics: on a port of its own or nowhere, right over all workers, and gone with its parent."""

from __future__ import annotations

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from tests.conftest import Server
from tests.processes import children, until
from tests.telemetry.scraping import listens, scrape, total

PERSON = {
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "displayName": "U",
    "name": {"givenName": "U", "familyName": "V", "formatted": "U V"},
}


def exporters(server: Server) -> list[int]:
    assert server.process
    return [pid for pid in children(server.process.pid) if b"app.telemetry.exporter" in Path(f"/proc/{pid}/cmdline").read_bytes()]


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


def test_no_label_holds_a_value_and_a_strange_tenant_makes_no_series(metered: Server) -> None:
    url, token = metered.create_tenant()
    headers = {"Authorization": f"Bearer {token}"}
    requests.get(f"{url}/Users/somebody", params={"filter": 'userName eq "marked"'}, headers=headers, timeout=30)
    requests.get(f"{metered.url}/strange-name/scim/v2/Users", headers=headers, timeout=30)
    requests.request("STRANGE", f"{url}/Users", headers=headers, timeout=30)
    labels = {value for _, has in scrape(metered) for _, value in has}
    assert not [value for value in labels if re.search(rf"somebody|marked|strange|{token}", value, re.IGNORECASE)]


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


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
