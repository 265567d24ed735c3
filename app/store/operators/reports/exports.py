"""A log as a file, that of a tenant or that of acts: CSV or JSON lines, in batches, the newest lines first."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.errors import Unavailable
from app.store.log.events import Events
from app.store.log.reading.page import LogFilter, Place, Window
from app.store.mongo.moments import aware
from app.store.operators.acting import Acting
from app.store.operators.audit import AuditLog
from app.store.operators.reports.lines import result, summary
from app.store.operators.visits import Visit, Visits

MOST, BATCH = 100_000, 1_000
"""Lines of a file, and of a batch."""
COLUMNS = (
    "time", "operation", "type", "name", "id", "result", "status", "cause", "attribute", "summary", "detail",
    "credential", "request",
)
OF_ACTS = ("time", "who", "role", "how", "address", "act", "tenant", "object", "outcome", "reason", "request")
_FORMULA = re.compile(r'''^(?=[=+\-@\t\r])|(?<=[;\t\r\n])(?="*[=+\-@])''')
"""Where a formula may begin, which a spreadsheet would run, and which can send the file's content elsewhere.

Where a comma is the decimal sign, spreadsheets take another separator, and quotes do not keep a cell together then.
"""
Line = Mapping[str, Any]
Batches = Iterator[tuple[Sequence[Line], bool]]
"""Batches of lines, the newest first, each with whether there are older ones."""


@dataclass(frozen=True)
class Source:
    """What a file has: its name, the columns of CSV, how a line is read for them, and the lines."""

    name: str
    columns: tuple[str, ...]
    cells: Callable[[Line], Line]
    batches: Batches


def of_log(events: Events, wanted: LogFilter) -> Source:
    """Return the lines of a log that a filter selects."""
    return Source("log", COLUMNS, _of_event, batches(events, wanted))


def of_acts(log: AuditLog, tenant: str) -> Source:
    """Return what operators did, to one tenant or, for "", at all."""
    return Source("acts", OF_ACTS, dict, _batches_of_acts(log, tenant))


class Export:
    """A file for a visit, which reads one file at a time; `lets_in` returns whether its person may still see it."""

    def __init__(
        self, visits: Visits, visit: Visit, acting: Acting, lets_in: Callable[[Visit], bool] = lambda _: True
    ) -> None:
        self._visits = visits
        self._visit = visit
        self._acting = acting
        self._lets_in = lets_in

    def blocks(self, form: str, source: Source, tenant: str) -> Generator[bytes] | None:
        """Return a file in blocks; None while the visit reads another file.

        `form` is one of `FORMS`. The audit log says how many lines the file has, and "failed" if it was not read to
        its end.
        """
        until = self._visits.take_export(self._visit.key)
        return self._read(form, source, tenant, until) if until else None

    def _read(self, form: str, source: Source, tenant: str, until: datetime) -> Generator[bytes]:
        number, file = 0, f"{source.name}.{form}"
        try:
            with self._acting.audited("export", tenant, file) as entry:
                for batch, (lines, more) in enumerate(source.batches):
                    yield FORMS[form](source, lines, batch == 0)
                    number += len(lines)
                    entry.object = f"{file}, {number:,} lines{', without older ones' if more else ''}"
                    until = self._go_on(until)
        finally:
            self._visits.end_export(self._visit.key, until)

    def _go_on(self, until: datetime) -> datetime:
        """Keep the visit's turn; raises Unavailable if the visit has ended, or reads another file by now."""
        later = self._visits.take_export(self._visit.key, until)
        if later is None or not self._lets_in(self._visit):
            raise Unavailable("The visit has ended, or reads another file by now.")
        return later


def batches(events: Events, wanted: LogFilter) -> Batches:
    """Return up to `MOST` lines of a log in batches."""
    place: Place | None = None
    left = MOST
    while left:
        page = events.page(wanted, Window(place, min(BATCH, left)))
        left, place = left - len(page.events), page.older
        yield page.events, place is not None
        if place is None:
            return


def _batches_of_acts(log: AuditLog, tenant: str) -> Batches:
    """Return up to `MOST` acts in batches."""
    place: datetime | None = None
    left = MOST
    while left > 0:
        rows, place = log.page(tenant, place, min(BATCH, left))
        left -= len(rows)
        yield rows, place is not None
        if place is None:
            return


def csv_of(source: Source, lines: Sequence[Line], first: bool) -> bytes:  # noqa: FBT001 - the forms differ in it
    """Return lines as CSV, with the names of the columns in the first batch."""
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        writer.writerow(source.columns)
    for line in lines:
        known = {**source.cells(line), "time": _plain(aware(line["time"]))}
        writer.writerow([_cell(str(known.get(column, ""))) for column in source.columns])
    return text.getvalue().encode()


def ndjson_of(source: Source, lines: Sequence[Line], first: bool) -> bytes:  # noqa: ARG001, FBT001 - as `csv_of`
    """Return lines as they are stored, one JSON object in each."""
    return "".join(json.dumps(line, default=_plain, ensure_ascii=False) + "\n" for line in lines).encode()


FORMS: Mapping[str, Callable[[Source, Sequence[Line], bool], bytes]] = {"csv": csv_of, "ndjson": ndjson_of}


def _of_event(line: Line) -> Line:
    resource = line.get("resource", {})
    return {
        **line, "type": resource.get("type", ""), "name": resource.get("name", ""), "id": resource.get("id", ""),
        "result": result(line), "summary": summary(line),
    }


def _cell(text: str) -> str:
    return _FORMULA.sub("'", text)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
