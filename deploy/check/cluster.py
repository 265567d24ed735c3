"""What is proven of the stack with three MongoDB members and two scimd."""

from __future__ import annotations

import json
import time
from typing import Any

from deploy.check.client import Answer, Load
from deploy.check.one import require
from deploy.check.people import find, mixed
from deploy.check.stack import CLUSTER, Stack

HELLO = """
import json, os
from pymongo import MongoClient
with MongoClient(os.environ["SCIMD_MONGODB_URI"], serverSelectionTimeoutMS=5000) as client:
    hello = client.admin.command("hello")
    states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]
print(json.dumps({"primary": hello["primary"], "hosts": hello["hosts"], "states": states}))
"""


def three_members(stack: Stack) -> str:
    """The one-member set has become one of three, with its data; both scimd answer to the name."""
    stack.wait("three members are up", lambda: sorted(_hello(stack)["states"]) == ["PRIMARY", "SECONDARY", "SECONDARY"])
    require(find(stack.client, "first").json()["totalResults"] == 1, "the user is gone")
    addresses = {line.split()[0] for line in stack.inside("proxy", "getent", "ahosts", "scimd").splitlines()}
    require(len(addresses) == 2, f"scimd has the addresses {addresses}")
    return "three members, two scimd, the data of the one-member set"


def one_scimd_stops(stack: Stack) -> str:
    """One of two scimd is stopped under load, and started again: no request fails."""
    with Load(lambda number: mixed(stack.client, "two", number), 25) as load:
        time.sleep(2)
        stack.compose(f"{CLUSTER} stop scimd-2")
        time.sleep(3)
        stack.compose(f"{CLUSTER} start scimd-2")
        stack.wait_until_healthy("scimd-2")
        time.sleep(2)
    return "one scimd stopped and started at 25/s: " + load.require_none_failed("stopping a scimd")


def primary_dies(stack: Stack) -> str:
    """The primary is killed under load: requests wait, or are told when to come again; no user is lost."""
    primary = _hello(stack)["primary"].partition(":")[0]
    repeated: list[int] = []

    def patient(number: int) -> Answer:
        """Send as Entra does: again, when the answer says when."""
        answer = mixed(stack.client, "primary", number)
        for _ in range(5):
            if answer.status not in (429, 503) or "Retry-After" not in answer.headers:
                break
            repeated.append(answer.status)
            time.sleep(int(answer.headers["Retry-After"]))
            answer = mixed(stack.client, "primary", number)
            if answer.status == 409:  # The first one took place, and the repeat says so.
                answer.status = 200
        return answer

    with Load(patient, 25) as load:
        time.sleep(2)
        stack.docker("kill", stack.container(primary))
        time.sleep(20)
    said = load.require_none_failed("killing the primary")
    for number in range(0, len(load.answers), 5):
        time.sleep(0.02)  # a tenant may make 100 requests a second
        require(find(stack.client, f"primary{number}").json()["totalResults"] == 1, f"user {number} was lost")
    stack.docker("start", stack.container(primary))
    told = ", ".join(f"{repeated.count(status)} x {status}" for status in sorted(set(repeated))) or "none"
    stack.wait("three members are up", lambda: len(_hello(stack)["states"]) == 3)
    return f"{primary} killed at 25/s: {said}; {len(repeated)} were told to come again ({told}); every user is there"


def _hello(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stack.inside("scimd", "python", "-c", HELLO))
    return found
