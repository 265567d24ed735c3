"""The replica set that a connection string names: initiated where there is none, and given its members.

For containers, where nobody is at hand to type `rs.initiate()`. Members are added one at a time, as MongoDB asks, and
none is ever removed. Two processes may do this at once, and it may be repeated at every start.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from app.store.mongo.database import StoreError

_TIMEOUTS: dict[str, Any] = {"serverSelectionTimeoutMS": 3_000, "connectTimeoutMS": 3_000, "socketTimeoutMS": 10_000}
_NOT_YET_INITIALIZED = 94
_ALREADY_INITIALIZED = 23

Report = Callable[[str], None]
"""Takes a sentence about what was done."""


def initiate(uri: str, seconds: float, report: Report) -> None:
    """Bring the replica set to a primary and to all the members that `uri` names, within `seconds`.

    Raises StoreError where that takes longer.
    """
    deadline = time.monotonic() + seconds
    waiting = False
    while True:
        try:
            return _settle(uri, report)
        except PyMongoError as error:
            if time.monotonic() > deadline:
                raise StoreError(f"MongoDB is not ready after {seconds:.0f} seconds: {error}") from None
        if not waiting:
            report("Waiting for MongoDB.")
            waiting = True
        time.sleep(1)


def _settle(uri: str, report: Report) -> None:
    parsed = parse_uri(uri)
    hosts = [f"{host}:{port}" for host, port in parsed["nodelist"]]
    name = parsed["options"].get("replicaSet")
    if name:
        _initiate(name, hosts, report)
    client: MongoClient[dict[str, Any]]
    with MongoClient(uri, **_TIMEOUTS) as client:
        client.admin.command("ping")  # the driver selects a server as for a write, so this waits for a primary
        if name:
            _add_members(client, hosts, report)


def _initiate(name: str, hosts: list[str], report: Report) -> None:
    """Make the hosts one replica set, where the first of them belongs to none."""
    first: MongoClient[dict[str, Any]]
    with MongoClient(hosts[0], directConnection=True, **_TIMEOUTS) as first:
        try:
            first.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                return  # it asks for a password, or was set up by somebody else: the connection string must do as it is
            members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
            try:
                first.admin.command("replSetInitiate", {"_id": name, "members": members})
                report(f"Initiated the replica set {name} of {', '.join(hosts)}.")
            except OperationFailure as late:
                if late.code != _ALREADY_INITIALIZED:
                    raise


def _add_members(client: MongoClient[dict[str, Any]], hosts: list[str], report: Report) -> None:
    config = client.admin.command("replSetGetConfig")["config"]
    for host in hosts:
        if host not in {member["host"] for member in config["members"]}:
            number = max(member["_id"] for member in config["members"]) + 1
            config["members"].append({"_id": number, "host": host})
            config["version"] += 1
            client.admin.command("replSetReconfig", config)
            report(f"Added {host} to the replica set.")
