"""The MongoDB client, with the safety and the time limits that scimd needs whatever the connection string says (D-102).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pymongo
from pymongo.errors import ConfigurationError, InvalidURI

from app.store.mongo.failures import StoreError

DEFAULT_NAME = "scimd"
"""The database, unless the connection string names another."""
BESIDE = 6
"""Connections besides those of the threads that answer requests: two for the relay, the others for the chores."""


def addresses(client: pymongo.MongoClient[Any]) -> str:
    """Return the addresses of the servers that a client knows, as a sentence has them: `db1:27017, db2:27017`."""
    servers = client.topology_description.server_descriptions()
    texts = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" if port else host for host, port in servers)
    return ", ".join(sorted(texts))


def new_client(uri: str, *, threads: int, heartbeat_ms: int) -> tuple[pymongo.MongoClient[dict[str, Any]], str]:
    """Return a client, which connects when it is first used, and the name of the database in the connection string.

    The options set here override those in the string. Raises StoreError for a string that cannot be used.
    """
    options = {key.lower(): value.lower() for key, value in parse_qsl(uri.partition("?")[2])}
    if "zlib" in options.get("compressors", ""):
        raise StoreError(
            "The MongoDB connection string asks for zlib compression, which is not safe (CVE-2025-14847); take zlib "
            "out of its option compressors."
        )
    try:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            uri,
            appname=options.get("appname", "scimd"),
            connect=False,
            tz_aware=True,
            w="majority",
            journal=True,
            wTimeoutMS=10_000,
            readConcernLevel="majority",
            readPreference="primary",
            retryWrites=True,
            retryReads=True,
            # Longer than an election of 11 seconds (D-103); inside a budget, the budget counts instead.
            serverSelectionTimeoutMS=15_000,
            connectTimeoutMS=3_000,
            socketTimeoutMS=10_000,
            heartbeatFrequencyMS=heartbeat_ms,
            maxPoolSize=threads + BESIDE,
            waitQueueTimeoutMS=2_000,
        )
        return client, client.get_default_database(DEFAULT_NAME).name
    except (ConfigurationError, InvalidURI, ValueError, TypeError) as error:
        raise StoreError(f"The MongoDB connection string cannot be used: {error}") from error
