"""Paging by cursor (RFC 9865): what the thousandth page costs beside the first one."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bench.people import Population
from bench.requests import Asker
from bench.rounds import Course
from bench.scenarios import LARGE, Scenario, Side, Token

NAME = "cursor-depth"
PAGE = 1_000
COUNT = 100
MOST = 1.3


@dataclass(frozen=True)
class CursorPage(Asker):
    """One page by its cursor; the first page has an empty one."""

    cursor: str = ""

    def __call__(self, connection: int, turn: int) -> bytes:
        return self.send("GET", path(self.cursor))


def path(cursor: str) -> str:
    """Give the path of a page."""
    return f"/Users?count={COUNT}&attributes=userName&cursor={quote(cursor, safe='')}"


def depth(course: Course, token: Token, seconds: float, rounds: int) -> dict[str, Any]:
    """Walk to the thousandth page, then ask for it and for the first one by turns."""
    key = token(LARGE)
    cursor = walk(course.port("scimd"), LARGE, key)
    first, second = CursorPage(LARGE, key, cursor), CursorPage(LARGE, key)
    sides = Side(f"page {PAGE:,}", "scimd", first), Side("page 1", "scimd", second)
    return course.run(Scenario(NAME, *sides, 1 / MOST, populations=(LARGE,)), seconds, rounds)


def walk(port: int, population: Population, token: str) -> str:
    """Go from page to page and give the cursor of the last one; raises RuntimeError where the way ends before."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    cursor = ""
    for number in range(1, PAGE):
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("GET", f"/{population.name}/scim/v2{path(cursor)}", headers=headers)
        page = json.loads(connection.getresponse().read())
        if not page.get("nextCursor"):
            raise RuntimeError(f"page {number} has no nextCursor: {str(page)[:300]}")
        cursor = page["nextCursor"]
    connection.close()
    return cursor
