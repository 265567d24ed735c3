"""scimd feed: what an operator sees of the relay, and new numbers after a restore."""

from __future__ import annotations

import json
import re
import socket
from datetime import timedelta

import pytest

from app.store.delivery.endpoints import Endpoints
from app.store.log.relay import Relay
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.operators.audit import AuditLog
from tests.cli.conftest import Operator
from tests.store.log.conftest import COLLECTIONS, an_event, let_expire, pend, the_lease


@pytest.fixture
def relay(operator: Operator, database: Database) -> Relay:
    """Return a relay that has moved what making the tenants has left."""
    one = Relay(database, COLLECTIONS)
    one.drain()
    return one


def test_the_status_before_there_was_a_relay(operator: Operator, database: Database) -> None:
    database.db.leases.delete_many({})
    facts = json.loads(operator("feed", "status", "--json"))
    assert (facts["relay"], facts["published"], facts["horizon"], facts["breaks"], facts["parked"]) == (None, None, None, 0, 0)


def test_the_status_says_who_relays_and_what_waits(operator: Operator, database: Database, relay: Relay) -> None:
    assert relay.take()
    pend(database, "users", "u", an_event(time=now() - timedelta(seconds=100)))
    database.db.outbox.insert_one({"_id": "p", "tenant": "t", "parked": True})
    facts = json.loads(operator("feed", "status", "--json"))
    assert facts["relay"].split()[0] == socket.gethostname()
    assert facts["oldest_pending_seconds"] >= 100
    assert facts["parked"] == 1
    assert "No process" not in operator("feed", "status")
    let_expire(database)
    out = operator("feed", "status")
    assert re.search(r"^  relay +-$", out, re.MULTILINE)
    assert "No process moves changes into the feed: start scimd." in out
    relay.drain()
    facts = json.loads(operator("feed", "status", "--json"))
    assert facts["published"] == the_lease(database)["published"]
    assert (facts["relay"], facts["oldest_pending_seconds"], facts["horizon"]) == (None, None, 0)


def test_the_status_lists_the_endpoints_without_their_urls(operator: Operator, database: Database, relay: Relay) -> None:
    assert json.loads(operator("feed", "status", "--json"))["endpoints"] == []
    endpoint = Endpoints(database).create("*", place=the_lease(database)["published"], url="https://example.com/?code=key")
    moment = now() - timedelta(seconds=100)
    pend(database, "users", "u", an_event(time=moment))
    relay.drain()
    facts = json.loads(operator("feed", "status", "--json"))
    assert facts["sender"] is None
    [shown] = facts["endpoints"]
    assert shown.pop("behind_seconds") >= 100
    assert shown == {
        "endpoint": endpoint.id, "tenant": "*", "form": "webhook", "state": "on", "put_aside": 0, "given_up": 0,
    }
    out = operator("feed", "status")
    assert endpoint.id in out
    assert "example.com" not in out
    Endpoints(database).set_place(endpoint.id, facts["published"])
    [shown] = json.loads(operator("feed", "status", "--json"))["endpoints"]
    assert shown["behind_seconds"] == 0


def test_ev_53_a_restart_says_between_which_numbers_the_break_is(operator: Operator, database: Database, relay: Relay) -> None:
    before = the_lease(database)
    said = json.loads(operator("feed", "restart", "--json"))
    row = the_lease(database)
    assert row["breaks"] == [*before["breaks"], said]
    assert said == {"from": before["published"], "to": row["published"]}
    assert str(the_lease(database)["published"]) in operator("feed", "restart")
    line = AuditLog(database).find()[-1]
    assert (line["act"], line["outcome"], line["tenant"]) == ("feed restart", "done", "")


def test_ev_53_there_is_nothing_to_restart_before_there_was_a_relay(operator: Operator, database: Database) -> None:
    database.db.leases.delete_many({})
    assert "nothing to restart" in operator("feed", "restart", status=1)
    assert database.db.leases.find_one() is None
