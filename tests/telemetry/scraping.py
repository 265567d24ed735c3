"""Reading /metrics, as Prometheus would."""

from __future__ import annotations

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Server

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(server: Server) -> Series:
    """Return the value of each series by its name and labels."""
    url = f"http://{server.environ['SCIMD_METRICS_BIND']}/metrics"
    text = requests.get(url, timeout=30).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text) for sample in family.samples
    }


def total(server: Server, name: str, **labels: str) -> float:
    """Add up the series of a name that have these labels."""
    return sum(value for (known, has), value in scrape(server).items() if known == name and labels.items() <= set(has))


def listens(server: Server) -> bool:
    """Return whether the exporter answers yet; it starts after the workers."""
    try:
        scrape(server)
    except requests.ConnectionError:
        return False
    return True
