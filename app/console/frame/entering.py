"""Coming in by a link, and signing out; GET changes nothing, since mail scanners and previews follow links."""

from __future__ import annotations

from datetime import datetime

from flask import Response, g, request, url_for

from app.blueprints.exchange import current
from app.blueprints.pages.headers import base_url
from app.console.frame.access import Need
from app.console.frame.door import COOKIES, cookie, is_local, to
from app.console.frame.forms import Form
from app.console.frame.pages import page
from app.console.frame.parts import parts, visit
from app.console.frame.sites import console, setup
from app.console.frame.wrong import Wrong, gone, not_signed_in
from app.errors import NotFound
from app.store.operators.audit import FAILED, AuditLog, Operator
from app.store.operators.links import Link, WrongCode
from app.store.operators.visits import CONSOLE, SETUP


@console.page("/enter/<secret>", Need.NOBODY)
@setup.page("/enter/<secret>", Need.NOBODY)
def enter(secret: str) -> Response:
    """Ask whether to come in by a link; raises Wrong for one that is not valid, TooManyRequests."""
    link = parts().links.get(secret, g.kind)
    if link is None:
        raise _refused(secret)
    return page("enter.html", link=link, who=link.who, said="The link works once.", possible=_can_sign_in())


@console.act("/enter/<secret>", Need.NOBODY, "code", shows=enter)
@setup.act("/enter/<secret>", Need.NOBODY, "code", shows=enter, about="code")
def entered(form: Form, secret: str) -> Response:
    """Come in by a link; one into the console is then used up."""
    if not _can_sign_in():
        return enter(secret)
    link = _used(secret, form["code"])
    if link is None:
        raise _refused(secret)
    return come_in(by(link.visitor, link.role), until=link.last_visit, tenant=link.tenant, link=link.id)


@console.act("/out", Need.SEE)
@setup.act("/out", Need.SEE)
def sign_out(form: Form) -> Response:  # noqa: ARG001 - it has no fields
    """End the visit."""
    parts().visits.end(_id=visit().key)
    response = to(url_for(f"{g.kind}.signed_out"))
    response.delete_cookie(COOKIES[g.kind], path="/", secure=True, httponly=True, samesite="Lax")
    return response


@console.page("/out", Need.NOBODY)
@setup.page("/out", Need.NOBODY)
def signed_out() -> Response:
    """Say that the visit has ended, and how to come back."""
    return to(f"/{g.kind}") if g.visit else page("notice.html", wrong=not_signed_in(g.kind, left=True))


def by(who: str, role: str = "") -> Operator:
    """Return the person who comes in, or tries to, as the audit log names them."""
    return Operator(who, g.kind, role, request.remote_addr or "", current().request_id)


def come_in(
    operator: Operator, *, fresh: datetime | None = None, until: datetime | None = None, **opened_by: str
) -> Response:
    """Open a visit, and lead to the page that the person came for.

    `opened_by` is the id of a `link` with its `tenant`, or the `sid` of a session of sign-on; `fresh` is when the
    person signed in there, `until` when the visit ends at the latest. Raises NotFound if the link has just ended.
    """
    log, kind = AuditLog(parts().database), g.kind
    about = {"tenant": opened_by.get("tenant", ""), "object_": opened_by.get("link", "")}
    with log.begin(operator, f"{kind} sign-in", **about):
        secret, path = parts().visits.open(
            former=cookie(kind), fresh=fresh, until=until, kind=kind, who=operator.who, role=operator.role,
            address=operator.address, agent=request.headers.get("User-Agent", ""), **opened_by,
        )
        if kind == SETUP and all(each.id != opened_by["link"] for each in parts().links.of_tenant(opened_by["tenant"])):
            parts().visits.end(link=opened_by["link"])  # the link may have ended before this visit was stored
            raise NotFound("The link has ended at the same moment.")
    response = to(path or url_for("console.overview" if kind == CONSOLE else "setup.begin"))
    response.set_cookie(COOKIES[kind], secret, path="/", secure=True, httponly=True, samesite="Lax")
    return response


def _record(who: Operator, reason: str, **about: str) -> None:
    """Record that a person has tried to come in, and why they could not."""
    with AuditLog(parts().database).begin(who, f"{g.kind} sign-in", **about) as entry:
        entry.record(FAILED, reason=reason)


def _used(secret: str, code: str) -> Link | None:
    """Return the link, which is used thereby, None if it is not valid; raises WrongCode, which is recorded."""
    try:
        return parts().links.enter(secret, g.kind, code)
    except WrongCode as wrong:
        if wrong.counted:
            _record(by(wrong.link.visitor), wrong.detail, tenant=wrong.link.tenant, object_=wrong.link.id)
        raise


def _refused(secret: str) -> Wrong:
    """Count a link that is not valid, and return the error for it; raises TooManyRequests."""
    if g.kind == SETUP and parts().links.has_ended(secret):
        return gone(g.kind, "It ended after five wrong codes.")
    wrong = gone(g.kind)
    if parts().limits.count_wrong_link(request.remote_addr or ""):
        _record(by(""), wrong.heading)
    return wrong


def _can_sign_in() -> bool:
    """Return whether browsers take our cookies: over https, or over http from this machine."""
    return base_url().startswith("https:") or is_local()
