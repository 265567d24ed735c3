"""Coming into the console by sign-on: as one of the vendor's own people, whose group gives the role."""

from __future__ import annotations

from flask import Response, request

from app.blueprints.sign_on.cookies import session_cookie
from app.blueprints.sign_on.cookies import visit as browser
from app.blueprints.sign_on.views import answer, flow
from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.door import cookie, missing, set_cookie, to
from app.console.frame.pages import Wrong, page
from app.console.frame.parts import parts
from app.sign_on.operators import Operators
from app.sign_on.people import Person
from app.store.operators.audit import AuditLog, Operator
from app.store.operators.visits import CONSOLE

_LONGEST_COOKIE = 200


@console.get("/sign-on")
@needs(Need.NOBODY)
def sign_on_start() -> Response:
    """Lead an operator to their identity provider; `again` asks for a sign-in that is new."""
    here = browser(_operators().tenant)
    return answer(here, flow().starting.operator(here, force="again" in request.args))


@console.get("/signed-on")
@needs(Need.NOBODY)
def signed_on() -> Response:
    """Ask an operator who has signed in whether to go on into the console."""
    person, role = _person()
    return page("signed_on.html", who=person.name, role=role)


@console.post("/signed-on")
@needs(Need.NOBODY)
def go_on() -> Response:
    """Open a visit for an operator who has signed in."""
    forms.read()
    person, role = _person()
    secret, came_for = _open(person, role)
    return set_cookie(to(came_for or "/console"), CONSOLE, secret)


def _open(person: Person, role: str) -> tuple[str, str]:
    """Open a visit, and return the secret for its cookie and the path that the person came for, or ""."""
    address = request.remote_addr or ""
    with AuditLog(parts().database).begin(Operator(person.name, CONSOLE, role, address), "console sign-in"):
        return parts().visits.open(
            former=cookie(CONSOLE), fresh=person.session.auth_time, kind=CONSOLE, who=person.name, role=role,
            sid=person.session.sid, address=address, agent=request.headers.get("User-Agent", ""),
        )


def _operators() -> Operators:
    found = parts().operators
    if found is None:
        raise missing()
    return found


def _person() -> tuple[Person, str]:
    """Return the operator who is signed in, and their role; raises Wrong."""
    given = request.cookies.get(session_cookie(_operators().tenant), "")[:_LONGEST_COOKIE]
    found = _operators().by_cookie(given)
    if found is None:
        raise Wrong(403, "You are not signed in.", "Begin at /console.")
    if not found[1]:
        raise Wrong(403, "You are signed in, but in no group that may use the console.", "Ask who runs this server.")
    return found
