"""A log as a file: CSV or JSON lines, in batches, the newest lines first."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from typing import Any

from app.errors import Unavailable
from app.store.log.events import Events
from app.store.log.reading.page import LogFilter, Place, Window
from app.store.mongo.moments import aware
from app.store.operators.acting import Acting
from app.store.operators.reports.lines import result, summary
from app.store.operators.visits import Visit, Visits

MOST, BATCH = 100_000, 1_000
"""Lines of a file, and of a batch."""
COLUMNS = (
    "time", "operation", "type", "name", "id", "result", "status", "cause", "attribute", "summary", "detail",
    "credential", "request",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a formula may begin with, which a spreadsheet would run, and which can send the file's content elsewhere."""
Lines = list[dict[str, Any]]


class LogExport:
    """The log of a tenant as a file for a visit, which reads one file at a time."""

    def __init__(self, events: Events, visits: Visits, visit: Visit) -> None:
        self._events = events
        self._visits = visits
        self._key = visit.key

    def blocks(self, form: str, wanted: LogFilter, acting: Acting, tenant: str) -> Generator[bytes] | None:
        """Return a file with the lines that a filter selects, in blocks; None while the visit reads another file.

        `form` is one of `FORMS`. The audit log says how many lines the file has, and "failed" if it was not read to
        its end.
        """
        until = self._visits.take_export(self._key)
        return self._read(form, batches(self._events, wanted), acting, tenant, until) if until else None

    def _read(
        self, form: str, found: Iterator[tuple[Lines, bool]], acting: Acting, tenant: str, until: datetime
    ) -> Generator[bytes]:
        number = 0
        try:
            with acting.audited("export", tenant, f"log.{form}") as entry:
                for batch, (lines, more) in enumerate(found):
                    yield FORMS[form](lines, batch == 0)
                    number += len(lines)
                    entry.object = f"log.{form}, {number:,} lines{', without older ones' if more else ''}"
                    until = self._go_on(until)
        finally:
            self._visits.end_export(self._key, until)

    def _go_on(self, until: datetime) -> datetime:
        """Keep the visit's turn; raises Unavailable if the visit has ended, or reads another file by now."""
        later = self._visits.take_export(self._key, until)
        if later is None:
            raise Unavailable("The visit has ended, or reads another file by now.")
        return later


def batches(events: Events, wanted: LogFilter) -> Iterator[tuple[Lines, bool]]:
    """Return up to `MOST` lines in batches, the newest first, each with whether there are older ones."""
    place: Place | None = None
    left = MOST
    while left:
        page = events.page(wanted, Window(place, min(BATCH, left)))
        left, place = left - len(page.events), page.older
        yield page.events, place is not None
        if place is None:
            return


def csv_of(lines: Lines, first: bool) -> bytes:  # noqa: FBT001 - the one thing that the forms differ in
    """Return lines as CSV, with the names of the columns in the first batch."""
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        writer.writerow(COLUMNS)
    writer.writerows([_cell(cell) for cell in _cells(line)] for line in lines)
    return text.getvalue().encode()


def ndjson_of(lines: Lines, first: bool) -> bytes:  # noqa: ARG001, FBT001 - all batches are alike
    """Return lines as they are stored, one JSON object in each."""
    return "".join(json.dumps(line, default=_plain, ensure_ascii=False) + "\n" for line in lines).encode()


FORMS: Mapping[str, Callable[[Lines, bool], bytes]] = {"csv": csv_of, "ndjson": ndjson_of}


def _cells(line: Mapping[str, Any]) -> list[str]:
    resource = line.get("resource", {})
    known = {
        **line, "time": _plain(aware(line["time"])), "type": resource.get("type", ""), "name": resource.get("name", ""),
        "id": resource.get("id", ""), "result": result(line), "summary": summary(line),
    }
    return [str(known.get(column, "")) for column in COLUMNS]


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
