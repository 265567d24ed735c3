"""What operators ask of the sender for one event: to send it again, or to send a test.

Both are put aside for the endpoint, and the sender finds them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import NotFound
from app.store.accounts.tenants import ALL_TENANTS, Tenants
from app.store.delivery.endpoint import Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import TESTING, WAITING, PutAside, PutAsides
from app.store.delivery.touched import Touched, touched_by
from app.store.log.event import Actor, Event, document_of
from app.store.log.events import SPEC as EVENTS
from app.store.mongo.database import Database, Session
from app.store.mongo.moments import aware, now

KIND = "Endpoint"
"""The type of the resource that a test event is about."""


def resend(database: Database, endpoint: Endpoint, event_id: str, session: Session = None) -> PutAside:
    """Let an event be sent again to an endpoint, as if it had never been tried; raises NotFound.

    It has to be in the log still, with a number, and of the endpoint's tenant.
    """
    query: dict[str, Any] = {"_id": event_id, "seq": {"$exists": True}}
    if endpoint.tenant != ALL_TENANTS:
        query["tenant"] = endpoint.tenant
    document = database.db[EVENTS.name].find_one(query, session=session)
    if document is None:
        raise NotFound(f"There is no event {event_id!r} for the endpoint {endpoint.id} in the log.")
    return _put(database, endpoint, put_aside(endpoint, document), session)


def send_test(database: Database, endpoint: Endpoint, session: Session = None) -> PutAside:
    """Let a test event be sent to an endpoint; it is tried once, and the endpoint's `attempts` say what became of it.

    Its tenant is the endpoint's, so `*` for one of all tenants (D-713). Raises NotFound.
    """
    event = Event("test", KIND, endpoint.id, endpoint.id)
    document = document_of(event, endpoint.tenant, Actor(), values=True)
    tenant = Tenants(database).get(endpoint.tenant, session)
    document |= {"type": TESTING, "tenantId": tenant.tenant_id if tenant else "", "seq": 0}
    test = PutAside(
        endpoint=endpoint.id, event=document["_id"], seq=0, tenant=endpoint.tenant, type=TESTING, time=document["time"],
        touched=Touched("", frozenset((document["_id"],))), next=now(), document=document,
    )
    return _put(database, endpoint, test, session)


def put_aside(endpoint: Endpoint, document: Mapping[str, Any], *, state: str = WAITING) -> PutAside:
    """Return an event of the log as it is put aside for an endpoint, to be tried at once."""
    return PutAside(
        endpoint=endpoint.id, event=document["_id"], seq=document["seq"], tenant=document["tenant"],
        type=document["type"], time=aware(document["time"]), touched=touched_by(document), next=now(), state=state,
    )


def _put(database: Database, endpoint: Endpoint, each: PutAside, session: Session) -> PutAside:
    PutAsides(database).put(each, session)
    Endpoints(database).wake(endpoint.id, session=session)
    return each
