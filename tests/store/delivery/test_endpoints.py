"""Endpoints and what is put aside for them, as they are stored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.config import Config
from app.errors import NotFound
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.delivery.delivery_lease import DeliveryLease, sender
from app.store.delivery.endpoint import ED25519, OFF, ON, Endpoint, SigningKey
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.progress import Progress, Step
from app.store.delivery.put_aside import BEHIND, GIVEN_UP, PutAside, PutAsides
from app.store.delivery.requests import resend, send_test
from app.store.delivery.touched import Touched
from app.store.log.lease import Deposed
from app.store.mongo.database import Database
from app.store.mongo.moments import now
from app.store.open import prepare
from tests.tenants import delete_for_good


@pytest.fixture
def database(reused_database: Database) -> Database:
    prepare(Config.from_environment({}), reused_database)
    return reused_database


@pytest.fixture
def endpoint(database: Database) -> Endpoint:
    key = SigningKey(kind=ED25519, private="sealed", public="whpk_1", created=now(), until=now())
    return Endpoints(database).create(
        "contoso", place=7, url="https://example.com/", types=("scimd.user.*",), keys=(key,), parallel=3
    )


def aside(endpoint: Endpoint, event: str, seq: int, **fields: object) -> PutAside:
    fields = {"touched": Touched("contoso", frozenset({"u1"})), "next": now(), "time": now()} | fields
    return PutAside(endpoint=endpoint.id, event=event, seq=seq, tenant="contoso", type="scimd.user.updated", **fields)  # type: ignore[arg-type]


def test_ev_90_an_endpoint_is_stored_and_comes_back(database: Database, endpoint: Endpoint) -> None:
    endpoints = Endpoints(database)
    everyone = endpoints.create(ALL_TENANTS, "poll", place=1, audience="them", authorization="sealed")
    assert endpoints.get(endpoint.id) == endpoint
    assert endpoints.of("contoso") == [endpoint]
    assert endpoints.of(ALL_TENANTS) == [everyone]
    assert endpoints.all() == [everyone, endpoint]
    assert endpoints.get("ep_none") is None


def test_an_endpoint_of_an_earlier_version_comes_back(database: Database, endpoint: Endpoint) -> None:
    database.db.endpoints.update_one({"_id": endpoint.id}, {"$unset": {"current": ""}})
    assert Endpoints(database).get(endpoint.id) == endpoint
    assert Endpoints(database).change(endpoint.id, current=True).current


def test_ev_90_settings_are_changed_and_raise_the_revision(database: Database, endpoint: Endpoint) -> None:
    changed = Endpoints(database).change(endpoint.id, url="https://example.org/", types=(), keys=(), parallel=1)
    assert (changed.url, changed.types, changed.keys, changed.parallel) == ("https://example.org/", (), (), 1)
    assert changed.revision == endpoint.revision + 1
    with pytest.raises(NotFound):
        Endpoints(database).change("ep_none", parallel=1)


def test_ev_99_an_endpoint_is_turned_off_and_on_again(database: Database, endpoint: Endpoint) -> None:
    endpoints = Endpoints(database)
    off = endpoints.disable(endpoint.id, "turned off by root")
    assert (off.state, off.reason, off.place) == (OFF, "turned off by root", 7)
    on = endpoints.enable(endpoint.id)
    assert (on.state, on.reason, on.place, on.turn) == (ON, "", 7, endpoint.turn + 2)
    asides = PutAsides(database)
    asides.put(aside(endpoint, "e6", 6))
    asides.put(aside(endpoint, "e5", 5, state=GIVEN_UP))
    endpoints.enable(endpoint.id)
    assert len(asides.of(endpoint.id)) == 2
    assert endpoints.enable(endpoint.id, place=9).place == 9
    assert [each.event for each in asides.of(endpoint.id)] == ["e5"], "the rest is left out"


def test_d_714_what_waits_is_due_at_once_when_an_endpoint_is_turned_on_or_gets_another_url(
    database: Database, endpoint: Endpoint
) -> None:
    endpoints, asides = Endpoints(database), PutAsides(database)
    tomorrow = now() + timedelta(days=1)
    for mend in (lambda: endpoints.enable(endpoint.id), lambda: endpoints.change(endpoint.id, url="https://a.example/")):
        asides.put(aside(endpoint, "e6", 6, next=tomorrow, attempts=9))
        asides.put(aside(endpoint, "e5", 5, next=tomorrow, state=GIVEN_UP))
        database.db.endpoints.update_one({"_id": endpoint.id}, {"$set": {"next": tomorrow}})
        changed = mend()
        waits, given_up = asides.get(endpoint.id, "e6"), asides.get(endpoint.id, "e5")
        assert changed.next is None
        assert waits and waits.next <= now()
        assert waits.attempts == 9
        assert given_up and given_up.next > now()
    asides.put(aside(endpoint, "e6", 6, next=tomorrow))
    endpoints.change(endpoint.id, parallel=1)
    waits = asides.get(endpoint.id, "e6")
    assert waits and waits.next > now()


def test_ev_101_a_place_that_is_set_back_takes_in_what_was_put_aside(database: Database, endpoint: Endpoint) -> None:
    asides = PutAsides(database)
    asides.put(aside(endpoint, "e6", 6))
    asides.put(aside(endpoint, "e8", 8, state=BEHIND))
    assert Endpoints(database).set_place(endpoint.id, 6).place == 6
    assert [each.event for each in asides.of(endpoint.id)] == ["e6"]


def test_ev_97_what_is_put_aside_comes_back_and_is_counted(database: Database, endpoint: Endpoint) -> None:
    asides = PutAsides(database)
    rows = [
        aside(endpoint, "e1", 1, next=now() + timedelta(seconds=9), attempts=2, status=500, reason="answered 500"),
        aside(endpoint, "e2", 2, state=BEHIND),
        aside(endpoint, "e3", 3, state=GIVEN_UP, forget=now()),
        aside(endpoint, "e0", 0, document={"type": "scimd.test"}),
    ]
    for row in rows:
        asides.put(row)
    assert asides.of(endpoint.id) == [rows[3], *rows[:3]]
    assert asides.get(endpoint.id, "e2") == rows[1]
    assert asides.numbers(endpoint.id) == {"waiting": 2, "behind": 1, "given up": 1}


def test_an_endpoint_is_deleted_with_what_was_put_aside(database: Database, endpoint: Endpoint) -> None:
    PutAsides(database).put(aside(endpoint, "e1", 1))
    Endpoints(database).delete(endpoint.id)
    assert Endpoints(database).all() == PutAsides(database).of(endpoint.id) == []
    with pytest.raises(NotFound):
        Endpoints(database).delete(endpoint.id)


def test_a_tenant_is_deleted_with_its_endpoints(database: Database) -> None:
    Tenants(database).create("contoso", "gallery")
    own = Endpoints(database).create("contoso", place=0)
    everyone = Endpoints(database).create(ALL_TENANTS, place=0)
    PutAsides(database).put(aside(own, "e1", 1))
    PutAsides(database).put(aside(everyone, "e1", 1))
    delete_for_good(database, "contoso")
    assert Endpoints(database).all() == [everyone]
    assert PutAsides(database).of(own.id) == PutAsides(database).of(everyone.id) == []


def test_ev_95_one_process_has_the_lease(database: Database) -> None:
    first, second = DeliveryLease(database), DeliveryLease(database)
    assert sender(database) is None
    assert first.take()
    assert not second.take()
    assert sender(database) is not None
    first.give_back()
    assert sender(database) is None
    assert second.take()
    with pytest.raises(Deposed):
        first.seconds_left()
    assert second.seconds_left() > 0


def test_ev_95_a_lease_that_another_process_took_cannot_be_prolonged(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.delivery.delivery_lease.PROLONG_SECONDS", 0)
    first, second = DeliveryLease(database), DeliveryLease(database)
    assert first.take()
    first.prolong()
    database.db.leases.update_one({"_id": "deliveries"}, [{"$set": {"until": "$$NOW"}}])
    assert second.take()
    with pytest.raises(Deposed):
        first.prolong()


def test_ev_95_what_a_killed_sender_has_begun_holds_nobody(database: Database, endpoint: Endpoint) -> None:
    killed, next_one = DeliveryLease(database), DeliveryLease(database)
    assert killed.take()
    session = killed.session()
    session.start_transaction()
    database.db.endpoints.update_one({"_id": endpoint.id}, {"$set": {"place": 9}}, session=session)
    database.db.leases.update_one({"_id": "deliveries"}, [{"$set": {"until": "$$NOW"}}])
    assert next_one.take()
    with database.budget(5):  # MongoDB itself would end the transaction after 12 to 18 seconds
        assert Endpoints(database).change(endpoint.id, parallel=1).place == 7
    assert next_one.session().session_id != killed.session().session_id
    next_one.give_back()
    assert database.db.leases.find_one({"_id": "deliveries"})["session"] is None
    with pytest.raises(Deposed):
        next_one.session()


def test_ev_101_a_test_event_is_put_aside_for_the_sender(database: Database, endpoint: Endpoint) -> None:
    test = send_test(database, endpoint)
    assert PutAsides(database).of(endpoint.id) == [test]
    assert test.document is not None
    assert (test.seq, test.type, test.document["resource"]["id"]) == (0, "scimd.test", endpoint.id)
    revised = Endpoints(database).get(endpoint.id)
    assert revised is not None
    assert revised.revision == endpoint.revision + 1


def test_d_713_a_test_event_names_the_tenant_of_its_endpoint(database: Database) -> None:
    tenant = Tenants(database).create("contoso", "interop")
    endpoints, url = Endpoints(database), "https://app.example.com/hook"
    tests = [send_test(database, endpoints.create(name, place=0, url=url)) for name in ("contoso", ALL_TENANTS)]
    events = [test.document for test in tests if test.document]
    assert [(each["tenant"], each["tenantId"]) for each in events] == [("contoso", tenant.tenant_id), ("*", "")]


def test_ev_101_an_event_is_put_aside_to_be_sent_again(database: Database, endpoint: Endpoint) -> None:
    resource = {"type": "User", "id": "u1", "name": "jane"}
    event = {"_id": "e1", "tenant": "contoso", "seq": 3, "type": "scimd.user.created", "time": now(), "resource": resource}
    database.db.events.insert_many([event, event | {"_id": "e2", "tenant": "other", "seq": 4}])
    again = resend(database, endpoint, "e1")
    assert PutAsides(database).of(endpoint.id) == [again]
    assert (again.state, again.attempts, again.touched) == ("waiting", 0, Touched("contoso", frozenset({"u1"})))
    with pytest.raises(NotFound):
        resend(database, endpoint, "e2")
    everyone = Endpoints(database).create(ALL_TENANTS, place=9)
    assert resend(database, everyone, "e2").seq == 4


def test_ev_95_a_turn_that_is_over_writes_nothing(database: Database, endpoint: Endpoint) -> None:
    progress = Progress(database)
    mine, theirs = progress.claim(endpoint.id), progress.claim(endpoint.id)
    assert mine is not None
    assert theirs is not None
    step = Step(fields={"place": 9, "next": now()}, delivered=2, put=[aside(endpoint, "e8", 8)])
    assert not progress.write(mine, step)
    assert PutAsides(database).of(endpoint.id) == []
    assert progress.write(theirs, step)
    assert progress.write(theirs, Step(fields={"next": None}, gone=[f"{endpoint.id} e8"]))
    written = Endpoints(database).get(endpoint.id)
    assert written is not None
    assert (written.place, written.next, written.delivered) == (9, None, 2)
    assert PutAsides(database).of(endpoint.id) == []


def test_ev_96_an_endpoint_that_is_off_is_not_claimed(database: Database, endpoint: Endpoint) -> None:
    progress = Progress(database)
    Endpoints(database).create("contoso", "poll", place=0)
    assert list(progress.live()) == [endpoint.id]
    Endpoints(database).disable(endpoint.id, "turned off")
    assert progress.live() == {}
    assert progress.claim(endpoint.id) is None
