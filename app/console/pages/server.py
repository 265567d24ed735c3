"""Is the server all right? Did the changes arrive? Can the people sign in?"""

from __future__ import annotations

from importlib.metadata import version

from flask import Response

from app.config import settings_of
from app.console.frame import Form, Need, acting, back, console, customer, directory, events, page, parts
from app.console.pages.log import lines
from app.sign_on.connecting import advice, obstacles
from app.store.delivery.endpoint import OFF
from app.store.delivery.endpoints import Endpoints
from app.store.delivery.put_aside import PutAsides
from app.store.log.reading.page import LogFilter, Window
from app.store.mongo.moments import now
from app.store.operators.endpoints import ACTS, EndpointActs
from app.store.operators.health import health as health_of
from app.store.operators.reports.signed_in import signed_in
from app.store.sign_on.connections import Connections

MOST = 50


@console.page("/health", Need.SEE)
def health() -> Response:
    """Show whether the server is all right, and how it is set up."""
    found = health_of(parts().database, parts().sources, now())
    return page("health.html", found=found, settings=settings_of(parts().config), version=version("scimd"))


@console.page("/customers/<customer>/feed", Need.SEE)
def feed() -> Response:
    """Show where changes are pushed to, and what has not arrived."""
    asides, found = PutAsides(parts().database), Endpoints(parts().database).of(customer().name)
    return page("feed.html", rows=[(each, asides.of(each.id, limit=MOST)) for each in found], off=OFF)


@console.act("/customers/<customer>/feed", Need.GRAVE, "act", "endpoint", "event", shows=feed)
def change_feed(form: Form) -> Response:
    """Turn an endpoint on or off, or send one event again."""
    acts = EndpointActs(parts().database, acting(), customer().name)
    acts.do(form.one_of("act", ACTS), form["endpoint"], form["event"])
    return back("console.feed", form["act"])


@console.page("/customers/<customer>/sign-on", Need.SEE)
def sign_on() -> Response:
    """Show whether the customer's people can sign in, and who was refused."""
    database, name, base = parts().database, customer().name, parts().config.base_url
    found, moment = Connections(database).of_tenant(name), now()
    rows = [(each, [*obstacles(each, base, moment), *advice(each, base, moment)]) for each in found]
    refused = lines(events().page(LogFilter(failed=True, operation="sign-on"), Window(limit=20))) | {"places": []}
    return page("sign_on.html", rows=rows, sessions=signed_in(database, directory(), name, MOST), **refused)
