"""The steps by which a customer's administrator connects their identity provider: provider, values, test, done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, request

from app.advice.guides import CLIENT, ENTRA, PROVIDERS, TOKEN, TRUST, Way, provider_of
from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import setup
from app.console.frame.door import LIVE, acting, back
from app.console.frame.forms import Form
from app.console.frame.pages import Wrong, page
from app.console.frame.parts import customer, parts
from app.console.frame.places import moment_in
from app.console.setup.tokens import LABEL, MOST, WORDS, make, valid
from app.errors import Conflict, InvalidValue, ScimError
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.trusts import ASSERTION, Conditions
from app.store.operators.arrivals import arrivals, has_passed
from app.store.operators.credentials import TRUST as TRUST_KIND
from app.store.operators.credentials import CredentialActs

_OF_A_TRUST = ("issuer", "audience", "subject")
_LONGEST = 1_024
_VALUE = re.compile(r"\{(\w+)\}")


@setup.get("/provider")
@needs(Need.SET_UP)
def provider() -> Response:
    """Ask which identity provider it is."""
    return page("setup_provider.html", providers=PROVIDERS, chosen=_chosen(), form=Form(), step=1)


@setup.post("/provider")
@needs(Need.SET_UP)
def choose_provider() -> Response:
    """Remember which identity provider it is."""
    form = forms.read("provider")
    if form.typed["provider"] not in PROVIDERS:
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    parts().tenants.choose_provider(customer().name, form.typed["provider"])
    return back("setup.values")


@setup.get("/values")
@needs(Need.SET_UP)
def values() -> Response:
    """Show what to paste where."""
    return _values(Form(), {})


@setup.post("/values")
@needs(Need.SET_UP)
def make_values() -> Response:
    """Make the secret, or store the trust, and show what to paste where."""
    form = forms.read("days", *_OF_A_TRUST)
    try:
        return _values(form, _trusted(form) if _way().kind == TRUST else make(form, _way().kind))
    except ScimError as error:
        return _values(form.fail(error), {})


@setup.get("/test")
@needs(Need.SET_UP)
def test() -> Response:
    """Show what arrives, from the moment on at which the page was opened."""
    since = moment_in(request.args.get("since", ""))
    if since is None:
        return back("setup.test", since=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    found = arrivals(parts().activity, parts().directory(customer()).events, customer().name, since, _chosen())
    template = "parts/arrivals.html" if LIVE in request.args else "setup_test.html"
    return page(template, found=found, passed=has_passed(found, _chosen()), since=since, step=3, **_guide())


@setup.get("/done")
@needs(Need.SET_UP)
def done() -> Response:
    """Show what to do in the portal after the test."""
    return page("setup_done.html", step=4, **_guide())


def _chosen() -> str:
    return provider_of(customer().provider, customer().profile)


def _way() -> Way:
    return PROVIDERS[_chosen()].way(request.args.get("way", ""))


def _guide() -> dict[str, Any]:
    return {"provider": PROVIDERS[_chosen()], "way": _way(), "entra": _chosen() == ENTRA, "bold": _bold}


def _values(form: Form, made: Mapping[str, str]) -> Response:
    config, name = parts().config, customer().name
    ours = {
        "tenant_url": config.scim_url(name), "token_endpoint": f"{config.base_url}/{name}/oauth/token",
        "identifier": USER_TYPE.identifier, **made,
    }
    fields = [(field, _filled(value, ours), value in ("{token}", "{client_secret}")) for field, value in _way().fields]
    return page(
        "setup_values.html", form.status, form=form, fields=fields, made=made, words=WORDS, step=2, secret=_way().kind,
        secrets=(TOKEN, CLIENT), **_guide(),
    )


def _filled(template: str, ours: Mapping[str, str]) -> str:
    """Return a value with ours in it, "" as long as one of them has to be made first."""
    named = _VALUE.findall(template)
    return _VALUE.sub(lambda match: ours[match[1]], template) if set(named) <= ours.keys() else ""


def _trusted(form: Form) -> dict[str, str]:
    """Trust what the portal shows, and return the client id for it; raises InvalidValue, Conflict."""
    typed = form.typed
    if not all(0 < len(typed[name]) <= _LONGEST and typed[name].isprintable() for name in _OF_A_TRUST):
        raise InvalidValue(f"Each of the three fields needs a value of at most {_LONGEST:,} printable characters.")
    conditions = Conditions(ASSERTION, typed["issuer"], (typed["audience"],), subject=typed["subject"])
    trust = CredentialActs(parts().database, acting(), _check_trusts).add_trust(customer().name, conditions, LABEL)
    return {"client_id": trust.id}


def _check_trusts() -> None:
    """Check that these pages may make another trust; raises Conflict."""
    if sum(each.label == LABEL and each.kind == TRUST_KIND for each in valid()) >= MOST:
        raise Conflict(f"These pages have made {MOST} trusts already; ask us to delete one first.")


def _bold(text: str) -> list[tuple[str, bool]]:
    """Return a text in parts, each with whether it is a name of the portal."""
    return [(part, number % 2 == 1) for number, part in enumerate(text.split("**")) if part]
