"""The door before every page: host, origin of the request, visit, role, and how lately the person has signed in."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, Response, current_app, g, redirect, request, url_for

from app.blueprints.exchange import current
from app.blueprints.fallbacks import OTHER_METHODS
from app.blueprints.service import service
from app.console.frame.access import FRESH, MAY, MUST_BE_FRESH, Need
from app.console.frame.headers import is_loopback, is_our_host, is_our_origin, protect
from app.console.frame.pages import Wrong, page, page_of
from app.console.frame.parts import customer, parts, visit
from app.console.frame.shown import FILTERS
from app.store.mongo.moments import now
from app.store.operators.acting import Acting
from app.store.operators.audit import Operator
from app.store.operators.visits import CONSOLE, SETUP, Visit

COOKIES = {kind: f"__Host-scimd-{kind}" for kind in (CONSOLE, SETUP)}
_LONGEST_COOKIE = 200
LIVE = "live"
"""The parameter of a request for a live part alone, which does not prolong a visit."""


def install(blueprint: Blueprint, kind: str) -> Blueprint:
    """Put the door before the views of a blueprint, which are all for one kind of visits."""
    blueprint.before_request(partial(_let_in, kind))
    blueprint.after_request(lambda response: protect(response, parts().config))
    blueprint.register_error_handler(Exception, page_of)
    for name, function in FILTERS.items():
        blueprint.add_app_template_filter(function, name)
    return blueprint


def _let_in(kind: str) -> Response | None:
    """Check the request; raises Wrong, TooManyRequests, Unavailable."""
    config = parts().config
    g.visit, g.kind = None, kind
    if not is_our_host(request.host, config):
        raise Wrong(400, "This is not the address of these pages.", f"Open {config.base_url}/{kind} instead.")
    if request.method == "POST" and not _is_from_us():
        raise Wrong(403, "This request did not come from one of our own pages, so nothing was done.", "Try again.")
    service().require()
    g.visit = _current(parts().visits.get(cookie(kind), kind, touch=LIVE not in request.args))
    need = _need(kind)
    return None if need is Need.NOBODY else _check(g.visit, need)


def _current(found: Visit | None) -> Visit | None:
    """Return a visit unless the session of sign-on that opened it has ended, or the person has lost the role."""
    if found is None or not found.sid:
        return found
    operators = parts().operators
    if operators is not None and operators.role_of(found.sid) == found.role:
        return found
    parts().visits.end(_id=found.key)
    return None


def _need(kind: str) -> Need | None:
    """Return what the view needs, None for one that does not say it."""
    endpoint = request.endpoint or ""
    if endpoint.endswith(f".{OTHER_METHODS}"):
        return Need.SEE if kind == CONSOLE else Need.OWN
    need: Need | None = getattr(current_app.view_functions[endpoint], "needs", None)
    return need


def _check(found: Visit | None, need: Need | None) -> Response | None:
    """Check that the visit allows what the view needs; return the page to sign in at, if that is what is missing."""
    if found is None and request.path.rstrip("/") in ("/console", "/setup"):
        return page("sign_in.html", 401)
    if found is None or need is None or not may(need):
        denied = found is not None and request.method == "POST" and need is not None and found.kind == CONSOLE
        raise Wrong(403, "Your role does not allow this, so nothing was done.") if denied else missing()
    parts().limits.count_request(found.key)
    g.customer = _customer(found)
    if request.method == "POST" and need is Need.SET_UP and customer().suspended:
        raise Wrong(403, "Your access is suspended at the moment, so nothing was done.")
    acts = request.method == "POST" or need is Need.GRAVE  # an export is a GET
    if acts and need in MUST_BE_FRESH and not is_fresh():
        parts().visits.come_back(found, request.path.removesuffix(".csv").removesuffix(".ndjson"))
        return page("again.html", 403)
    return None


def _customer(found: Visit) -> object:
    """Return the tenant of the page, None for a page about none; raises Wrong."""
    name = found.tenant or (request.view_args or {}).pop("customer", "")
    tenant = parts().tenants.get(name) if name else None
    if name and tenant is None:
        raise missing()
    return tenant


def missing() -> Wrong:
    """Return the error for what does not exist, or is not for this visit: one page for both."""
    return Wrong(404, "There is no such page, or it is not for you.")


def may(need: Need) -> bool:
    """Return whether the role of the current visit allows something."""
    return g.visit is not None and need in MAY[g.visit.role]


def is_fresh() -> bool:
    """Return whether the person has signed in lately enough for a grave act; on this machine they always have."""
    return is_loopback(parts().config) or now() - visit().fresh < FRESH[visit().kind]


def is_stale() -> bool:
    """Return whether the person has to sign in again before a grave act that their role allows."""
    return not MUST_BE_FRESH.isdisjoint(MAY[visit().role]) and not is_fresh()


def cookie(kind: str) -> str:
    """Return the secret in the browser's cookie, or ""."""
    return request.cookies.get(COOKIES[kind], "")[:_LONGEST_COOKIE]


def set_cookie(response: Response, kind: str, secret: str) -> Response:
    """Set the cookie of a visit, which the browser forgets when it is closed."""
    response.set_cookie(COOKIES[kind], secret, path="/", secure=True, httponly=True, samesite="Lax")
    return response


def acting() -> Acting:
    """Return what records the acts of the person on the page."""
    who, config = visit(), parts().config
    operator = Operator(who.who, who.kind, who.role, request.remote_addr or "", current().request_id)
    return Acting(parts().database, operator, config.log_days)


def back(endpoint: str, done: str = "", **values: str) -> Response:
    """Return the redirect after an act to a page that says what was done."""
    arguments: dict[str, Any] = {**values, "done": done or None}
    return to(url_for(endpoint, **arguments))


def to(path: str) -> Response:
    """Return the redirect to a path of ours, which the browser follows with a GET."""
    response = redirect(path, 303)
    assert isinstance(response, Response)
    return response


def _is_from_us() -> bool:
    """Return whether the request was sent by a page of ours (Fetch Metadata; in older browsers by its Origin)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return is_our_origin(request.headers.get("Origin", ""), parts().config)
