"""Coming into the console by sign-on: as one of the vendor's own people, whose group gives the role."""

from __future__ import annotations

from flask import Response, request

from app.blueprints.sign_on.cookies import visit as browser
from app.blueprints.sign_on.views import answer, flow
from app.console.frame.access import Need
from app.console.frame.entering import by, come_in
from app.console.frame.forms import Form
from app.console.frame.pages import page
from app.console.frame.parts import parts
from app.console.frame.sites import console
from app.console.frame.wrong import Wrong, missing
from app.sign_on.operators import Operators
from app.sign_on.people import Person


@console.page("/sign-on", Need.NOBODY)
def sign_on_start() -> Response:
    """Lead an operator to their identity provider; `again` asks for a sign-in that is new."""
    here = browser(_operators().tenant)
    return answer(here, flow().starting.operator(here, force="again" in request.args))


@console.page("/signed-on", Need.NOBODY)
def signed_on() -> Response:
    """Ask an operator who has signed in whether to go on into the console."""
    person, role = _person()
    return page("enter.html", who=person.name, said=f"You may use the console as {role}.", possible=True)


@console.act("/signed-on", Need.NOBODY)
def go_on(form: Form) -> Response:  # noqa: ARG001 - it has no fields
    """Open a visit for an operator who has signed in."""
    person, role = _person()
    return come_in(by(person.name, role), fresh=person.session.authenticated, sid=person.session.sid)


def _operators() -> Operators:
    found = parts().operators
    if found is None:
        raise missing()
    return found


def _person() -> tuple[Person, str]:
    """Return the operator who is signed in, and their role; raises Wrong."""
    found = _operators().by_cookie(browser(_operators().tenant).session)
    if found is None:
        raise Wrong(403, "You are not signed in.", "Begin at /console.")
    if not found[1]:
        raise Wrong(403, "You are signed in, but in no group that may use the console.", "Ask who runs this server.")
    return found
