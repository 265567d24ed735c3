"""The pages that people see: each with one heading, one paragraph, and a reference for their administrator.

What a page says does not depend on why somebody was refused, as far as that is nobody's business but the operator's.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from flask import Response, render_template
from markupsafe import Markup

from app.blueprints.exchange import current
from app.blueprints.sign_on.headers import protect
from app.protocol.messages import HTML
from app.sign_on.flow.visit import Refused, SignedIn, SignOut, Tested
from app.sign_on.reasons import SHOWN


class Link(NamedTuple):
    """A link on a page."""

    text: str
    url: str


@dataclass(frozen=True)
class Page:
    """What a page says."""

    title: str
    heading: str
    text: str
    links: tuple[Link, ...] = ()
    button: str = ""
    """What the button of a form without fields says, which is posted to the page's own address; "" for none."""
    outcome: Mapping[str, Any] | None = None
    """What the test of a connection has found."""


_NO_SIGN_IN = "No sign-in"
_NOT_SIGNED_IN = "Not signed in"
PAGES = {
    "A": Page(_NO_SIGN_IN, "Is the address right?", "There is no sign-in at this address."),
    "B": Page(
        _NO_SIGN_IN, "Sign-in is switched off", "Sign-in is switched off for your organisation at the moment.",
    ),
    "C": Page(
        _NOT_SIGNED_IN, "Please start again",
        "This sign-in took too long, was started in another window, or your browser blocks cookies.",
    ),
    "D": Page(
        _NOT_SIGNED_IN, "You could not be signed in",
        "Your organisation's sign-in service sent an answer that we cannot accept. Please tell your administrator the "
        "reference {reference}.",
    ),
    "E": Page(
        "No access", "You have no access here",
        "You are signed in to your organisation, but have no access here at the moment. Your administrator can give "
        "you access; after that it can take up to 40 minutes.",
    ),
    "F": Page("Try again", "One moment", "Please try again in a minute."),
}
"""The pages, by the letters that `reasons` knows them by."""
_AGAIN = frozenset("CDE")
WRONG_APP = Page(
    _NO_SIGN_IN, "This app cannot sign you in",
    "There is no sign-in at this address for this app: its client id, its redirect URI or the address is wrong. "
    "Please tell those who run the app the reference {reference}.",
)
"""What stands for page A where an app has sent the person; the same for whatever is not known."""
TEST_OVER = Page(
    "No test", "This link is no longer valid",
    "A link to test a connection works once, for 15 minutes. Please ask for another one: the command scimd sso test "
    "prints it.",
)
"""What stands for page A at the link of a test."""
NOT_ALLOWED = Page("Not allowed", "That does not work here", "This address cannot be used in this way.")
NOT_OURS = Page(
    "Not allowed", "Please try again", "This request did not come from one of our own pages, so nothing was done."
)
FAILED = Page("Failed", "Something went wrong", "Please tell your administrator the reference {reference}.")


def refused_page(refused: Refused, start: str) -> Response:
    """Return the page for somebody who is not signed in; `start` is where a sign-in begins."""
    shown = SHOWN[refused.reason]
    links = [Link("Start again", start)] if shown.page in _AGAIN else []
    if refused.back and shown.page in "CDEF":
        links.append(Link(f"Back to {refused.app}", refused.back))
    response = page_response(replace(PAGES[shown.page], links=tuple(links)), shown.status)
    if shown.page == "F":
        response.headers["Retry-After"] = str(refused.retry_after or 60)
    return response


def signed_in_page(signed_in: SignedIn, out: str) -> Response:
    """Return the page for somebody who is signed in and has no app to go to."""
    text = f"You are signed in to {signed_in.tenant} as {signed_in.name}."
    return page_response(Page("Signed in", "You are signed in", text, (Link("Sign out", out),)))


def sign_out_page(sign_out: SignOut) -> Response:
    """Return the page that asks whether to sign out, or says that nobody is signed in."""
    if sign_out.is_signed_in:
        text = f"You will be signed out of {sign_out.tenant}, and of the apps that you have opened from there."
        return page_response(Page("Sign out", f"Sign out of {sign_out.tenant}?", text, button="Sign out"))
    text = (
        f"You are not signed in to {sign_out.tenant}. You may still be signed in at your organisation's own sign-in "
        "service; sign out there as well if others use this computer."
    )
    return page_response(Page("Signed out", "You are signed out", text))


def not_signed_out_page(refused: Refused, out: str) -> Response:
    """Return the page for a request of the identity provider to sign a person out that was refused."""
    text = (
        "Your organisation's sign-in service sent a request that we cannot accept. Please sign out here yourself, and "
        "tell your administrator the reference {reference}."
    )
    page = Page("Not signed out", "You were not signed out", text, (Link("Sign out", out),))
    return page_response(page, SHOWN[refused.reason].status)


def tested_page(tested: Tested) -> Response:
    """Return the page that shows an operator what the test of a connection has found."""
    outcome = tested.outcome
    if outcome.get("passed"):
        heading, text = "The test has passed", f"The person is the user {outcome['name']}. No one was signed in."
    else:
        heading, text = "The test has failed", f"{outcome.get('reason')}: {outcome.get('detail')}"
    return page_response(Page("Test", heading, text, outcome=outcome))


def page_response(page: Page, status: int = 200, *, form_action: str = "") -> Response:
    """Return a page as a response; `form_action` is another origin to which its form may lead, "" for none."""
    reference = current().request_id
    shown = replace(page, text=page.text.replace("{reference}", reference))
    html = render_template("page.html", page=shown, reference=reference, style=Markup(_style()))  # noqa: S704
    response = Response(html, status, mimetype=HTML)
    return protect(response, style=_style_hash(), form_action=form_action)


@cache
def _style() -> str:
    return (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")


@cache
def _style_hash() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
