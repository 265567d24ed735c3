"""Wait for MongoDB, initiate its replica set where there is none yet, and become the command that is named.

The members are those of SCIMD_MONGODB_URI: where the string names more than the set has, they are added, one at a time
as MongoDB asks; none is ever removed. Two may do this at once, and it may be done again at every start.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

PATIENCE = 120.0
"""Seconds until the start is given up; what restarts the container then tries again."""
TIMEOUTS: dict[str, Any] = {"serverSelectionTimeoutMS": 3_000, "connectTimeoutMS": 3_000, "socketTimeoutMS": 10_000}
NOT_YET_INITIALIZED = 94
ALREADY_INITIALIZED = 23


def settle(uri: str) -> None:
    """Bring the replica set to a primary and to all its members; raises PyMongoError where that takes more time."""
    parsed = parse_uri(uri)
    hosts = [f"{host}:{port}" for host, port in parsed["nodelist"]]
    name = parsed["options"].get("replicaSet")
    if name:
        initiate(name, hosts)
    client: MongoClient[dict[str, Any]]
    with MongoClient(uri, **TIMEOUTS) as client:
        # The server is chosen as for a write: this waits for a primary.
        client.admin.command("ping")
        if name:
            add_members(client, hosts)


def initiate(name: str, hosts: list[str]) -> None:
    """Make the members one replica set, where the first of them belongs to none."""
    first: MongoClient[dict[str, Any]]
    with MongoClient(hosts[0], directConnection=True, **TIMEOUTS) as first:
        try:
            first.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code != NOT_YET_INITIALIZED:
                return  # It asks for a password, or is not of our making: the connection string must do as it is.
            members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
            try:
                first.admin.command("replSetInitiate", {"_id": name, "members": members})
                say(f"initiated the replica set {name} of {', '.join(hosts)}")
            except OperationFailure as late:
                if late.code != ALREADY_INITIALIZED:
                    raise


def add_members(client: MongoClient[dict[str, Any]], hosts: list[str]) -> None:
    """Add the members that the set does not have yet."""
    config = client.admin.command("replSetGetConfig")["config"]
    for host in hosts:
        if host not in {member["host"] for member in config["members"]}:
            number = max(member["_id"] for member in config["members"]) + 1
            config["members"].append({"_id": number, "host": host})
            config["version"] += 1
            client.admin.command("replSetReconfig", config)
            say(f"added {host} to the replica set")


def say(sentence: str) -> None:
    """Tell the log."""
    print(f"start: {sentence}", file=sys.stderr, flush=True)


def main(command: list[str]) -> None:
    """Wait, then become the command; ends with a sentence where MongoDB does not come."""
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    deadline = time.monotonic() + PATIENCE
    told = False
    while True:
        try:
            settle(os.environ["SCIMD_MONGODB_URI"])
            break
        except PyMongoError as error:
            if time.monotonic() > deadline:
                sys.exit(f"start: MongoDB is not ready after {PATIENCE:.0f} seconds: {error}")
            if not told:
                say("waiting for MongoDB")
                told = True
            time.sleep(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606 - the command of the container, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
