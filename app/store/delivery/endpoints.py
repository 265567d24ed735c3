"""The endpoints of all tenants, as operators make and change them.

A change raises the endpoint's `revision`, so that the sender reads it again. Where it sets the place or the state, it
raises the `turn`, and what the sender has not written yet is void (`progress`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from app.errors import NotFound
from app.schemas.storage.collection import CollectionSpec, IndexSpec
from app.store.delivery.endpoint import (
    OFF,
    ON,
    PARALLEL,
    VALIDATOR,
    WEBHOOK,
    Endpoint,
    SigningKey,
    document_of,
    endpoint_of,
    key_document,
)
from app.store.delivery.put_aside import BEHIND, WAITING, hasten
from app.store.delivery.put_aside import SPEC as PUT_ASIDE
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import now

SPEC = CollectionSpec(
    name="endpoints", validator=VALIDATOR, indexes=(IndexSpec(keys=(("tenant", 1),), name="tenant"),)
)
COLLECTIONS = (SPEC, PUT_ASIDE)
PREFIX = "ep_"
AFRESH: dict[str, Any] = {"failing": [], "probes": 0, "reason": "", "state": ON}
"""The fields of an endpoint that has no failures."""


class Settings(TypedDict, total=False):
    """What an operator may set for an endpoint that exists."""

    url: str
    types: Sequence[str]
    keys: Sequence[SigningKey]
    audience: str
    authorization: str
    parallel: int
    current: bool


class Endpoints:
    """The endpoints; `clock` returns the time."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._collection = database.db[SPEC.name]
        self._put_aside = database.db[PUT_ASIDE.name]
        self._clock = clock

    def create(
        self, tenant: str, form: str = WEBHOOK, *, place: int, session: Session = None, **settings: Unpack[Settings]
    ) -> Endpoint:
        """Create an endpoint and return it; it gets the events after `place`. `settings` are those of `change`."""
        moment = self._clock()
        endpoint = Endpoint(
            id=PREFIX + secrets.token_hex(6), tenant=tenant, form=form, created=moment, since=moment, place=place,
            url=settings.get("url", ""), types=tuple(settings.get("types", ())), keys=tuple(settings.get("keys", ())),
            audience=settings.get("audience", ""), authorization=settings.get("authorization", ""),
            parallel=settings.get("parallel", PARALLEL), current=settings.get("current", False),
        )
        self._collection.insert_one(document_of(endpoint), session=session)
        return endpoint

    def get(self, endpoint_id: str, session: Session = None) -> Endpoint | None:
        """Return an endpoint, or None."""
        document = self._collection.find_one({"_id": endpoint_id}, session=session)
        return endpoint_of(document) if document else None

    def of(self, tenant: str) -> list[Endpoint]:
        """Return the endpoints of a tenant, or with `ALL_TENANTS` those for all tenants, oldest first."""
        return [endpoint_of(each) for each in self._collection.find({"tenant": tenant}, sort=[("created", 1)])]

    def all(self) -> list[Endpoint]:
        """Return all endpoints, oldest first."""
        return [endpoint_of(each) for each in self._collection.find(sort=[("tenant", 1), ("created", 1)])]

    def change(self, endpoint_id: str, *, session: Session = None, **settings: Unpack[Settings]) -> Endpoint:
        """Change settings of an endpoint and return it; raises NotFound.

        With another URL, what waits to be tried again is due at once.
        """
        change: dict[str, Any] = {**settings}
        if "types" in settings:
            change["types"] = list(settings["types"])
        if "keys" in settings:
            change["keys"] = [key_document(key) for key in settings["keys"]]
        if "url" not in settings:
            return self._change(endpoint_id, "revision", change, (), session)
        hasten(self._put_aside, endpoint_id, self._clock(), session)
        return self._change(endpoint_id, "revision", change, ("next",), session)

    def enable(self, endpoint_id: str, *, place: int | None = None, session: Session = None) -> Endpoint:
        """Turn an endpoint on, and forget its failures; raises NotFound.

        It goes on from its place, with what was put aside, and what waits to be tried again is due at once; or from the
        place given, and then without that.
        """
        if place is None:
            hasten(self._put_aside, endpoint_id, self._clock(), session)
        else:
            self.set_place(endpoint_id, place, session=session)
            left_out = {"endpoint": endpoint_id, "state": {"$in": [WAITING, BEHIND]}}
            self._put_aside.delete_many(left_out, session=session)
        change = AFRESH | {"since": self._clock()}
        return self._change(endpoint_id, "turn", change, ("failingSince", "next"), session)

    def disable(self, endpoint_id: str, reason: str, *, session: Session = None) -> Endpoint:
        """Turn an endpoint off; raises NotFound."""
        change = {"state": OFF, "reason": reason, "since": self._clock()}
        return self._change(endpoint_id, "turn", change, ("next",), session)

    def set_place(self, endpoint_id: str, place: int, *, session: Session = None) -> Endpoint:
        """Set how far an endpoint has come, forwards or backwards; raises NotFound.

        Events after the place are no longer put aside, because they come again in their order.
        """
        endpoint = self._change(endpoint_id, "turn", {"place": place, "done": []}, ("next",), session)
        self._put_aside.delete_many({"endpoint": endpoint_id, "seq": {"$gt": place}}, session=session)
        return endpoint

    def wake(self, endpoint_id: str, *, session: Session = None) -> Endpoint:
        """Let the sender look at an endpoint at once, because something was put aside for it; raises NotFound."""
        return self._change(endpoint_id, "revision", {}, ("next",), session)

    def delete(self, endpoint_id: str, *, session: Session = None) -> Endpoint:
        """Delete an endpoint, with what was put aside, and return it; raises NotFound."""
        document = self._collection.find_one_and_delete({"_id": endpoint_id}, session=session)
        if document is None:
            raise missing(endpoint_id)
        self._put_aside.delete_many({"endpoint": endpoint_id}, session=session)
        return endpoint_of(document)

    def _change(
        self, endpoint_id: str, number: str, change: dict[str, Any], gone: Sequence[str], session: Session
    ) -> Endpoint:
        """Change fields and remove others, and raise a number; raises NotFound."""
        update: dict[str, Any] = {"$inc": {number: 1}}
        if change:
            update["$set"] = change
        if gone:
            update["$unset"] = dict.fromkeys(gone, "")
        document = self._collection.find_one_and_update(
            {"_id": endpoint_id}, update, return_document=True, session=session
        )
        if document is None:
            raise missing(endpoint_id)
        return endpoint_of(document)


def missing(endpoint_id: str) -> NotFound:
    """Return the error for an id that no endpoint has."""
    return NotFound(f"There is no endpoint {endpoint_id!r}.")
