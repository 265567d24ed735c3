"""Who needs attention, and whether one customer is all right; customers are added, suspended, resumed and deleted."""

from __future__ import annotations

from dataclasses import replace

from flask import Response, g

from app.advice.explain import titled
from app.advice.state import own_state_of
from app.advice.words import MEANING
from app.console.frame import Form, Need, acting, back, console, page, parts, setup
from app.console.frame import customer as this_customer
from app.console.frame.asked import ROWS, asked, before_and_after
from app.console.frame.forms import Fault
from app.console.pages.log import WEEK
from app.store.accounts.tenants import PROFILES
from app.store.mongo.moments import now
from app.store.operators.customers import TenantActs
from app.store.operators.visits import CONSOLE, SETUP


@console.page("", Need.SEE)
def overview() -> Response:
    """Show which customers need attention, and all of them by name."""
    before, after, reader = asked("before"), asked("after"), parts().overview
    found = parts().tenants.page(before or after, ROWS + 1, before=bool(before))
    shown = found[-ROWS:] if before else found[:ROWS]
    places = before_and_after([each.name for each in shown], more=len(found) > ROWS)
    (attention, customers), sums = reader.page(shown, now()), reader.sums()
    return page("overview.html", attention=attention, customers=customers, places=places, sums=sums)


@console.page("/customers/<customer>", Need.SEE)
@setup.page("", Need.SEE, endpoint="start")
def customer() -> Response:
    """Show whether a customer is all right, and what was refused by cause."""
    tenant = this_customer()
    (found,) = parts().overview.customers([tenant], now(), days=28)
    credentials = [each for each in found.facts.credentials if g.kind == CONSOLE or each.writes]
    url, causes = parts().config.scim_url(tenant.name), parts().activity.causes(tenant.name, now() - WEEK)
    own = replace(found, state=own_state_of(found.facts, now())) if g.kind == SETUP else found
    refusals = titled(causes.most_common(10))
    return page("customer.html", found=own, refusals=refusals, credentials=credentials, tenant_url=url)


@console.page("/customers/new", Need.ACT)
def new_customer() -> Response:
    """Ask for the name of a new customer."""
    return page("new_customer.html", profiles=MEANING)


@console.act("/customers/new", Need.ACT, "name", "profile", shows=new_customer, about="name")
def add_customer(form: Form) -> Response:
    """Create a customer."""
    added = _acts().create(form["name"], form["profile"] or PROFILES[0])
    return back("console.customer", "added", customer=added.name)


@console.page("/customers/<customer>/state", Need.SEE)
def state() -> Response:
    """Show what can be done to the customer as a whole."""
    return page("state.html")


@console.act("/customers/<customer>/state", Need.GRAVE, "act", "name", shows=state)
def change_state(form: Form) -> Response:
    """Suspend, resume or delete the customer."""
    act, name = form.one_of("act", ("suspend", "resume", "delete")), this_customer().name
    if act == "delete":
        return _delete(form, name)
    (_acts().suspend if act == "suspend" else _acts().resume)(name)
    return back("console.customer", "suspended" if act == "suspend" else "resumed")


def _delete(form: Form, name: str) -> Response:
    if form["name"] != name:
        raise Fault("name", f"Type {name} to delete it; nothing was deleted.")
    _acts().delete(name, now=False)
    return back("console.overview", "deleted")


def _acts() -> TenantActs:
    return TenantActs(parts().database, acting())
