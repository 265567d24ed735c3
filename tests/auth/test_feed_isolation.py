"""Isolation of the feed: a consumer of one tenant sees nothing of another, and a client of SCIM sees no feed at all.

Every route, every tenant and every kind of credential.
"""

import re

import pytest

from app.store.log.outbox import pending_collections
from app.store.log.relay import Relay
from app.store.open import collections
from tests.auth.world import KINDS, UUID, running_world, seen, unknown_ids
from tests.store.log.conftest import CONFIG, an_event, pend

ROUTES = ("changes", "snapshot")
NAMES = ("acme", "globex")


@pytest.fixture(scope="module")
def world(mongod):
    with running_world(mongod) as made:
        for name in NAMES:
            home = made.homes[name]
            tenant_id = made.tenants.require(name).tenant_id
            event = an_event(tenant=name, tenantId=tenant_id, resource={"type": "User", "id": home.ids["user"], "name": f"ann-{name}"})
            pend(made.database, "users", home.ids["user"], event, tenant=name)
            home.ids["event"] = event["_id"]
        Relay(made.database, pending_collections(collections(CONFIG))).drain()
        yield made


def read(world, path, token):
    return world.ask("GET", path, token=token)


def ids_in(answer):
    return set(UUID.findall(answer.get_data(as_text=True)))


def test_ev_138_these_are_all_the_routes(world):
    rules = {rule.rule for rule in world.app.url_map.iter_rules() if re.search(r"changes|snapshot|feed|streams", rule.rule)}
    rules = {rule for rule in rules if not rule.startswith("/console")}  # pages, which consumers cannot open
    rules.remove("/<tenant>/streams/<stream>/poll")  # in tests/delivery/test_polling.py
    assert rules == {path for route in ROUTES for path in (f"/{route}", f"/<tenant>/{route}")}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_ev_138_a_consumer_of_one_tenant_reads_that_one(world, name, kind, route):
    home, [other] = world.homes[name], [world.homes[each] for each in NAMES if each != name]
    token = home.consumers[kind]
    own = read(world, f"/{name}/{route}?limit=1000", token)
    assert own.status_code == 200, own.data
    assert ids_in(own) & set(home.ids.values())
    assert not ids_in(own) & set(other.ids.values())
    assert other.name not in own.get_data(as_text=True)
    refusals = [
        read(world, path, token)
        for path in (f"/{route}", f"/{other.name}/{route}", f"/nobody/{route}", f"/-/{route}", f"/*/{route}")
    ]
    assert {answer.status_code for answer in refusals} == {401}
    assert len({seen(answer, {}) for answer in refusals}) == 1


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", KINDS)
def test_ev_138_what_entra_has_opens_no_feed(world, kind, route):
    token = world.acme.credentials[kind]
    assert read(world, "Users", token).status_code == 200
    answer = read(world, f"/acme/{route}", token)
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="events.read"'
    assert not ids_in(answer)
    for path in (f"/{route}", f"/globex/{route}", f"/nobody/{route}"):
        assert read(world, path, token).status_code == 401


@pytest.mark.parametrize("kind", KINDS)
def test_ev_138_a_consumer_opens_no_scim(world, kind):
    for path in ("Users", f"Users/{world.acme.ids['user']}", "Groups", "Me", "Schemas"):
        answer = read(world, path, world.acme.consumers[kind])
        assert answer.status_code == 403, path
        assert not ids_in(answer) & set(world.acme.ids.values())
    assert read(world, "/globex/scim/v2/Users", world.acme.consumers[kind]).status_code == 401


@pytest.mark.parametrize("route", ROUTES)
def test_ev_138_a_token_of_all_tenants_reads_each_and_all(world, route):
    answer = read(world, f"/{route}?limit=1000", world.all_tenants)
    assert answer.status_code == 200
    for name in NAMES:
        own = read(world, f"/{name}/{route}?limit=1000", world.all_tenants)
        assert own.status_code == 200
        [other] = [each for each in NAMES if each != name]
        assert ids_in(own) & set(world.homes[name].ids.values())
        assert not ids_in(own) & set(world.homes[other].ids.values())
        assert world.homes[name].ids["user"] in ids_in(answer)
    for nobody in ("nobody", "-", "*"):
        assert read(world, f"/{nobody}/{route}", world.all_tenants).status_code == 401


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("token", [None, "garbage", "scimd_" + "0" * 12 + "_" + "0" * 64])
def test_ev_138_without_a_credential_a_tenant_and_none_look_alike(world, route, token):
    answers = [read(world, path, token) for path in (f"/{route}", f"/acme/{route}", f"/nobody/{route}")]
    assert {answer.status_code for answer in answers} == {401}
    assert len({seen(answer, {}) for answer in answers}) == 1


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_ev_138_other_methods_do_nothing_and_tell_nothing(world, route, method):
    for token in (None, world.globex.consumers["token"], world.all_tenants):
        answers = [world.ask(method, f"/{name}/{route}", token=token, body="{}") for name in ("acme", "nobody")]
        assert len({seen(answer, {}).replace("acme", "nobody") for answer in answers}) == 1
        assert answers[0].status_code == (204 if method == "OPTIONS" else 405)


def test_ev_138_a_place_in_one_feed_is_none_in_another(world):
    mine, theirs = world.acme.consumers["token"], world.globex.consumers["token"]
    cursor = read(world, "/acme/changes", mine).json["cursor"]
    page = read(world, "/acme/snapshot?limit=1", mine).json["page"]
    for path, token in (("/globex", theirs), ("", world.all_tenants)):
        lost = read(world, f"{path}/changes?after={cursor}", token)
        assert lost.status_code == 410
        assert f'<{path}/snapshot>; rel="snapshot"' == lost.headers["Link"]
        assert read(world, f"{path}/snapshot?page={page}", token).status_code == 400


def test_ev_138_the_members_of_anothers_group_are_those_of_no_group(world):
    nobody, token = unknown_ids(world.acme.ids), world.globex.consumers["token"]
    answers = [read(world, f"/globex/snapshot?group={ids['group']}", token) for ids in (world.acme.ids, nobody)]
    assert seen(answers[0], world.acme.ids) == seen(answers[1], nobody)
    assert answers[0].status_code == 404


def test_ev_138_an_event_that_names_anothers_resource_does_not_show_it(world):
    tenant_id = world.tenants.require("globex").tenant_id
    resource = {"type": "User", "id": world.acme.ids["user"], "name": "ann"}
    event = an_event(tenant="globex", tenantId=tenant_id, resource=resource)
    pend(world.database, "users", world.globex.ids["user"], event, tenant="globex")
    Relay(world.database, pending_collections(collections(CONFIG))).drain()
    answer = read(world, "/globex/changes?resource=current&limit=1000", world.globex.consumers["token"])
    shown = {each["id"]: each["data"]["resource"] for each in answer.json["events"]}
    assert shown[event["_id"]] is None
    assert shown[world.globex.ids["event"]]["id"] == world.globex.ids["user"]


def test_ev_80_the_log_of_no_tenant_says_why_a_consumer_of_all_is_refused(world):
    refused = world.acme.consumers["token"]
    assert read(world, "/changes", refused).status_code == 401
    line = world.database.db.events.find_one({"tenant": "-", "resource.name": "*"}, sort=[("time", -1), ("_id", -1)])
    assert (line["operation"], line["status"]) == ("authenticate", 401)
    assert f"token: of another tenant (id {refused.split('_')[1]}" in line["detail"]
    assert refused.rpartition("_")[2] not in repr(line)
