"""The log as a file: safe in a spreadsheet, complete up to its limit, and one at a time of a visit."""

from __future__ import annotations

import csv
import io
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
import requests

from app.blueprints.response.streaming import Stream
from app.store.log.events import Events, LogSettings
from app.store.log.reading.page import LogFilter
from app.store.mongo.moments import now
from app.store.operators.acting import Acting
from app.store.operators.audit import AuditLog, Operator
from app.store.operators.reports import exports
from app.store.operators.reports.exports import COLUMNS, OF_ACTS, Export, batches, of_log
from app.store.operators.visits import CONSOLE, EXPORT, Visit, Visits
from app.store.operators.visits import SPEC as VISITS
from tests.console.browsing import Browser
from tests.console.test_log import Customer
from tests.processes import until
from tests.served import served

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", 'a"b,c', "two\nlines", "=cmd|' /C calc'!A0", "plain", "'quoted"]

LONG = "x" * 4_000
"""With it, 6,000 lines are more than the buffers between here and there hold."""


@pytest.fixture
def customer(pages) -> Customer:
    return Customer(pages)


def read(browser: Browser, path: str) -> requests.Response:
    return browser.get(path).response


def rows_of(response: requests.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))


def store(customer: Customer, number: int, **fields) -> None:
    """Store so many lines in the log, a second apart."""
    start = now() - timedelta(days=2)
    customer.pages.database.db.events.insert_many([
        {
            "_id": str(uuid.uuid4()), "tenant": customer.name, "time": start + timedelta(seconds=each),
            "operation": "create", "resource": {"type": "User", "id": f"i{each}", "name": f"n{each}"}, "keys": [f"i{each}"],
            "credential": "token x", "request": "r", "status": 201, **fields,
        }
        for each in range(number)
    ])


@pytest.mark.parametrize("name", EVIL)
def test_ca_13_a_cell_is_no_formula(pages, operator, customer, name) -> None:
    pages.database.db.events.insert_one({
        "_id": str(uuid.uuid4()), "tenant": customer.name, "time": now(), "operation": "patch", "status": 400,
        "resource": {"type": "Group", "id": "1", "name": name}, "keys": [], "credential": name, "request": name,
        "failed": True, "detail": name, "cause": name, "attribute": name,
    })
    answer = read(operator, f"{customer.page}/log.csv")
    (row,) = rows_of(answer)
    for column in ("name", "credential", "request", "detail", "cause", "attribute"):
        assert row[column] == ("'" + name if name[0] in "=+-@\t\r" else name)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    assert answer.headers["Content-Disposition"] == "attachment; filename=log.csv"


@pytest.mark.parametrize("name", ["\t=1+1", "\r=1+1", "x;=1+1;y", "x\n=1+1;y", "x\t@SUM(A1)\ty", "\n=1+1", 'x;"=1+1";y', 'x\r\n"=1+1;'])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_ca_13_a_cell_is_no_formula_where_a_spreadsheet_takes_another_separator(customer, operator, name, separator) -> None:
    """As Excel does where a comma is the decimal sign; quotes count only at the beginning of a cell."""
    store(customer, 1, resource={"type": "User", "id": "1", "name": name}, detail=name)
    text = read(operator, f"{customer.page}/log.csv").content.decode()
    lines = re.split(r"[\r\n]+", text)
    cells = [cell for line in lines for row in csv.reader([line], delimiter=separator) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert "1+1" in text or "SUM" in text


def test_co_103_csv_is_as_the_standard_says(operator, customer) -> None:
    customer.user("ada@x.org")
    customer.user("svc@x.org", name={"familyName": "Backup"})
    customer.moved(2)
    answer = read(operator, f"{customer.page}/log.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content.decode().split("\r\n")[0] == ",".join(COLUMNS)
    refused, done = rows_of(answer)
    assert (done["operation"], done["name"], done["result"], done["status"]) == ("create", "ada@x.org", "done", "201")
    assert (refused["result"], refused["summary"]) == ("refused", "name.formatted is missing")


def test_co_103_ndjson_is_as_stored(operator, customer) -> None:
    customer.user("svc@x.org", name={"familyName": "Backup"})
    answer = read(operator, f"{customer.page}/log.ndjson")
    (line,) = [json.loads(each) for each in answer.text.splitlines()]
    stored = customer.pages.database.db.events.find_one({"tenant": customer.name})
    assert line["problems"] == stored["problems"]
    assert line["sent"] == stored["sent"]
    assert answer.headers["Content-Type"] == "application/x-ndjson"


def test_co_103_a_file_has_what_the_page_shows(operator, customer) -> None:
    store(customer, 60)
    customer.user("svc@x.org", name={"familyName": "Backup"})
    shown = operator.get(f"{customer.page}/log?failed=1")
    (link,) = [each for each in shown.links() if "log.csv" in each]
    assert [row["name"] for row in rows_of(read(operator, link))] == ["svc@x.org"]
    everything = rows_of(read(operator, f"{customer.page}/log.csv"))
    assert [row["name"] for row in everything] == ["svc@x.org", *(f"n{each}" for each in range(59, -1, -1))]


def test_co_103_a_large_log_comes_in_batches_and_the_rest_is_left_out(operator, customer, monkeypatch) -> None:
    store(customer, 2_500)
    assert [row["name"] for row in rows_of(read(operator, f"{customer.page}/log.csv"))] == [
        f"n{each}" for each in range(2_499, -1, -1)
    ]
    monkeypatch.setattr(exports, "MOST", 1_500)
    found = list(batches(Events(customer.pages.database, customer.name, LogSettings(90)), LogFilter()))
    assert [(len(lines), more) for lines, more in found] == [(1_000, True), (500, True)]


def test_co_103_the_page_says_what_is_left_out(operator, customer) -> None:
    assert "at most the newest 100,000 lines" in operator.get(f"{customer.page}/log").main


def test_co_103_each_batch_has_a_budget_of_its_own(operator, customer) -> None:
    store(customer, 1)
    source = of_log(Events(customer.pages.database, customer.name, LogSettings(90)), LogFilter())
    export = Export(*a_visit(customer), Acting(customer.pages.database, Operator("alice", "console"), 90))
    opened = []

    @contextmanager
    def budget() -> Iterator[None]:
        opened.append(1)
        yield

    blocks = export.blocks("ndjson", source, customer.name)
    assert len(list(Stream(blocks, "r", budget))) == 1
    assert len(opened) == 1  # the first batch is read within the request's own


def a_visit(customer: Customer) -> tuple[Visits, Visit]:
    visits = Visits(customer.pages.database)
    secret, _ = visits.open(kind=CONSOLE, who="alice", role="operator")
    return visits, visits.get(secret, CONSOLE)


def test_ca_14_a_visit_exports_one_file_at_a_time(pages, operator, customer) -> None:
    store(customer, 6_000, detail=LONG)
    cookie = {"Cookie": "=".join(*operator.cookies.items())}
    url = f"{pages.url}{customer.page}/log.ndjson"
    with ExitStack() as opened:
        answers = [opened.enter_context(requests.get(url, headers=cookie, stream=True, timeout=30)) for _ in range(30)]
        assert [answer.status_code for answer in answers] == [200] + [429] * 29
        assert "exporting another file" in answers[1].text
        assert answers[0].raw.read(10)
    until(lambda: read(operator, f"{customer.page}/log.csv?person=nobody").status_code == 200)


def test_a_turn_ends_with_its_time_and_goes_on_for_nobody_else(customer) -> None:
    moments = [now()]
    visits = Visits(customer.pages.database, lambda: moments[-1])
    secret, _ = visits.open(kind=CONSOLE, who="alice", role="operator")
    key = visits.get(secret, CONSOLE).key
    first = visits.take_export(key)
    assert visits.take_export(key) is None
    moments.append(now() + EXPORT + timedelta(seconds=1))
    second = visits.take_export(key)
    assert second is not None
    assert visits.take_export(key, first) is None
    visits.end_export(key, first)
    assert visits.take_export(key) is None
    visits.end_export(key, second)
    assert visits.take_export(key) is not None


def test_co_11_an_export_is_in_the_acts(pages, operator, customer) -> None:
    store(customer, 3)
    read(operator, f"{customer.page}/log.csv?operation=create")

    def acts() -> list[tuple[str, ...]]:
        return [
            tuple(act[key] for key in ("act", "who", "object", "outcome"))
            for act in AuditLog(pages.database).find(tenant=customer.name)
        ]

    until(lambda: acts() == [("export", "alice", "log.csv, 3 lines", "done")])


def test_an_export_that_is_not_read_to_its_end_has_failed(pages, operator, customer) -> None:
    store(customer, 6_000, detail=LONG)
    cookie = {"Cookie": "=".join(*operator.cookies.items())}
    with requests.get(f"{pages.url}{customer.page}/log.ndjson", headers=cookie, stream=True, timeout=30) as answer:
        assert answer.status_code == 200
    until(lambda: [act["outcome"] for act in AuditLog(pages.database).find(tenant=customer.name)] == ["failed"])
    until(lambda: read(operator, f"{customer.page}/log.csv?person=nobody").status_code == 200)


def test_co_103_acts_are_exported_of_one_customer_or_of_all(pages, operator, customer) -> None:
    name = "=1+1"
    moment = now()
    pages.database.db.acts.insert_many([
        {"_id": str(uuid.uuid4()), "time": moment - timedelta(seconds=number // 3), "who": name, "role": "operator", "how": "console",
         "address": "", "tenant": customer.name, "act": "token issue", "object": str(number), "request": "", "outcome": "done"}
        for number in range(1_100)
    ])
    shown = operator.get(f"/console/acts?customer={customer.name}")
    for form in ("csv", "ndjson"):
        (link,) = [each for each in shown.links() if f"acts.{form}" in each]
        answer = read(operator, link)
        assert answer.headers["Content-Disposition"] == f"attachment; filename=acts.{form}"
        found = rows_of(answer) if form == "csv" else [json.loads(line) for line in answer.text.splitlines()]
        own = [each for each in found if each["act"] != "export"]
        assert sorted(int(each["object"]) for each in own) == list(range(1_100))
        assert {each["who"] for each in own} == {f"'{name}" if form == "csv" else name}
    assert set(own[0]) == set(OF_ACTS) - {"reason"}  # which an act has that failed
    assert len(rows_of(read(operator, "/console/acts.csv"))) > 1_100


def test_ca_05_a_viewer_exports_nothing_and_sees_no_button(pages, viewer, customer) -> None:
    assert viewer.get(f"{customer.page}/log.csv").status == 404
    assert not [link for link in viewer.get(f"{customer.page}/log").links() if "log.csv" in link]
    assert viewer.get("/console/acts.csv").status == 404
    assert not [link for link in viewer.get("/console/acts").links() if "acts.csv" in link]
    assert AuditLog(pages.database).find(tenant=customer.name) == []


def test_co_32_an_export_needs_a_late_sign_in(reused_database) -> None:
    with served(reused_database, SCIMD_PUBLIC_URL="https://scim.example.com") as server:
        browser = Browser(server, headers={"Host": "scim.example.com"})
        server.create_tenant("contoso")
        browser.enter()
        page = "/console/customers/contoso/log"
        assert browser.get(f"{page}.csv").status == 200
        server.database.db[VISITS.name].update_one({}, {"$set": {"fresh": now() - timedelta(minutes=16)}})
        assert "sign in again" in browser.get(page).main
        assert browser.get(f"{page}.csv").heading == "Sign in again"
        assert browser.enter().response.headers["Location"] == page
