"""Coming in by a link, and signing out; GET changes nothing, since mail scanners and previews follow links."""

from __future__ import annotations

from flask import Response, request, url_for

from app.blueprints.exchange import current
from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console, setup
from app.console.frame.door import COOKIES, cookie, set_cookie, to
from app.console.frame.forms import Form
from app.console.frame.headers import can_sign_in
from app.console.frame.pages import page
from app.console.frame.parts import parts, visit
from app.store.operators.audit import AuditLog, Operator
from app.store.operators.links import Link
from app.store.operators.visits import CONSOLE, SETUP

_ENTRANCES = {CONSOLE: "console.overview", SETUP: "setup.start"}


@console.get("/enter/<secret>")
@needs(Need.NOBODY)
def enter(secret: str) -> Response:
    """Ask whether to sign in by a link into the console."""
    return _ask(CONSOLE, secret)


@console.post("/enter/<secret>")
@needs(Need.NOBODY)
def entered(secret: str) -> Response:
    """Sign in by a link into the console, which uses it up."""
    return _come_in(CONSOLE, secret)


@setup.get("/enter/<secret>")
@needs(Need.NOBODY)
def enter_setup(secret: str) -> Response:
    """Ask whether to begin to set a customer up."""
    return _ask(SETUP, secret)


@setup.post("/enter/<secret>")
@needs(Need.NOBODY)
def entered_setup(secret: str) -> Response:
    """Begin to set a customer up."""
    return _come_in(SETUP, secret)


@console.post("/out")
@needs(Need.SEE)
def sign_out() -> Response:
    """End the visit of an operator."""
    return _leave(CONSOLE)


@setup.post("/out")
@needs(Need.OWN)
def sign_out_of_setup() -> Response:
    """End the visit of a customer's administrator."""
    return _leave(SETUP)


def _ask(kind: str, secret: str, form: Form | None = None) -> Response:
    link = parts().links.get(secret, kind)
    if link is None:
        return _gone(kind)
    form = form or Form()
    return page("enter.html", form.status, link=link, form=form, possible=can_sign_in(parts().config))


def _come_in(kind: str, secret: str) -> Response:
    form = forms.read("code")
    if not can_sign_in(parts().config):
        return _ask(kind, secret)
    link = parts().links.enter(secret, kind, form.typed["code"])
    if link is None:
        form.faults["code"] = "This is not the code that belongs to the link."
        return _ask(kind, secret, form)  # of a link without a code, the page says that it is not good
    _record(_operator(link), f"{kind} sign-in", link.tenant, link.id)
    cookie_value, back = parts().visits.open(
        former=cookie(kind), kind=kind, who=_operator(link).who, role=link.role, tenant=link.tenant, link=link.id,
        address=request.remote_addr or "", agent=request.headers.get("User-Agent", ""),
    )
    return set_cookie(to(back or url_for(_ENTRANCES[kind])), kind, cookie_value)


def _operator(link: Link) -> Operator:
    who = f"setup link {link.id}" if link.use == SETUP else link.who
    return Operator(who, link.use, link.role, request.remote_addr or "", current().request_id)


def _gone(kind: str) -> Response:
    """Return the page for a link that is not good, whatever the reason; raises TooManyRequests."""
    if parts().limits.count_wrong_link(request.remote_addr or ""):
        nobody = Operator("", kind, "", request.remote_addr or "", current().request_id)
        _record(nobody, f"{kind} link refused")
    return page("gone.html", 404)


def _record(operator: Operator, act: str, tenant: str = "", object_: str = "") -> None:
    with AuditLog(parts().database).begin(operator, act, tenant=tenant, object_=object_):
        """What is done is the entry itself."""


def _leave(kind: str) -> Response:
    forms.read()
    parts().visits.end(_id=visit().key)
    response = to(f"/{kind}")
    response.delete_cookie(COOKIES[kind], path="/", secure=True, httponly=True, samesite="Lax")
    return response
