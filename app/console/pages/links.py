"""Who can set this customer up: its setup links."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, url_for

from app.advice.words import LINK_LIFETIMES, OPENS, ROLES
from app.blueprints.pages.headers import base_url
from app.console.frame import Form, Need, acting, back, console, customer, page, parts
from app.store.operators.links import LinkActs


@console.page("/customers/<customer>/links", Need.SEE)
def links(made: tuple[str, str] | None = None) -> Response:
    """Show the setup links of a customer, and the one that was just `made`: its address, and its code or ""."""
    rows = [each for ended in (False, True) for each in parts().links.of_tenant(customer().name, ended=ended)]
    return page("links.html", rows=rows, made=made, lifetimes=LINK_LIFETIMES, roles=ROLES, opens=OPENS)


@console.act("/customers/<customer>/links", Need.GRAVE, "act", "id", "role", "days", "code", shows=links)
def change_links(form: Form) -> Response:
    """Make a setup link, or revoke one."""
    acts, name = LinkActs(parts().database, acting()), customer().name
    if form.one_of("act", ("make", "revoke")) == "revoke":
        acts.revoke(form["id"], name)
        return back("console.links", "revoked")
    role, days = form.one_of("role", dict(ROLES)), int(form.one_of("days", dict(LINK_LIFETIMES)))
    form.use()
    made = acts.make(name, role, timedelta(days=days), coded=bool(form["code"]))
    return links((base_url() + url_for("setup.enter", secret=made.secret), made.code))
