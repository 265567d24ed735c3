"""Where apps send people: to sign in, and to sign out. Answers are redirects and pages."""

from __future__ import annotations

from urllib.parse import parse_qsl

from flask import Blueprint, Response, request

from app.blueprints.exchange import service
from app.blueprints.pages.headers import is_from_us
from app.blueprints.provider.parts import provider
from app.blueprints.request.body import read_bytes
from app.blueprints.sign_on import errors
from app.blueprints.sign_on.cookies import drop_session, visit
from app.blueprints.sign_on.headers import protect, redirect_to
from app.blueprints.sign_on.pages import NOT_OURS, PAGES, WRONG_APP, page_response, sign_out_page
from app.blueprints.sign_on.views import answer, flow
from app.protocol.messages import FORM, HTML
from app.provider import Actor
from app.sign_on.flow.starting import Wish
from app.sign_on.flow.visit import SignOut
from app.sign_on.provider.authorize import Redirect
from app.sign_on.provider.logout import AskFirst
from app.sign_on.provider.unanswered import NotAvailable

browser = Blueprint("provider_browser", __name__)
errors.install(browser)
MOST_BYTES = 64 * 1024
_MOST_PARAMETERS = 50


@browser.before_request
def before() -> Response | None:
    """Make sure that the database is prepared, and do nothing on HEAD, which scanners of links use."""
    service().require()
    tenant = (request.view_args or {}).get("tenant", "")
    if not flow().can_be_named(tenant):  # it goes into URLs and names of cookies
        return page_response(PAGES["A"], 404)
    if request.method == "HEAD":
        return protect(Response(status=200 if flow().starting.is_available(tenant) else 404, mimetype=HTML))
    return None


@browser.route("/<tenant>/oauth/authorize", methods=["GET", "POST"])
def authorize(tenant: str) -> Response:
    """Answer the request of an app: with a code, a sign-in, or an error."""
    here, pairs = visit(tenant), parameters()
    if pairs is None:
        return page_response(WRONG_APP, 404)
    outcome = provider().authorization.authorize(tenant, pairs, here.session, here.request_id)
    if isinstance(outcome, NotAvailable):
        line = provider().unanswered.line(tenant, here.address, outcome)
        if line is not None:
            service().refused(tenant, line, Actor(request_id=here.request_id))
        return page_response(WRONG_APP, 404)
    if isinstance(outcome, Redirect):
        return redirect_to(outcome.url)
    wish = Wish(force=outcome.force, login_hint=outcome.login_hint)
    return answer(here, flow().starting.app(here, outcome.request, wish))


@browser.route("/<tenant>/oauth/logout", methods=["GET", "POST"])
def logout(tenant: str) -> Response:
    """Sign a person out of everything, because an app asks for it."""
    here, pairs = visit(tenant), parameters()
    outcome = provider().logout(tenant, pairs or (), here.session)
    if isinstance(outcome, AskFirst):
        if request.method == "POST" and not is_from_us():
            return page_response(NOT_OURS, 403)
        return redirect_to(flow().urls(tenant).out)
    done = SignOut(tenant, is_signed_in=False)
    response = redirect_to(outcome.url) if isinstance(outcome, Redirect) else sign_out_page(done)
    drop_session(response, tenant)
    return response


def parameters() -> list[tuple[str, str]] | None:
    """Return the parameters of the query, or of a form; None if they cannot be read."""
    data = request.query_string
    if request.method == "POST":
        if request.mimetype != FORM:
            return None
        data = read_bytes(request, MOST_BYTES)
    try:
        return parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return None
