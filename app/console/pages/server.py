"""Is the server all right? Did the changes arrive? Can the people sign in?"""

from __future__ import annotations

from importlib.metadata import version

from flask import Response

from app.config import SETTINGS
from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.door import acting, back
from app.console.frame.forms import Form
from app.console.frame.pages import Wrong, page
from app.console.frame.parts import customer, parts
from app.console.pages.log import whole
from app.errors import ScimError
from app.sign_on.connecting import advice, obstacles
from app.store.delivery.endpoint import OFF, Endpoint
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import PutAsides
from app.store.delivery.requests import resend
from app.store.log.reading.page import LogFilter, Window
from app.store.mongo.database import Session
from app.store.mongo.moments import now
from app.store.operators.acting import TenantItself
from app.store.operators.health import health as health_of
from app.store.sign_on.connections import Connections
from app.store.sign_on.sessions import Sessions

_SECRET = frozenset({"mongodb_uri", "sealing_keys"})
MOST = 50


@console.get("/health")
@needs(Need.SEE)
def health() -> Response:
    """Show whether the server is all right, and how it is set up."""
    found = health_of(parts().database, parts().sources, now())
    rows = [(row.name, _setting(row.name)) for row in SETTINGS]
    return page("health.html", found=found, settings=rows, version=version("scimd"))


@console.get("/customers/<customer>/feed")
@needs(Need.SEE)
def feed() -> Response:
    """Show where changes are pushed to, and what has not arrived."""
    return _feed(Form())


@console.post("/customers/<customer>/feed")
@needs(Need.GRAVE)
def change_feed() -> Response:
    """Turn an endpoint on or off, or send one event again."""
    form = forms.read("act", "endpoint", "event")
    try:
        _change(form.typed["act"], form.typed["endpoint"], form.typed["event"])
    except ScimError as error:
        return _feed(form.fail(error))
    return back("console.feed", "sent", customer=customer().name)


@console.get("/customers/<customer>/sign-on")
@needs(Need.SEE)
def sign_on() -> Response:
    """Show whether the customer's people can sign in, and who was refused."""
    database, name, base = parts().database, customer().name, parts().config.base_url
    found, moment = Connections(database).of_tenant(name), now()
    rows = [(each, [*obstacles(each, base, moment), *advice(each, base, moment)]) for each in found]
    refused = parts().directory(customer()).events.page(LogFilter(failed=True, operation="sign-on"), Window(limit=20))
    return page(
        "sign_on.html", rows=rows, sessions=Sessions(database).running(name)[:MOST],
        refused=[whole(each) for each in refused.events],
    )


def _setting(name: str) -> str:
    """Return a setting as text, or only whether it is set if it may have a password."""
    field = name.removeprefix("SCIMD_").lower()
    value = getattr(parts().config, field)
    if field in _SECRET:
        return "set" if value else "not set"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str("off" if value is None else value)


def _feed(form: Form) -> Response:
    asides = PutAsides(parts().database)
    rows = [(each, asides.of(each.id, limit=MOST)) for each in Endpoints(parts().database).of(customer().name)]
    return page("feed.html", form.status, form=form, rows=rows, off=OFF)


def _change(act: str, endpoint_id: str, event: str) -> None:
    """Do what a form about an endpoint of this customer asks for; raises NotFound, Wrong."""
    if act not in ("enable", "disable", "resend"):
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    endpoints, name = Endpoints(parts().database), customer().name

    def work(session: Session) -> tuple[TenantItself, None]:
        endpoint: Endpoint | None = endpoints.get(endpoint_id, session)
        if endpoint is None or endpoint.tenant != name:
            raise Wrong(400, "This is not what our forms send, so nothing was done.")
        if act == "enable":
            endpoints.enable(endpoint_id, session=session)
        elif act == "disable":
            endpoints.disable(endpoint_id, "turned off", session=session)
        else:
            resend(parts().database, endpoint, event, session)
        return TenantItself(name, endpoint_id), None

    acting().change(f"webhook {act}", work, tenant=name, object_=endpoint_id)
