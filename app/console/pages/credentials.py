"""Who can get in, and until when: the credentials of a customer, on the console and on the setup pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from flask import Response, g, request

from app.advice.words import LIFETIMES, WAYS
from app.console.frame import Form, Need, acting, back, console, customer, page, parts, setup
from app.console.frame.door import LIVE
from app.console.frame.forms import Fault
from app.errors import NotFound
from app.store.mongo.moments import now
from app.store.operators.credentials import KINDS, SECRET, TOKEN, Credential, CredentialActs, Limit, credential_list
from app.store.operators.visits import CONSOLE, SETUP

ACTS = {CONSOLE: ("issue", "client", "rotate", "revoke"), SETUP: ("issue", "revoke")}
_FIELDS = ("act", "kind", "id", "client", "label", "days")
_LONGEST_LABEL = 100
OWN_LABEL = "setup pages"
"""The label of what the setup pages make."""
MOST = 3
"""Valid secrets that setup pages make, and trusts."""
Made = Mapping[str, str]
"""What was just made, in this answer and in no other: the name that guides have for a value -> the value."""


@console.page("/customers/<customer>/credentials", Need.SEE)
@setup.page("/tokens", Need.SEE, endpoint="tokens")
def credentials(made: Made | None = None) -> Response:
    """Show the credentials of a customer."""
    rows, url = shown(), parts().config.scim_url(customer().name)
    waits = g.kind == SETUP and bool(rows) and not rows[0].used
    template = "parts/credential_rows.html" if LIVE in request.args else "credentials.html"
    answer = page(template, rows=rows, made=made or {}, waits=waits, ways=WAYS, lifetimes=LIFETIMES, tenant_url=url)
    answer.headers.update({} if waits else {"X-Done": "1"})
    return answer


@console.act("/customers/<customer>/credentials", Need.GRAVE, *_FIELDS, shows=credentials)
@setup.act("/tokens", Need.SET_UP, *_FIELDS, shows=credentials)
def change_credentials(form: Form) -> Response:
    """Issue, rotate or revoke a credential."""
    act = form.one_of("act", ACTS[g.kind])
    if act != "revoke":
        return credentials(make(form, act))
    return back("console.credentials" if g.kind == CONSOLE else "setup.tokens", _revoke(form))


def shown() -> list[Credential]:
    """Return the credentials of the customer.

    The setup pages show those by which its identity provider can come in: those that only read are the vendor's.
    """
    found = credential_list(parts().database, customer().name, now())
    return [each for each in found if g.kind == CONSOLE or each.writes]


def make(form: Form, act: str) -> Made:
    """Make a token, a client, or another secret of one, and return its values; raises Wrong, ScimError."""
    tenant, days = customer().name, int(form.one_of("days", dict(LIFETIMES)))
    label = OWN_LABEL if g.kind == SETUP else form["label"]
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise Fault(f"{act}-label", f"A label can have at most {_LONGEST_LABEL} characters, all of them printable.")
    form.use()
    acts, lifetime = limited(SECRET, TOKEN), timedelta(days=days)
    if act == "issue":
        return {"token": acts.issue_token(tenant, lifetime, label)[0]}
    if act == "client":
        client, secret = acts.create_client(tenant, lifetime, label)
    else:
        client, _, secret = acts.rotate_client(form["client"], lifetime, tenant)
    endpoint = parts().config.token_endpoint(tenant)
    return {"token_endpoint": endpoint, "client_id": client.id, "client_secret": secret}


def limited(*kinds: str) -> CredentialActs:
    """Return the acts of the person on the page; the setup pages make a few credentials of these kinds."""
    limit = Limit(MOST, OWN_LABEL, kinds) if g.kind == SETUP else None
    return CredentialActs(parts().database, acting(), limit)


def _revoke(form: Form) -> str:
    """Take a credential away, and return the key of what to say; raises NotFound."""
    kind, its_id, tenant = form.one_of("kind", KINDS), form["id"], customer().name
    acts = CredentialActs(parts().database, acting())
    if g.kind == SETUP and (kind, its_id) not in {(each.kind, each.id) for each in shown()}:
        raise NotFound(f"There is no {kind} {its_id!r}.")
    if kind == TOKEN:
        acts.revoke_token(its_id, tenant)
    elif kind == SECRET:
        acts.delete_secret(form["client"], its_id, tenant)
    else:
        acts.delete_trust(its_id, tenant)
    return "secret" if kind == SECRET else "revoked"
