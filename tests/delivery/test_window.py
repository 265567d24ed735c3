"""The window: which events may be sent, whatever touches what."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.delivery.sending.window import Item, Window
from app.store.delivery.endpoint import Endpoint
from app.store.delivery.put_aside import BEHIND
from app.store.delivery.requests import put_aside
from app.store.delivery.touched import Passed, Touched, touched_by
from app.store.mongo.moments import now
from tests.examples import examples

ENDPOINT = Endpoint(id="ep_1", tenant="*", form="webhook", created=now(), since=now(), place=0)
MOMENT = now()


def event(seq: int, resource: str, tenant: str = "contoso", **fields: Any) -> dict[str, Any]:
    return {
        "_id": f"e{seq}", "seq": seq, "tenant": tenant, "type": "scimd.user.updated", "time": MOMENT,
        "resource": {"type": "User", "id": resource}, **fields,
    }


def ready(window: Window) -> list[str]:
    return [item.event for item in window.ready(MOMENT)]


def taken(*documents: dict[str, Any]) -> Window:
    window = Window(0, (), ())
    for document in documents:
        window.read(document)
    return window


def test_ev_95_an_event_touches_its_resource_and_the_members_and_groups_that_it_names() -> None:
    members = {"added": ["a"], "removed": ["b"], "addedCount": 1, "removedCount": 1}
    assert touched_by(event(1, "g1", members=members)) == Touched("contoso", frozenset({"g1", "a", "b"}))
    assert touched_by(event(1, "u1", groups=["g1"], groupsCount=1)) == Touched("contoso", frozenset({"u1", "g1"}))
    assert touched_by(event(1, "u1", groups=["g1"], groupsCount=2)) == Touched("contoso")
    assert touched_by(event(1, "g1", members=members | {"truncated": True})) == Touched("contoso")
    assert touched_by(event(1, "contoso", tenant="-")) == Touched("contoso")


def test_ev_95_a_deletion_does_not_overtake_what_adds_the_member() -> None:
    window = taken(event(1, "g1", members={"added": ["u1"]}), event(2, "u1", groups=["g1"], groupsCount=1), event(3, "u2"))
    assert ready(window) == ["e1", "e3"]


def test_ev_95_an_event_that_touches_all_goes_alone() -> None:
    window = taken(event(1, "u1"), event(2, "g1", members={"truncated": True}), event(3, "u2"), event(4, "u3", "fabrikam"))
    assert ready(window) == ["e1", "e4"]
    window.remove(next(iter(window)))
    assert ready(window) == ["e2", "e4"]


def test_ev_96_the_place_is_before_the_first_event_that_is_open() -> None:
    window = taken(event(3, "u1"), event(5, "u2"), event(9, "u3"))
    first, second, third = window
    assert (window.place, window.done) == (2, [])
    window.remove(second)
    assert (window.place, window.done) == (2, [5])
    window.put(third, put_aside(ENDPOINT, third.document or {}))
    assert (window.place, window.done) == (2, [5, 9])
    window.remove(first)
    window.reached = 12
    assert (window.place, window.done) == (12, [])


def test_ev_96_what_is_done_is_not_read_again() -> None:
    window = Window(2, [5], [])
    for document in (event(3, "u1"), event(5, "u2")):
        window.read(document)
    assert ready(window) == ["e3"]
    assert window.reached == 5


def test_ev_97_what_touches_an_event_that_was_put_aside_waits_behind_it() -> None:
    window = taken(event(1, "u1"), event(2, "u2"), event(3, "u1", members={"added": ["u3"]}), event(4, "u3"))
    first = next(iter(window))
    window.put(first, put_aside(ENDPOINT, first.document or {}))
    assert [item.event for item in window.behind()] == ["e3", "e4"]


def test_ev_97_an_event_that_was_put_aside_waits_for_its_time() -> None:
    window = taken(event(1, "u1"))
    (item,) = window
    window.put(item, put_aside(ENDPOINT, item.document or {}))
    assert list(window.ready(MOMENT - timedelta(seconds=1))) == []
    assert list(window.ready(MOMENT - timedelta(seconds=1), early=True)) == [item]
    assert list(window.ready(now() + timedelta(seconds=1))) == [item]


IDS = st.sets(st.sampled_from("abcdef"), max_size=3)
TOUCHED = st.builds(lambda tenant, ids: (tenant, sorted(ids)), st.sampled_from(["contoso", "fabrikam"]), IDS)


def meets(one: Touched, other: Touched) -> bool:
    """Return whether two events touch the same, said as plainly as can be."""
    return one.tenant == other.tenant and (not one.ids or not other.ids or bool(one.ids & other.ids))


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(TOUCHED, max_size=12), st.integers(0, 2**32))
def test_ev_95_97_whatever_happens_each_resource_gets_its_events_in_order(rows: list[Any], seed: int) -> None:
    chance = random.Random(seed)
    window, log, under_way = Window(0, (), ()), [], []
    touched = {}
    for seq, (tenant, ids) in enumerate(rows, 1):
        # Names are of one tenant: ids of resources are those of no other.
        names = [f"{tenant} {each}" for each in ids]
        members = {"members": {"truncated": True}} if not ids else {"members": {"added": names[1:]}}
        document = event(seq, names[0] if names else f"{tenant} g", tenant, **members)
        touched[f"e{seq}"] = touched_by(document)
        window.read(document)
    for _ in range(2_000):
        choices: list[Item] = list(window.ready(now(), early=True))
        if not list(window):
            break
        if under_way and (not choices or chance.random() < 0.5):
            item = under_way.pop(chance.randrange(len(under_way)))
            item.is_sent = False
            if chance.random() < 0.3:
                aside = put_aside(ENDPOINT, event(item.seq, "any"))
                window.put(item, replace(aside, touched=item.touched, next=MOMENT))
                for each in window.behind():
                    window.put(each, put_aside(ENDPOINT, each.document or {}, state=BEHIND))
            else:
                window.remove(item)
                log.append(item.event)
        elif choices:
            item = chance.choice(choices)
            assert not any(meets(item.touched, other.touched) for other in under_way), "two at once"
            item.is_sent = True
            under_way.append(item)
    assert sorted(log) == sorted(touched), "each is delivered once"
    for later, name in enumerate(log):
        for before in log[:later]:
            assert int(before[1:]) < int(name[1:]) or not meets(touched[before], touched[name]), "in order"
    assert window.place == len(rows)


def test_passed_agrees_with_the_plain_rule() -> None:
    one, all_, other = Touched("a", frozenset({"x"})), Touched("a"), Touched("b", frozenset({"y"}))
    for before in (one, all_, other):
        passed = Passed()
        passed.add(before)
        for touched in (one, all_, other):
            assert passed.meets(touched) == meets(before, touched)
