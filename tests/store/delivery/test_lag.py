"""How far endpoints are behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.config import Config
from app.store.accounts.tenant_deletion import TenantDeletion
from app.store.accounts.tenants import ALL_TENANTS
from app.store.delivery.lag import lags
from app.store.delivery.put_aside import GIVEN_UP
from app.store.delivery.requests import put_aside
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.open import prepare
from tests.delivery.target import Target
from tests.delivery.world import World


@pytest.fixture
def sending(reused_database: Database) -> World:
    prepare(Config.from_environment({}), reused_database)
    world = World(reused_database)
    world.tenant()
    return world


def test_an_endpoint_is_behind_by_the_oldest_event_that_it_has_not_got(sending: World) -> None:
    with Target() as target:
        endpoint = sending.endpoint(target)
        other = sending.endpoint(target, types=["scimd.group.*"])
        everyone = sending.endpoint(target, ALL_TENANTS)
    assert {lag.oldest for lag in lags(sending.database) if lag.endpoint.tenant == "contoso"} == {None}
    ids = sending.change("u1", "u2", "u3")
    events = [sending.database.db.events.find_one({"_id": each}) for each in ids]
    found = {lag.endpoint.id: lag for lag in lags(sending.database)}
    assert found[endpoint.id].oldest == events[0]["time"]
    assert found[endpoint.id].seconds(events[0]["time"] + timedelta(seconds=7)) == 7
    assert found[other.id].oldest is None, "it gets none of these types"
    assert found[other.id].seconds(now()) == 0
    assert found[everyone.id].oldest is not None

    sending.database.db.endpoints.update_one({"_id": endpoint.id}, {"$set": {"done": [events[0]["seq"]]}})
    found = {lag.endpoint.id: lag for lag in lags(sending.database)}
    assert found[endpoint.id].oldest == events[1]["time"]

    sending.endpoints.set_place(endpoint.id, events[2]["seq"])
    found = {lag.endpoint.id: lag for lag in lags(sending.database)}
    assert found[endpoint.id].oldest is None

    aside = put_aside(endpoint, events[1])
    sending.asides.put(aside)
    found = {lag.endpoint.id: lag for lag in lags(sending.database)}
    assert found[endpoint.id].oldest == events[1]["time"]
    assert found[endpoint.id].put_aside == {"waiting": 1, "behind": 0, "given up": 0}
    sending.asides.put(put_aside(endpoint, events[1], state=GIVEN_UP))
    found = {lag.endpoint.id: lag for lag in lags(sending.database)}
    assert found[endpoint.id].oldest is None
    assert found[endpoint.id].put_aside == {"waiting": 0, "behind": 0, "given up": 1}


def test_the_endpoint_of_a_tenant_that_is_being_deleted_is_not_behind_the_others(sending: World) -> None:
    sending.tenant("fabrikam")
    with Target() as target:
        sending.endpoint(target)
    TenantDeletion(sending.database).begin("contoso")
    sending.change("u1", tenant="fabrikam")
    assert [lag.oldest for lag in lags(sending.database)] == [None]


def test_without_endpoints_nothing_is_read(mock_database: Database) -> None:
    assert lags(mock_database) == []
