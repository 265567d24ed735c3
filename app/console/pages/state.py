"""Adding a customer, and suspending, resuming and deleting one."""

from __future__ import annotations

from flask import Response

from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.door import acting, back
from app.console.frame.forms import Form
from app.console.frame.pages import Wrong, page
from app.console.frame.parts import customer, parts
from app.errors import ScimError
from app.sign_on.endings import Endings
from app.sign_on.people import DELETED
from app.store.accounts.tenants import PROFILES
from app.store.operators.customers import TenantActs

MEANING = (
    ("gallery", "gallery: Entra's gallery app; asks for what the app's tables require"),
    ("interop", "interop: any other app in Entra, Okta, OneLogin, and all other identity providers"),
    ("rfc", "rfc: conformance suites, and clients that are known to be exact"),
)


@console.get("/customers/new")
@needs(Need.ACT)
def new_customer() -> Response:
    """Ask for the name of a new customer."""
    return page("new_customer.html", form=Form(), profiles=MEANING)


@console.post("/customers/new")
@needs(Need.ACT)
def add_customer() -> Response:
    """Create a customer."""
    form = forms.read("name", "profile")
    try:
        added = _acts().create(form.typed["name"], form.typed["profile"] or PROFILES[0])
    except ScimError as error:
        return page("new_customer.html", 422, form=form.fail(error, "name"), profiles=MEANING)
    return back("console.customer", "added", customer=added.name)


@console.get("/customers/<customer>/state")
@needs(Need.SEE)
def state() -> Response:
    """Show what can be done to the customer as a whole."""
    return page("state.html", form=Form())


@console.post("/customers/<customer>/state")
@needs(Need.GRAVE)
def change_state() -> Response:
    """Suspend, resume or delete the customer."""
    form, name = forms.read("act", "name"), customer().name
    if form.typed["act"] == "delete":
        return _delete(form)
    if form.typed["act"] not in ("suspend", "resume"):
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    suspends = form.typed["act"] == "suspend"
    (_acts().suspend if suspends else _acts().resume)(name)
    return back("console.customer", "suspended" if suspends else "resumed", customer=name)


def _delete(form: Form) -> Response:
    name = customer().name
    if form.typed["name"] != name:
        form.faults["name"] = f"Type {name} to delete it; nothing was deleted."
        return page("state.html", 422, form=form)
    Endings(parts().database, parts().config.log_days).end(name, {}, DELETED, acting().actor)
    _acts().delete(name, now=False)
    return back("console.overview", "deleted")


def _acts() -> TenantActs:
    return TenantActs(parts().database, acting())
