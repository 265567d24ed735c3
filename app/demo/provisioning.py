"""The identity provider of the demo provisions people and groups; `scimd serve --demo` starts it.

The first line of its standard input is a `Start`, as JSON. It waits until the server answers, sends the requests of
provisioning.jsonl, prints the page, and ends; without the page if the input ends first, as it does when scimd stops.
"""

from __future__ import annotations

import json
import re
import select
import signal
import sys
import time
from contextlib import suppress
from importlib import resources
from typing import Any, TypedDict

from app.check.exchanges import SCIM_JSON
from app.check.target import CheckFailed, Target

PATIENCE = 30
"""Seconds to wait for the server's first answer."""
CUT = 20
"""How many characters a token that was not copied whole lacks."""
_ID = re.compile(r"\{\{([\w.-]+)\}\}")


class Start(TypedDict):
    """What the process is told: the server's URL, a tenant's SCIM URL, its token, and the text to print at the end."""

    server: str
    url: str
    token: str
    page: str


class Request(TypedDict, total=False):
    """A line of provisioning.jsonl; `{{name}}` stands for the id that the response to an earlier request had."""

    method: str
    path: str
    body: Any
    save: str
    """The name for the id in the response."""
    cut: bool
    """Whether the token is sent without its end."""


def provision(target: Target) -> None:
    """Send all requests, whatever the server answers; raises CheckFailed if it does not answer."""
    ids: dict[str, str] = {}
    for line in resources.files("app.demo").joinpath("provisioning.jsonl").read_text("utf-8").splitlines():
        request: Request = json.loads(_ID.sub(lambda found: ids.get(found[1], found[1]), line))
        token = target.token[:-CUT] if request.get("cut") else target.token
        answer = target.send(request["method"], request["path"], request.get("body"), token)
        if "save" in request and answer.status_code == 201:
            ids[request["save"]] = answer.json()["id"]


def _goes_on(seconds: float) -> bool:
    """Wait, and return whether standard input is still open."""
    return not select.select([sys.stdin], [], [], seconds)[0]


def _answers(server: Target) -> bool:
    with suppress(CheckFailed):
        return server.send("GET", "/readyz").status_code == 200
    return False


def main() -> None:
    """Provision, and print the page."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends scimd, and with it the input
    start: Start = json.loads(sys.stdin.readline())
    server = Target(start["server"], "", SCIM_JSON, "the demo")
    deadline = time.monotonic() + PATIENCE
    while not (ready := _answers(server)) and time.monotonic() < deadline and _goes_on(0.1):
        continue
    if ready:
        with suppress(CheckFailed):  # the server has stopped meanwhile
            provision(Target(start["url"], start["token"], SCIM_JSON, "the demo"))
    if _goes_on(0):
        print(start["page"], flush=True)


if __name__ == "__main__":
    main()
