"""The steps by which a customer's administrator connects their identity provider: provider, values, test, done.

The tenant of these pages is that of the visit alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, request

from app.advice.explain import listed
from app.advice.guides import CLIENT, ENTRA, PROVIDERS, TRUST, Way, filled
from app.advice.wording import moment
from app.advice.words import LIFETIMES
from app.console.frame import Form, Need, back, customer, events, missing, page, parts, setup, visit
from app.console.frame.asked import asked, place
from app.console.frame.door import LIVE, may
from app.console.pages.credentials import OWN_LABEL, Made, limited, make, shown
from app.console.pages.log import portal
from app.errors import InvalidValue
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.trusts import ASSERTION, Conditions
from app.store.mongo.moments import now
from app.store.operators.arrivals import arrivals, has_passed, works
from app.store.operators.credentials import TRUST as TRUSTS

_OF_A_TRUST = ("issuer", "audience", "subject")
_LONGEST = 1_024
_SECRETS = ("{token}", "{client_secret}")


@setup.page("/begin", Need.SEE)
def begin() -> Response:
    """Lead to the step at which the customer stands; to the state once it sends changes, or if nothing may be done."""
    if not may(Need.SET_UP) or customer().suspended or parts().activity.pulse(customer().name).get("lastWrite"):
        return back("setup.start")
    ticks = _guide()["ticks"]
    return back(f"setup.{next((step for step in ticks if not ticks[step]), 'done')}")


@setup.page("/provider", Need.SET_UP)
def provider() -> Response:
    """Ask which identity provider it is."""
    return page("provider.html", providers=PROVIDERS, chosen=portal(), step=1, **_guide())


@setup.act("/provider", Need.SET_UP, "provider")
def choose_provider(form: Form) -> Response:
    """Remember which identity provider it is."""
    parts().tenants.choose_provider(customer().name, form.one_of("provider", PROVIDERS))
    return back("setup.values")


@setup.page("/values", Need.SET_UP)
def values(made: Made | None = None) -> Response:
    """Show what to paste where, with what was just `made`."""
    config, name, identifier = parts().config, customer().name, USER_TYPE.identifier
    urls = {"tenant_url": config.scim_url(name), "token_endpoint": config.token_endpoint(name)}
    ours = {**urls, "identifier": identifier, **(made or {})}
    fields = [(field, filled(value, ours), value in _SECRETS) for field, value in _way().fields]
    return page("values.html", fields=fields, made=made, lifetimes=LIFETIMES, step=2, **_guide())


@setup.act("/values", Need.SET_UP, "days", *_OF_A_TRUST, shows=values)
def make_values(form: Form) -> Response:
    """Make the secret, or store the trust, and show what to paste where."""
    kind = _way().kind
    return values(_trusted(form) if kind == TRUST else make(form, "client" if kind == CLIENT else "issue"))


@setup.page("/test", Need.SET_UP)
def test() -> Response:
    """Show what has arrived since the newest credential was made; if there is none, since the visit began."""
    if LIVE in request.args:
        return page("parts/arrivals.html", **_arrived(place("since", moment) or now()))
    return page("test.html", step=3, **_guide())


@setup.page("/done", Need.SET_UP)
def done() -> Response:
    """Show what to do in the portal after the test."""
    return page("done.html", step=4, **_guide())


def _way() -> Way:
    """Return the way that the address names, or the first one; raises Wrong for one that the provider does not have."""
    found = PROVIDERS[portal()].way(asked("way"))
    if asked("way") not in ("", found.key):
        raise missing()
    return found


def _guide() -> dict[str, Any]:
    """Return what each step shows: what the guide says, and how far the customer has come."""
    own, found = shown(), PROVIDERS[portal()]
    needed = listed(USER_TYPE.for_profile(customer().profile).required, "and")
    ours = {"tenant_url": parts().config.scim_url(customer().name), "needed": needed}
    arrived = ours | {"entra": portal() == ENTRA} | _arrived(max((one.created for one in own), default=visit().opened))
    ticks = {"provider": customer().provider, "values": own, "test": arrived["passed"]}
    steps, command = [filled(each, ours) for each in found.steps], filled(found.command, ours)
    return {"provider": found, "way": _way(), "own": own, "ticks": ticks, "steps": steps, "command": command, **arrived}


def _arrived(since: datetime) -> dict[str, Any]:
    """Return what has arrived since a moment, and whether the connection works and the test has passed."""
    found = arrivals(parts().activity, events(), customer().name, since, portal())
    return {"since": since, "found": found, "passed": has_passed(found, portal()), "works": works(found)}


def _trusted(form: Form) -> Made:
    """Trust what the portal shows, and return the client id for it; raises InvalidValue, Conflict."""
    if not all(0 < len(form[name]) <= _LONGEST and form[name].isprintable() for name in _OF_A_TRUST):
        raise InvalidValue(f"Each of the three fields needs a value of at most {_LONGEST:,} printable characters.")
    conditions = Conditions(ASSERTION, form["issuer"], (form["audience"],), form["subject"], only_public=True)
    return {"client_id": limited(TRUSTS).add_trust(customer().name, conditions, OWN_LABEL).id}
