"""The routes of sign-on: each reads the request, makes one call, and answers with a page or a redirect."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, current_app, request

from app.blueprints.exchange import service
from app.blueprints.pages.headers import is_from_us
from app.blueprints.pages.shown import shown
from app.blueprints.request.body import discard, read_at_most
from app.blueprints.sign_on import errors
from app.blueprints.sign_on.cookies import drop_session, set_browser, set_session, visit
from app.blueprints.sign_on.headers import protect, redirect_to
from app.blueprints.sign_on.pages import (
    NOT_OURS,
    PAGES,
    TEST_OVER,
    not_signed_out_page,
    page_response,
    refused_page,
    sign_out_page,
    signed_in_page,
    tested_page,
)
from app.protocol.messages import FORM, HTML, SAML_METADATA
from app.sign_on.flow.form import MOST_BYTES
from app.sign_on.flow.sign_on import EXTENSION, SignOn
from app.sign_on.flow.visit import Answer, Redirect, Refused, SignedIn, SignOut, Visit
from app.sign_on.reasons import SHOWN, Reason

sign_on = Blueprint("sign_on", __name__, template_folder="templates")
PREFIX = "/<tenant>/sign-on"
errors.install(sign_on)
sign_on.add_app_template_filter(shown)
_STARTS = frozenset({
    "sign_on.start", "sign_on.callback", "sign_on.finish", "sign_on.test", "sign_on.saml_logout", "sign_on.oidc_logout",
})
"""The views that do something on GET; on HEAD, which scanners of links use, they do nothing."""


def flow() -> SignOn:
    """Return the parts of sign-on of the current application."""
    parts: SignOn = current_app.extensions[EXTENSION].sign_on
    return parts


@sign_on.before_request
def before() -> Response | None:
    """Make sure that the database is prepared, and answer HEAD where GET would do something."""
    service().require()
    tenant = (request.view_args or {}).get("tenant", "")
    if not flow().can_be_named(tenant):  # it goes into URLs and names of cookies
        return page_response(PAGES["A"], 404)
    if request.method == "HEAD" and request.endpoint in _STARTS:
        return protect(Response(status=200 if flow().starting.is_available(tenant) else 404, mimetype=HTML))
    return None


@sign_on.get(PREFIX)
def start(tenant: str) -> Response:
    """Lead a person who comes by themselves to their identity provider, or to their app."""
    here = visit(tenant)
    return answer(here, flow().starting.sign_on(here, unsolicited="unsolicited" in request.args))


@sign_on.get(f"{PREFIX}/saml/metadata")
def saml_metadata(tenant: str) -> Response:
    """Return our metadata for an identity provider; the same for every name, so it does not tell who is a tenant."""
    metadata = flow().saml_metadata(tenant)
    if metadata is None:
        return page_response(PAGES["A"], 404)
    response = Response(metadata, mimetype=SAML_METADATA)
    response.headers["Cache-Control"] = "public, max-age=3600"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if "download" in request.args:
        response.headers["Content-Disposition"] = f'attachment; filename="scimd-{tenant}.xml"'
    return response


@sign_on.post(f"{PREFIX}/saml/acs")
def acs(tenant: str) -> Response:
    """Take the response of an identity provider, which the browser posts from there."""
    here = visit(tenant)
    body = read_at_most(request, MOST_BYTES)
    response = answer(here, flow().answering.saml(here, body, is_form=request.mimetype == FORM))
    response.call_on_close(partial(discard, request.stream, request.environ.get("gunicorn.socket")))
    return response


@sign_on.get(f"{PREFIX}/oidc/callback")
def callback(tenant: str) -> Response:
    """Take the answer of an identity provider by OpenID Connect, with which it sends the browser back."""
    here = visit(tenant)
    return answer(here, flow().answering.oidc(here, request.query_string))


@sign_on.get(f"{PREFIX}/oidc/logout")
def oidc_logout(tenant: str) -> Response:
    """End the sessions that an identity provider says are over; it shows this in a frame of its own page."""
    frames = flow().end_by_identity_provider(visit(tenant), request.query_string)
    if frames is None:
        return page_response(PAGES["A"], 404)
    return protect(Response(mimetype=HTML), frames=frames)


@sign_on.get(f"{PREFIX}/saml/logout")
def saml_logout(tenant: str) -> Response:
    """End the sessions that an identity provider says are over, and send the browser back to it."""
    here = visit(tenant)
    given = flow().finishing.saml_logout(here, request.query_string.decode("latin-1"))
    if isinstance(given, Refused) and SHOWN[given.reason].page == "D":
        return not_signed_out_page(given, flow().urls(tenant).out)
    return answer(here, given)


@sign_on.get(f"{PREFIX}/finish")
def finish(tenant: str) -> Response:
    """Sign the person in whose answer has been accepted."""
    here = visit(tenant)
    return answer(here, flow().finishing.finish(here, request.args.get("state", "")))


@sign_on.get(f"{PREFIX}/out")
def out(tenant: str) -> Response:
    """Ask whether to sign out."""
    here = visit(tenant)
    return answer(here, flow().finishing.out(here))


@sign_on.post(f"{PREFIX}/out")
def sign_out(tenant: str) -> Response:
    """Sign out."""
    if not is_from_us():
        return page_response(NOT_OURS, 403)
    here = visit(tenant)
    response = answer(here, flow().finishing.sign_out(here))
    drop_session(response, tenant)
    return response


@sign_on.get(f"{PREFIX}/test/<ticket>")
def test(tenant: str, ticket: str) -> Response:
    """Start an operator's test of a connection."""
    here = visit(tenant)
    given = flow().starting.test(here, ticket)
    if isinstance(given, Refused) and given.reason is Reason.NOT_AVAILABLE:
        return page_response(TEST_OVER, 404)
    return answer(here, given)


def unknown(tenant: str, path: str) -> Response:
    """Answer a path that does not exist."""
    return page_response(PAGES["A"], 404)


def answer(here: Visit, given: Answer) -> Response:
    """Return the response to a visit, with the cookies that it sets."""
    if isinstance(given, Redirect):
        response = redirect_to(given.url)
        if given.browser:
            set_browser(response, given.browser)
        if given.session:
            set_session(response, here.tenant, given.session)
        return response
    urls = flow().urls(here.tenant)
    if isinstance(given, Refused):
        return refused_page(given, urls.sign_on)
    if isinstance(given, SignedIn):
        return signed_in_page(given, urls.out)
    if isinstance(given, SignOut):
        return sign_out_page(given)
    return tested_page(given)
