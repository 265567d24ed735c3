"""docs/grafana.json loads, and asks a live server's /metrics for what is there; so do the alerts of docs/operating.md."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import requests

from app.store.accounts.tokens import EVENTS_READ, Tokens
from app.store.delivery.endpoints import Endpoints
from app.store.sign_on.apps import Apps, Settings
from tests.conftest import Server, free_port, spend
from tests.docs import pages
from tests.processes import until
from tests.sign_on.flow.world import World, today
from tests.telemetry.scraping import scrape, total

DASHBOARD = json.loads((Path(__file__).parents[2] / "docs" / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTOR = re.compile(r"\b(scimd_\w+)(?:\{([^}]*)\})?")
BY = re.compile(r"by \(([\w, ]+)\)")
PANEL = pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])

OPERATORS_ASK = {
    "scimd_requests_total": {"route", "method", "status", "tenant"},
    "scimd_request_seconds_bucket": {"route", "method", "le"},
    "scimd_operations_total": {"operation", "type", "result"},
    "scimd_logins_total": {"way", "result"},
    "scimd_rate_limited_total": {"tenant", "limit"},
    "scimd_too_many_total": {"tenant"},
    "scimd_mongodb_connections": set(),
    "scimd_mongodb_command_seconds_bucket": {"command", "le"},
    "scimd_resources": {"tenant", "type", "state"},
    "scimd_tenant_state": {"tenant", "state"},
    "scimd_last_contact_timestamp_seconds": {"tenant"},
    "scimd_unusual_deactivations": {"tenant"},
    "scimd_relay_oldest_pending_seconds": set(),
    "scimd_relay_events_total": set(),
    "scimd_relay_seconds_bucket": {"le"},
    "scimd_relay_parked_total": set(),
    "scimd_relay_takeovers_total": set(),
    "scimd_feed_requests_total": {"result"},
    "scimd_feed_waiting": set(),
    "scimd_webhook_attempts_total": {"endpoint", "result"},
    "scimd_webhook_seconds_bucket": {"endpoint", "le"},
    "scimd_webhook_behind_seconds": {"endpoint"},
    "scimd_webhook_state": {"endpoint", "state"},
    "scimd_webhook_set_aside": {"endpoint", "state"},
    "scimd_sign_ons_total": {"tenant", "kind", "result"},
    "scimd_sign_on_seconds_bucket": {"le"},
    "scimd_connection_certificate_expiry_seconds": {"tenant"},
    "scimd_connection_fetch_failures_total": {"tenant"},
    "scimd_logout_tokens_total": {"app", "result"},
}
"""What there is, and by what it can be told apart."""


@pytest.fixture(scope="module")
def series(limited: Server) -> dict[str, set[str]]:
    """Return the labels of each metric, after some traffic of every kind."""
    url, token = limited.create_tenant()
    tenant, headers = url.split("/")[3], {"Authorization": f"Bearer {token}"}
    endpoint = Endpoints(limited.database).create(tenant, place=0, url="http://127.0.0.1:9/")
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Sales"}
    for status in (201, 409):
        assert requests.post(f"{url}/Groups", json=body, headers=headers, timeout=30).status_code == status
    assert requests.get(f"{url}/Users", headers={"Authorization": "Bearer x"}, timeout=30).status_code == 401
    assert requests.get(f"{url}/?startIndex=100000", headers=headers, timeout=30).status_code == 400
    consumer = Tokens(limited.database).issue(tenant, scopes=[EVENTS_READ])[0]
    feed = requests.get(f"{limited.url}/{tenant}/changes", headers={"Authorization": f"Bearer {consumer}"}, timeout=30)
    assert feed.status_code == 200
    limited.command("token", "issue", tenant, "--expires", "5d")
    spend(limited.database, tenant)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: requests.get(f"{url}/Users?count=0", headers=headers, timeout=30), range(24)))
    assert 429 in {answer.status_code for answer in answers}

    sign_people_in(limited)
    found = {"guard.warned": datetime.now(UTC), "guard.number": 61, "guard.users": 300}
    limited.database.db.tenants.update_one({"_id": tenant}, {"$set": found})

    def counted() -> bool:
        found = scrape(limited)
        told = any(name == "scimd_logout_tokens_total" for name, _ in found)
        sent = any(name == "scimd_webhook_attempts_total" and ("endpoint", endpoint.id) in has for name, has in found)
        came = any(name == "scimd_last_contact_timestamp_seconds" for name, _ in found)  # written within two seconds
        return told and sent and came and any(name == "scimd_rate_limited_total" and ("tenant", tenant) in has for name, has in found)

    until(counted)
    labels: dict[str, set[str]] = {}
    for name, has in scrape(limited):
        labels.setdefault(name, set()).update(key for key, _ in has)
    return labels


def sign_people_in(server: Server) -> None:
    """Sign a person in and out again, whose app does not answer, and refuse one whose metadata cannot be read."""
    world = World(server)
    world.user()
    gone = f"http://127.0.0.1:{free_port()}/"
    settings = Settings(name="app", redirect_uris=(gone,), backchannel_logout_uri=gone)
    app, _ = Apps(server.database).create(settings, lifetime=timedelta(days=1))
    server.database.db.connections.update_one({"_id": world.connection.id}, {"$set": {"saml.metadataUrl": gone}})
    browser = world.browser()
    assert browser.sign_in().status_code == 303
    assert world.browser().sign_in(by=today("strange")).status_code == 403
    server.database.db.sessions.update_one({"tenant": world.tenant}, {"$set": {"apps": [app.id]}})
    assert browser.send("POST", f"{world.url}/out", {"Sec-Fetch-Site": "same-origin"}).status_code == 303


@pytest.mark.parametrize("name", OPERATORS_ASK)
def test_what_operators_ask_for_is_there(series: dict[str, set[str]], name: str) -> None:
    assert series[name] - {"pid"} == OPERATORS_ASK[name]


def test_sso_120_the_metrics_of_sign_on_count_what_happens(limited: Server, series: dict[str, set[str]]) -> None:
    before = {result: total(limited, "scimd_sign_ons_total", kind="saml", result=result) for result in ("done", "unknown-certificate")}
    timed, failed = (total(limited, name) for name in ("scimd_sign_on_seconds_count", "scimd_connection_fetch_failures_total"))
    told = total(limited, "scimd_logout_tokens_total", result="later")
    sign_people_in(limited)
    until(lambda: total(limited, "scimd_connection_fetch_failures_total") > failed)
    until(lambda: total(limited, "scimd_sign_on_seconds_count") > timed)
    for result, number in before.items():
        until(lambda: total(limited, "scimd_sign_ons_total", kind="saml", result=result) > number)  # noqa: B023
        assert total(limited, "scimd_sign_ons_total", kind="saml", result=result) == number + 1
    assert total(limited, "scimd_sign_on_seconds_count") == timed + 1
    assert total(limited, "scimd_connection_fetch_failures_total") == failed + 1
    until(lambda: total(limited, "scimd_logout_tokens_total", result="later") > told)
    [left] = [value for (name, has), value in scrape(limited).items() if name == "scimd_connection_certificate_expiry_seconds"][-1:]
    assert left > 0


def test_what_an_alert_asks_the_increase_of_begins_at_0(limited: Server, series: dict[str, set[str]]) -> None:
    """D-740: Prometheus sees no increase in a series that begins with 1."""
    found = scrape(limited)
    apps = {dict(has)["app"] for name, has in found if name == "scimd_logout_tokens_total"}
    assert apps
    for app, result in product(apps, ("refused", "failed")):
        assert found["scimd_logout_tokens_total", frozenset({("app", app), ("result", result)})] == 0
    assert found["scimd_feed_requests_total", frozenset({("result", "410")})] == 0


def test_the_dashboard_can_be_loaded() -> None:
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(DASHBOARD)
    assert "id" not in DASHBOARD  # Grafana gives it
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert variables["tenant"]["datasource"] == SOURCE
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(PANELS)))
    assert used <= set(variables)


def test_panels_have_a_number_of_their_own_and_a_place_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


@PANEL
def test_a_panel_asks_the_chosen_source(panel: dict[str, Any]) -> None:
    assert panel["type"] in ("timeseries", "stat", "table")
    assert panel["datasource"] == SOURCE
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    assert all(target["expr"].count("(") == target["expr"].count(")") for target in panel["targets"])


def asked(text: str) -> list[tuple[str, set[str]]]:
    """Return the metrics that an expression names, each with the labels that it requires."""
    found = [(name, set(re.findall(r"(\w+)\s*[=!]", labels or ""))) for name, labels in SELECTOR.findall(text)]
    by = {label for labels in BY.findall(text) for label in labels.split(", ")}
    return [(name, labels | by) for name, labels in found]


@pytest.mark.parametrize("expression", [target["expr"] for target in TARGETS])
def test_an_expression_asks_for_what_is_there(series: dict[str, set[str]], expression: str) -> None:
    assert asked(expression)
    for name, labels in asked(expression):
        assert labels <= series[name]


def test_everything_that_operators_ask_for_is_on_the_dashboard() -> None:
    assert {name for target in TARGETS for name, _ in asked(target["expr"])} >= {*OPERATORS_ASK}


def test_the_alerts_of_the_page_ask_for_what_is_there(series: dict[str, set[str]]) -> None:
    for span in re.findall(r"`([^`]+)`", pages.text("docs/operating.md#What an alert means")):
        for name, labels in asked(span):
            full = name if name in series else f"{name}_bucket"
            assert labels <= series[full], span
