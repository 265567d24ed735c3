"""The metrics as text, for Prometheus (D-671).

The client library's own text costs four times as much: it looks at each label as if its name could be anything, and
compresses as well as gzip can.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def application(registry: CollectorRegistry) -> Application:
    """Return the WSGI application that answers a GET with the metrics; the library's answers everything else."""
    library = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or environ["PATH_INFO"] != "/metrics" or environ.get("QUERY_STRING"):
            return library(environ, start_response)
        _, content_type = choose_encoder(environ.get("HTTP_ACCEPT", ""))
        headers, body = [("Content-Type", content_type)], render(registry, openmetrics="openmetrics" in content_type)
        if gzip_accepted(environ.get("HTTP_ACCEPT_ENCODING", "")):
            headers, body = [*headers, ("Content-Encoding", "gzip")], gzip.compress(body, compresslevel=1)
        start_response("200 OK", headers)
        return [body]

    return answer


def render(registry: Collector, *, openmetrics: bool) -> bytes:
    """Return the text of counters, gauges and histograms whose names need no quotes, without times and exemplars.

    It is the same, byte by byte, as the library's: of OpenMetrics, or the older form.
    """
    lines = []
    for family in registry.collect():
        name = family.name if openmetrics or family.type != "counter" else f"{family.name}_total"
        told = _escaped(family.documentation) if openmetrics else _escaped_but_quotes(family.documentation)
        lines += [f"# HELP {name} {told}", f"# TYPE {name} {family.type}"]
        lines += map(_line, family.samples)
    return "\n".join([*lines, *(["# EOF"] if openmetrics else []), ""]).encode()


def _line(sample: Sample) -> str:
    labels = ",".join([f'{name}="{_escaped(value)}"' for name, value in sorted(sample.labels.items())])
    return f"{sample.name}{{{labels}}} {floatToGoString(sample.value)}" if labels else (
        f"{sample.name} {floatToGoString(sample.value)}"
    )


def _escaped(text: str) -> str:
    return _escaped_but_quotes(text).replace('"', r"\"")


def _escaped_but_quotes(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
