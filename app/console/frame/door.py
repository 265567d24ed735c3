"""The door before every page: host, origin of the request, visit, role, and how recently the person has signed in."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, redirect, request, url_for

from app.blueprints.exchange import current, service
from app.blueprints.fallbacks import OTHER_METHODS
from app.blueprints.pages import headers
from app.console.frame.access import FRESH, MAY, MUST_BE_FRESH, Need
from app.console.frame.pages import page_of
from app.console.frame.parts import customer, parts, visit
from app.console.frame.wrong import Wrong, missing, not_signed_in, sign_in_again
from app.store.accounts.tenants import Tenant
from app.store.accounts.trusts import is_loopback
from app.store.mongo.moments import now
from app.store.operators.acting import Acting
from app.store.operators.audit import Operator
from app.store.operators.visits import CONSOLE, SETUP, Visit

COOKIES = {kind: f"__Host-scimd-{kind}" for kind in (CONSOLE, SETUP)}
_LONGEST_COOKIE = 200
LIVE = "live"
"""The parameter of a request for a live part alone, which does not prolong a visit."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types console"
)
"""No script runs but our one file (CSP level 3)."""
_ALSO = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "clipboard-write=(self), camera=(), geolocation=(), microphone=(), payment=(), usb=(), display-capture=()"
    ),
}


def install(blueprint: Blueprint, kind: str) -> None:
    """Put the door before the views of a blueprint, which are all for one kind of visits."""
    blueprint.before_request(partial(_let_in, kind))
    blueprint.after_request(_protect)
    blueprint.register_error_handler(Exception, page_of)


def _protect(response: Response) -> Response:
    response.headers.update(_ALSO)
    return headers.protect(response, _POLICY)


def _let_in(kind: str) -> None:
    """Check the request; raises Wrong, TooManyRequests, Unavailable."""
    g.visit, g.kind, g.customer = None, kind, None
    if not _is_our_host(request.host):
        raise Wrong(400, "This is not the address of these pages.", f"Open {headers.base_url()}/{kind} instead.")
    if request.method == "POST" and not headers.is_from_us(request.host):
        raise Wrong(403, "This request did not come from one of our own pages, so nothing was done.", "Try again.")
    service().require()
    g.visit = _current(parts().visits.get(cookie(kind), kind, touch=LIVE not in request.args))
    need = _need()
    if need is not Need.NOBODY:
        _check(g.visit, need)


def _is_our_host(given: str) -> bool:
    """Return whether a Host header is that of the server's own URLs, or a loopback name where that is one.

    Otherwise a page of an attacker whose name is made to resolve to our address would be of one origin with ours.
    """
    own = urlsplit(headers.base_url())
    if given.lower() == own.netloc.lower():
        return True
    name, _, port = given.lower().rpartition(":")
    return is_local() and is_loopback(name.strip("[]")) and port == str(own.port or 80)


def is_local() -> bool:
    """Return whether the server's own URLs are those of this machine alone."""
    return is_loopback(urlsplit(headers.base_url()).hostname or "")


def _current(found: Visit | None) -> Visit | None:
    """Return a visit unless the session of sign-on that opened it has ended, or the person has lost the role."""
    if found is None or parts().lets_in(found):
        return found
    parts().visits.end(_id=found.key)
    return None


def _need() -> Need | None:
    """Return what the view needs, or None if it does not say."""
    endpoint = request.endpoint or ""
    if endpoint.endswith(f".{OTHER_METHODS}"):
        return Need.SEE
    need: Need | None = getattr(current_app.view_functions[endpoint], "needs", None)
    return need


def _check(found: Visit | None, need: Need | None) -> None:
    """Check that the visit allows what the view needs; raises Wrong, TooManyRequests."""
    if found is None and request.path.rstrip("/") in ("/console", "/setup"):
        raise not_signed_in(g.kind)
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
        raise sign_in_again(found)


def _customer(found: Visit) -> Tenant | None:
    """Return the tenant of the page, None for a page about none; raises Wrong."""
    name = found.tenant or (request.view_args or {}).pop("customer", "")
    tenant = parts().tenants.get(name) if name else None
    if name and tenant is None:
        raise missing()
    return tenant


def may(need: Need) -> bool:
    """Return whether the role of the current visit allows something."""
    return g.visit is not None and need in MAY[g.visit.role]


def is_fresh() -> bool:
    """Return whether the person has signed in recently enough for a grave act; on this machine they always have."""
    return is_local() or now() - visit().fresh < FRESH[visit().kind]


def is_stale() -> bool:
    """Return whether the person has to sign in again before a grave act that their role allows."""
    return not MUST_BE_FRESH.isdisjoint(MAY[visit().role]) and not is_fresh()


def cookie(kind: str) -> str:
    """Return the secret in the browser's cookie, or ""."""
    return request.cookies.get(COOKIES[kind], "")[:_LONGEST_COOKIE]


def acting() -> Acting:
    """Return what records the acts of the person on the page."""
    who = visit()
    operator = Operator(who.who, who.kind, who.role, request.remote_addr or "", current().request_id)
    return Acting(parts().database, operator, parts().config.log_days)


def back(endpoint: str, done: str | None = None, **values: Any) -> Response:
    """Return the redirect after an act to a page that says what was done."""
    return to(url_for(endpoint, done=done, **values))


def to(path: str) -> Response:
    """Return the redirect to a path of ours, which the browser follows with a GET."""
    response = redirect(path, 303)
    assert isinstance(response, Response)
    return response
