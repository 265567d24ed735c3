"""What an operator does to the endpoints of one tenant on its page; every act is recorded."""

from __future__ import annotations

from app.errors import NotFound
from app.store.delivery.endpoint import Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.requests import resend
from app.store.mongo.database import Database, Session
from app.store.operators.acting import Acting, change_endpoint

ENABLE, DISABLE, RESEND = "enable", "disable", "resend"
ACTS = (ENABLE, DISABLE, RESEND)


class EndpointActs:
    """These acts, of one operator."""

    def __init__(self, database: Database, acting: Acting, tenant: str) -> None:
        self._database = database
        self._acting = acting
        self._tenant = tenant

    def do(self, act: str, endpoint_id: str, event: str) -> Endpoint:
        """Turn an endpoint on or off, or let an event be sent to it again; raises NotFound."""

        def work(session: Session) -> Endpoint:
            return self._changed(act, endpoint_id, event, session)

        return change_endpoint(self._acting, f"webhook {act}", work, tenant=self._tenant, object_=endpoint_id)

    def _changed(self, act: str, endpoint_id: str, event: str, session: Session) -> Endpoint:
        endpoints = Endpoints(self._database)
        endpoint = endpoints.get(endpoint_id, session)
        if endpoint is None or endpoint.tenant != self._tenant:
            raise NotFound(f"There is no endpoint {endpoint_id!r}.")
        if act == ENABLE:
            return endpoints.enable(endpoint_id, session=session)
        if act == DISABLE:
            return endpoints.disable(endpoint_id, "turned off", session=session)
        resend(self._database, endpoint, event, session)
        return endpoint
