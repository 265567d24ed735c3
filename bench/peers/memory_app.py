"""scim2-server as its own command runs it: resources in memory, one bearer token; loaded before it answers.

It runs in the peers' environment, in one process: what is in memory cannot be shared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from scim2_models import Meta
from scim2_server.memory import InMemoryStorage, utcnow
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import load_default_provider

from bench import people
from bench.peers.populations import AtRoot, groups, population
from bench.people import Population


def create_app() -> BearerTokenApplication:
    """Return the application with its population; `PEERS_USERS` and `PEERS_TOKEN` are in the environment."""
    provider, storage = load_default_provider(), InMemoryStorage()
    moment = utcnow()
    stored = []
    for kind, resource in _resources(population(int(os.environ["PEERS_USERS"]), AtRoot)):
        loaded = provider.model_for(kind).model_validate(resource)
        loaded.meta = Meta(resource_type=kind, created=moment, last_modified=moment, version=storage.next_version())
        stored.append(loaded)
    storage.resources = stored
    return BearerTokenApplication(storage, provider, bearer_tokens=[os.environ["PEERS_TOKEN"]])


def _resources(of: Population) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(of.users):
        yield "User", people.user(number) | {"id": of.user_id(number)}
    for group in groups(of):
        members = [{"value": of.user_id(number), "type": "User"} for number in group.members]
        yield "Group", {
            "schemas": [people.GROUP_URN], "id": group.id, "displayName": group.name, "members": members,
        }
