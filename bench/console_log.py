"""The lines of a long log: mostly changes of the large customer, some refusals, and some requests to no customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.errors import Problem
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.log.event import MOST_LISTED, MOST_MEMBERS, Actor, Event, document_of
from app.store.log.events import NO_TENANT
from app.store.mongo.moments import now
from bench import people
from bench.people import Population

LOG = timedelta(days=85)
"""The time that the log covers."""
KEPT = timedelta(days=90)
BUSY = 0
"""The user of the large customer who has more lines than any other."""
_ACTOR = Actor("f0c4a7e9d1b2", "6f8c2a51-4f0a-4b7e-9d0a-2f1c3b5a7e90")
_CAUSES = (("required", "name.givenName"), ("taken", "userName"), ("wrong-type", "emails"))


def lines(number: int, large: Population, small: Sequence[Population]) -> Iterator[dict[str, Any]]:
    """Yield so many lines in the order of their times, the last one now."""
    end = now()
    for place in range(number):
        time = end - LOG * (number - place) / number
        others = small and place % 7 == 0
        yield _line(place, time, small[place // 7 % len(small)] if others else large)


def _line(place: int, time: datetime, population: Population) -> dict[str, Any]:
    event = _event(place, population)
    tenant = NO_TENANT if event.operation == "request" else population.name
    document = document_of(event, tenant, _ACTOR, values=True) | {"time": time}
    if event.status >= 400:
        return document | {"expires": time + KEPT}
    moved = {"until": time + KEPT, "type": event.type, "tenantId": "19c0a4c3b2f", "version": event.version}
    return document | moved | {"seq": place + 1}


def _event(place: int, population: Population) -> Event:
    """Return what happened: of a hundred, one refusal, ten changes of groups, and changes of users."""
    if place % 1_000 == 8:
        return Event("request", status=401, cause="unknown", detail="There is no tenant 'fabrikam'.")
    if place % 1_000 == 508:
        return Event("sign-on", status=403, cause="no-such-resource", detail="There is no user with this name.")
    if place % 100 == 1:
        return _refusal(place)
    if place % 100 < 11:
        return _members(place, population)
    user = BUSY if place % 1_000 == 12 else place * 7_919 % population.users
    change = {"attribute": "title", "old": "Engineer", "new": f"Engineer {place}"}
    return Event(
        "patch", USER_TYPE.name, population.user_id(user), people.user_name(user), changes=[change], status=200,
        external_id=people.user(user)["externalId"], type="scimd.user.updated", version=2 + place % 9,
    )


def _refusal(place: int) -> Event:
    cause, attribute = _CAUSES[place // 100 % len(_CAUSES)]
    return Event(
        "create", USER_TYPE.name, name=f"svc-{place:07}@bench.example", status=400, cause=cause, attribute=attribute,
        scim_type="invalidValue", detail=f"{attribute} is missing, taken, or of a wrong type.",
        problems=[Problem(attribute, "a text")], sent='{"userName":"svc@bench.example","name":{"familyName":"Svc"}}',
    )


def _members(place: int, population: Population) -> Event:
    """Return that a member joined a group; in one of ten thousand, that a thousand did."""
    number = MOST_LISTED if place % 10_000 == 2 else 1
    ids = [population.user_id((place + each) % population.users) for each in range(number)]
    return Event(
        "patch", GROUP_TYPE.name, population.group_id("circle", place % population.circles),
        f"circle {place % population.circles:04}", status=204, type="scimd.group.updated", version=2 + place % 9,
        members={"added": ids, "removed": [], "addedCount": number}, member_ids=tuple(ids[:MOST_MEMBERS]),
    )
