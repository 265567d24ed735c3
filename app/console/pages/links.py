"""Who can set this customer up: its setup links."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from flask import Response, url_for

from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.door import acting, back
from app.console.frame.forms import Form
from app.console.frame.pages import Wrong, page
from app.console.frame.parts import customer, parts, visit
from app.errors import ScimError
from app.store.mongo.database import Session
from app.store.operators.links import Link
from app.store.operators.visits import SETUP

LIFETIMES = (("1", "1 day"), ("3", "3 days"), ("7", "7 days"), ("30", "30 days"))
ROLES = (("setup", "connect: make tokens, see refusals"), ("status", "only see the state and refusals"))


@console.get("/customers/<customer>/links")
@needs(Need.SEE)
def links() -> Response:
    """Show the setup links of a customer."""
    return _page(Form())


@console.post("/customers/<customer>/links")
@needs(Need.GRAVE)
def change_links() -> Response:
    """Make a setup link, or take one back."""
    form = forms.read("act", "id", "role", "days", "code")
    try:
        return _revoked(form.typed["id"]) if form.typed["act"] == "revoke" else _made(form)
    except ScimError as error:
        return _page(form.fail(error))


def _page(form: Form, made: tuple[str, str] | None = None) -> Response:
    rows = parts().links.of_tenant(customer().name)
    return page("links.html", form.status, rows=rows, form=form, made=made, lifetimes=LIFETIMES, roles=ROLES)


def _made(form: Form) -> Response:
    """Make a link and return the page that shows it once; raises Conflict."""
    typed = form.typed
    if typed["role"] not in dict(ROLES) or typed["days"] not in dict(LIFETIMES) or typed["act"] != "make":
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    if not forms.use(form):
        return _page(Form(faults={"": "This was shown already, and is not shown again. Make another if it is lost."}))
    lifetime, coded = timedelta(days=int(typed["days"])), bool(typed["code"])

    def work(session: Session) -> tuple[Link, tuple[str, str]]:
        made = parts().links.make_setup(
            customer().name, typed["role"], visit().who, lifetime, coded=coded, session=session
        )
        link = parts().links.get(made[0], SETUP, session)
        assert link is not None
        return link, made

    secret, code = acting().change(
        "setup link", work, tenant=customer().name, check=partial(parts().links.check_room, customer().name)
    )
    return _page(Form(), (f"{parts().config.base_url}{url_for('setup.enter_setup', secret=secret)}", code))


def _revoked(link_id: str) -> Response:
    """Take a link back and end the visits that it has opened; raises NotFound."""

    def work(session: Session) -> tuple[Link, None]:
        return parts().links.revoke(link_id, session, tenant=customer().name), None

    acting().change("setup revoke", work, tenant=customer().name, object_=link_id)
    parts().visits.end(link=link_id)
    return back("console.links", "revoked", customer=customer().name)
