"""The feed: pages of numbered events, their order, their bounds, and the places that are lost."""

from __future__ import annotations

import itertools

from app.feed.elements import MOST_BYTES
from app.store.log.sequence import MOST_EXAMINED
from tests.feed.conftest import World
from tests.tenants import delete_for_good


def test_ev_70_a_page_has_events_a_cursor_and_whether_there_are_more(world: World) -> None:
    acme = world.tenant("acme")
    events = [world.event(acme) for _ in range(5)]
    world.number(*events)
    first = world.page("/acme/changes?limit=3")
    assert [event["id"] for event in first["events"]] == [event["_id"] for event in events[:3]]
    assert first["more"] is True
    assert first["cursor"] == first["events"][-1]["cursor"]
    second = world.page(f"/acme/changes?limit=3&after={first['cursor']}")
    assert [event["id"] for event in second["events"]] == [event["_id"] for event in events[3:]]
    assert second["more"] is False
    empty = world.page(f"/acme/changes?after={second['cursor']}")
    assert (empty["events"], empty["more"], empty["cursor"]) == ([], False, second["cursor"])


def test_ev_70_a_page_of_exactly_the_limit_does_not_promise_more(world: World) -> None:
    world.number(world.event(world.tenant("acme")))
    assert world.page("/acme/changes?limit=1")["more"] is False


def test_ev_70_the_limit_is_a_hundred_unless_the_request_says_otherwise(world: World) -> None:
    acme = world.tenant("acme")
    world.number(*(world.event(acme) for _ in range(1_001)))
    assert len(world.ids("/acme/changes")) == 100
    assert len(world.ids("/acme/changes?limit=1000")) == 1_000
    assert len(world.ids("/acme/changes?limit=1")) == 1


def test_ev_70_a_page_ends_at_4_mib(world: World) -> None:
    acme = world.tenant("acme")
    large = [world.event(acme, changes=[{"attribute": "title", "new": "x" * (MOST_BYTES // 3)}]) for _ in range(5)]
    world.number(*large)
    page = world.page("/acme/changes")
    assert len(page["events"]) == 3
    assert page["more"] is True
    assert world.ids(f"/acme/changes?after={page['cursor']}") == [event["_id"] for event in large[3:]]


def test_ev_71_without_a_cursor_from_the_oldest_that_is_kept(world: World) -> None:
    acme = world.tenant("acme")
    numbers = world.number(*(world.event(acme) for _ in range(4)))
    world.database.db.events.delete_many({"seq": {"$lte": numbers[1]}})
    world.lease(horizon=numbers[1])
    assert len(world.ids("/acme/changes")) == 2
    world.database.db.leases.delete_many({})
    world.database.db.events.delete_many({})
    assert world.page("/acme/changes") == {"events": [], "cursor": f"0.{acme.tenant_id}", "more": False}


def test_ev_71_now_is_the_present_cursor(world: World) -> None:
    acme = world.tenant("acme")
    world.number(world.event(acme))
    page = world.page("/acme/changes?after=now")
    assert (page["events"], page["more"]) == ([], False)
    later = world.event(acme)
    world.number(later)
    assert world.ids(f"/acme/changes?after={page['cursor']}") == [later["_id"]]


def test_ev_72_types(world: World) -> None:
    acme = world.tenant("acme")
    kinds = ["user.created", "user.updated", "group.created", "group.members_changed", "userx.created"]
    world.number(*(world.event(acme, kind) for kind in kinds))

    def found(types: str) -> list[str]:
        return [event["type"].removeprefix("scimd.") for event in world.page(f"/acme/changes?types={types}")["events"]]

    assert found("scimd.user.*") == kinds[:2]
    assert found("scimd.user.created,scimd.group.*") == ["user.created", "group.created", "group.members_changed"]
    assert found("*") == kinds
    assert found("scimd.user.created,*") == kinds
    assert found("scimd.userXcreated") == []
    assert found("scimd.user") == []


def test_ev_72_the_cursor_moves_past_what_does_not_match(world: World) -> None:
    acme = world.tenant("acme")
    world.number(*(world.event(acme, "user.updated") for _ in range(20)))
    page = world.page("/acme/changes?types=scimd.group.*")
    assert (page["events"], page["more"]) == ([], False)
    last = world.event(acme, "user.deleted")
    world.number(last)
    assert world.ids(f"/acme/changes?after={page['cursor']}") == [last["_id"]]


def test_ev_72_one_answer_goes_through_10_000_events(world: World) -> None:
    acme = world.tenant("acme")
    world.number(*(world.event(acme, "user.updated") for _ in range(MOST_EXAMINED + 50)))
    last = world.event(acme, "group.created")
    world.number(last)
    page = world.page("/acme/changes?types=scimd.group.*")
    assert (page["events"], page["more"]) == ([], True)
    assert page["cursor"] == f"{MOST_EXAMINED}.{acme.tenant_id}"
    assert world.ids(f"/acme/changes?types=scimd.group.*&after={page['cursor']}") == [last["_id"]]


def test_ev_72_filters_may_change_between_pages(world: World) -> None:
    acme = world.tenant("acme")
    events = [world.event(acme, kind) for kind in ("user.created", "group.created", "user.deleted")]
    world.number(*events)
    page = world.page("/acme/changes?types=scimd.user.*&limit=1")
    assert world.ids(f"/acme/changes?after={page['cursor']}") == [event["_id"] for event in events[1:]]


def test_ev_73_a_cursor_is_letters_digits_and_a_dot(world: World) -> None:
    acme = world.tenant("acme")
    world.number(world.event(acme), world.event(acme))
    for path in ("/acme/changes", "/changes"):
        page = world.page(path)
        for cursor in (page["cursor"], *(event["cursor"] for event in page["events"])):
            assert cursor.replace(".", "", 1).isalnum()
            assert cursor.isascii()


def test_ev_73_the_cursor_of_an_event_is_the_place_behind_it(world: World) -> None:
    acme, events = world.tenant("acme"), []
    for _ in range(3):
        events.append(world.event(acme))
        world.number(events[-1], skip=5)
    for path in ("/acme/changes", "/changes"):
        cursors = [event["cursor"] for event in world.page(path)["events"]]
        for number, cursor in enumerate(cursors, 1):
            assert world.ids(f"{path}?after={cursor}") == [event["_id"] for event in events[number:]]


def test_ev_74_the_same_request_gets_the_same_events(world: World) -> None:
    acme = world.tenant("acme")
    world.number(*(world.event(acme) for _ in range(10)))
    first = world.page("/acme/changes?limit=4")
    again = f"/acme/changes?limit=4&after={first['cursor']}"
    before = world.page(again)
    world.number(*(world.event(acme) for _ in range(10)))
    assert world.page(again) == before


def test_ev_74_events_beyond_the_published_number_are_not_seen(world: World) -> None:
    acme = world.tenant("acme")
    world.number(world.event(acme))
    early = world.event(acme) | {"seq": 2}
    world.database.db.events.insert_one(early)
    for path in ("/acme/changes", "/changes", "/acme/changes?types=scimd.user.*"):
        page = world.page(path)
        assert len(page["events"]) == 1
        assert page["cursor"].startswith("1.")
    world.lease(published=2)
    assert world.ids(f"/acme/changes?after={page['cursor']}") == [early["_id"]]


def test_a_tenant_sees_its_own_events_only(world: World) -> None:
    acme, globex = world.tenant("acme"), world.tenant("globex")
    ours, theirs = world.event(acme), world.event(globex)
    about = world.event(globex, "tenant.suspended", "globex") | {"tenant": "-"}
    world.number(ours, theirs, about)
    assert world.ids("/acme/changes") == [ours["_id"]]
    assert world.ids("/globex/changes") == [theirs["_id"]]
    assert world.ids("/changes") == [ours["_id"], theirs["_id"], about["_id"]]


def test_a_tenant_does_not_see_events_of_an_earlier_one_with_its_name(world: World) -> None:
    old = world.tenant("acme")
    delete_for_good(world.database, "acme")
    left = world.event(old)
    new = world.tenant("acme")
    own = world.event(new)
    world.number(left, own)
    assert old.tenant_id != new.tenant_id
    assert world.ids("/acme/changes") == [own["_id"]]


# Places that are lost.


def refused(world: World, path: str) -> str:
    """Check that a place is refused as lost, with the way to the snapshot; return the reason."""
    answer = world.get(path)
    assert answer.status_code == 410, answer.get_data(as_text=True)
    assert answer.content_type == "application/scim+json"
    tenant = path.split("/")[1] if path.count("/") > 1 else ""
    assert answer.headers["Link"] == f'<{f"/{tenant}" if tenant else ""}/snapshot>; rel="snapshot"'
    detail = answer.get_json()["detail"]
    assert "take a snapshot" in detail
    return str(detail)


def test_ev_51_a_cursor_below_the_horizon(world: World) -> None:
    acme = world.tenant("acme")
    world.number(*(world.event(acme) for _ in range(5)))
    world.lease(horizon=3)
    for path, scope in (("/acme/changes", acme.tenant_id), ("/changes", "all")):
        assert "no longer kept" in refused(world, f"{path}?after=2.{scope}")
        assert len(world.ids(f"{path}?after=3.{scope}")) == 2


def test_ev_51_a_cursor_inside_a_break(world: World) -> None:
    acme = world.tenant("acme")
    world.number(*(world.event(acme) for _ in range(5)))
    world.lease(published=1_000, breaks=[{"from": 5, "to": 1_000}, {"from": 2_000, "to": 3_000}])
    after = world.event(acme)
    world.number(after)
    for path, scope in (("/acme/changes", acme.tenant_id), ("/changes", "all")):
        assert "database was restored" in refused(world, f"{path}?after=6.{scope}")
        assert "database was restored" in refused(world, f"{path}?after=999.{scope}")
        assert world.ids(f"{path}?after=5.{scope}") == [after["_id"]]
        assert world.ids(f"{path}?after=1000.{scope}") == [after["_id"]]


def test_ev_51_a_cursor_beyond_what_was_given_out(world: World) -> None:
    acme = world.tenant("acme")
    world.number(world.event(acme))
    for path, scope in (("/acme/changes", acme.tenant_id), ("/changes", "all")):
        assert "does not have" in refused(world, f"{path}?after=2.{scope}")
        assert world.ids(f"{path}?after=1.{scope}") == []
    world.database.db.leases.delete_many({})
    assert "does not have" in refused(world, f"/acme/changes?after=1.{acme.tenant_id}")


def test_ev_51_a_cursor_of_another_tenant(world: World) -> None:
    acme, globex = world.tenant("acme"), world.tenant("globex")
    world.number(world.event(acme), world.event(globex))
    assert "another tenant" in refused(world, f"/acme/changes?after=1.{globex.tenant_id}")
    assert "another tenant" in refused(world, "/acme/changes?after=1.all")
    assert "of one tenant" in refused(world, f"/changes?after=1.{acme.tenant_id}")


def test_ev_51_a_cursor_of_a_tenant_that_was_made_anew(world: World) -> None:
    old = world.tenant("acme")
    world.number(world.event(old))
    cursor = world.page("/acme/changes")["cursor"]
    delete_for_good(world.database, "acme")
    world.tenant("acme")
    assert "an earlier one with this name" in refused(world, f"/acme/changes?after={cursor}")


NO_CURSORS = [
    "", "x", "1", "1.", ".all", "1.all.", "1.ALL", "-1.all", "1.xyz", "01.all", "1.all\n", "1 .all", "12345678901234567.all", "NOW", "²1.all",
    "1.%D8%A9",
]


def test_ev_76_text_that_is_no_cursor(world: World) -> None:
    world.tenant("acme")
    for cursor, path in itertools.product(NO_CURSORS, ("/acme/changes", "/changes")):
        answer = world.http.get(
            path, query_string={"after": cursor},
            headers={"Authorization": f"Bearer {world.tokens['acme'] if 'acme' in path else world.everyone}"},
        )
        assert answer.status_code == 400, cursor
        assert answer.get_json()["detail"].startswith("after: "), cursor


OUT_OF_BOUNDS = [
    "limit=0", "limit=1001", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=99999999999999999999", "wait=16", "wait=-1", "wait=1.5",
    "wait=x", "types=", "types=a b", "types=scimd.*.created", "types=,", "types=user.created", "types=scimd.user.*,group.*",
    "resource=past", "resource=", "limit=1&limit=2", "after=now&after=now",
    "type=scimd.user.created", "count=5", "limit=%D9%A1",
]


def test_ev_76_parameters_out_of_bounds(world: World) -> None:
    world.tenant("acme")
    for query, path in itertools.product(OUT_OF_BOUNDS, ("/acme/changes", "/changes")):
        answer = world.get(f"{path}?{query}")
        assert answer.status_code == 400, query
        assert answer.content_type == "application/scim+json"
