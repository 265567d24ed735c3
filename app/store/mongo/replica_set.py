"""Initiates the replica set that a connection string names, and adds missing members.

This is for containers, where nobody can type `rs.initiate()`. Members are added one at a time, as MongoDB requires, and
none is ever removed. Several processes may do this at once, and it can be repeated at every start.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient
from pymongo.errors import InvalidURI, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from app.store.mongo.database import StoreError

_TIMEOUTS: dict[str, Any] = {"serverSelectionTimeoutMS": 3_000, "connectTimeoutMS": 3_000, "socketTimeoutMS": 10_000}
_NOT_YET_INITIALIZED = 94
_ALREADY_INITIALIZED = 23

Report = Callable[[str], None]
"""Gets a sentence about each thing that was done."""


def initiate(uri: str, seconds: float, report: Report) -> None:
    """Wait until the replica set has a primary and all members that `uri` names.

    Raises StoreError if that takes longer than `seconds`, and at once if `uri` is no connection string.
    """
    deadline = time.monotonic() + seconds
    waiting = False
    while True:
        try:
            return _settle(uri, report)
        except (InvalidURI, ValueError) as error:
            raise StoreError(f"The MongoDB connection string cannot be used: {error}") from None
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
        client.admin.command("ping")  # waits for a primary, since the driver selects a server as for a write
        if name:
            _add_members(client, hosts, report)


def _initiate(name: str, hosts: list[str], report: Report) -> None:
    """Make the hosts a replica set, unless the first of them belongs to one."""
    first: MongoClient[dict[str, Any]]
    with MongoClient(hosts[0], directConnection=True, **_TIMEOUTS) as first:
        try:
            first.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code != _NOT_YET_INITIALIZED:
                return  # it wants a password, or was set up otherwise: the connection string has to work as it is
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
