"""The text of the metrics: the same as the client library's, in each form that a client may ask for."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
import requests
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from app.telemetry.exposition import application
from tests.conftest import Server

ODD = 'a "quoted" \\ back\nslash, ü = {x}'
PLAIN, OPENMETRICS = "text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0"
PROMETHEUS = f"{OPENMETRICS};q=0.5,{PLAIN};q=0.3,*/*;q=0.1"


class Families(Collector):
    def collect(self) -> Iterable[Metric]:
        counter = CounterMetricFamily("some_requests", f"Requests {ODD}.", labels=["tenant", "code"])
        counter.add_metric([ODD, "200"], 3)
        counter.add_metric(["", "1e3"], 12_345_678.0)
        gauge = GaugeMetricFamily("age_seconds", "Age.", labels=["b", "a"])
        for value in (0.1, -2, float("inf"), float("nan"), 1e-9):
            gauge.add_metric([str(value), "x"], value)
        histogram = HistogramMetricFamily("took_seconds", "Time.", labels=["route"])
        histogram.add_metric(["/x"], [("0.5", 1), ("+Inf", 2)], 1.5)
        yield from (counter, gauge, histogram, GaugeMetricFamily("bare", "Without labels.", value=7), GaugeMetricFamily("none", "No sample."))


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Families())
    return registry


def answer(app: Any, **environ: str) -> tuple[str, dict[str, str], bytes]:
    told: list[Any] = []
    setup_testing_defaults(environ := {"PATH_INFO": "/metrics", **environ})
    body = b"".join(app(environ, lambda *all_of_it: told.extend(all_of_it)))
    return told[0], dict(told[1]), body


@pytest.mark.parametrize("accept", [None, "", "*/*", PLAIN, "text/plain; version=1.0.0; escaping=allow-utf-8", OPENMETRICS, PROMETHEUS])
def test_d_671_each_form_is_that_of_the_library(registry: CollectorRegistry, accept: str | None) -> None:
    asked = {} if accept is None else {"HTTP_ACCEPT": accept}
    ours = answer(application(registry), **asked)
    assert ours == answer(make_wsgi_app(registry), **asked)
    assert ours[2].count(b"\n") > 15


def test_it_is_compressed_for_those_who_take_that(registry: CollectorRegistry) -> None:
    _, _, plain = answer(application(registry))
    status, headers, body = answer(application(registry), HTTP_ACCEPT_ENCODING="deflate, gzip")
    assert (status, headers["Content-Encoding"], gzip.decompress(body)) == ("200 OK", "gzip", plain)


@pytest.mark.parametrize("environ", [
    {"REQUEST_METHOD": "OPTIONS"}, {"REQUEST_METHOD": "POST"}, {"PATH_INFO": "/favicon.ico"}, {"PATH_INFO": "/"}, {"QUERY_STRING": "name[]=bare"},
])
def test_what_is_asked_for_beside_all_metrics_is_answered_as_before(registry: CollectorRegistry, environ: dict[str, str]) -> None:
    assert answer(application(registry), **environ) == answer(make_wsgi_app(registry), **environ)


def test_prometheus_can_read_what_a_server_says(metered: Server) -> None:
    url = f"http://{metered.environ['SCIMD_METRICS_BIND']}/metrics"
    told = requests.get(url, headers={"Accept": PROMETHEUS}, timeout=30)
    assert told.headers["Content-Type"].startswith("application/openmetrics-text") and told.headers["Content-Encoding"] == "gzip"
    families = {family.name: family.type for family in text_string_to_metric_families(told.text)}
    assert {"scimd_requests": "counter", "scimd_request_seconds": "histogram", "scimd_resources": "gauge"}.items() <= families.items()
