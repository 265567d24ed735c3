"""The secrets that a customer's administrator makes, and how one is replaced without a gap."""

from __future__ import annotations

from datetime import timedelta

from flask import Response

from app.advice.guides import TOKEN as TOKEN_WAY
from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import setup
from app.console.frame.door import acting, back
from app.console.frame.forms import Form
from app.console.frame.pages import Wrong, page
from app.console.frame.parts import customer, parts
from app.errors import Conflict, NotFound, ScimError
from app.store.mongo.moments import now
from app.store.operators.credentials import SECRET, TOKEN, TRUST, VALID, Credential, CredentialActs, credentials_of

WORDS = (("90", "90 days"), ("180", "180 days"), ("365", "1 year"))
MOST = 3
"""Valid secrets that setup pages make."""
LABEL = "setup pages"
_WRITE = "scim.write"


@setup.get("/tokens")
@needs(Need.OWN)
def tokens() -> Response:
    """Show the secrets, and how to replace one."""
    return _page(Form(), {})


@setup.post("/tokens")
@needs(Need.SET_UP)
def change_tokens() -> Response:
    """Make a token, or revoke one."""
    form = forms.read("act", "days", "kind", "id", "client")
    try:
        return _page(form, make(form, TOKEN_WAY)) if form.typed["act"] == "make" else _revoked(form)
    except ScimError as error:
        return _page(form.fail(error), {})


def make(form: Form, kind: str) -> dict[str, str]:
    """Make a token or a client with a secret, and return its values; raises Conflict if it was made already."""
    if form.typed["days"] not in dict(WORDS):
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    if not forms.use(form):
        raise Conflict("This was shown already, and is not shown again. Make another one if it is lost.")
    acts, lifetime = CredentialActs(parts().database, acting(), _check), timedelta(days=int(form.typed["days"]))
    if kind == TOKEN_WAY:
        return {"token": acts.issue_token(customer().name, lifetime, LABEL)[0]}
    client, secret = acts.create_client(customer().name, lifetime, LABEL)
    return {"client_id": client.id, "client_secret": secret}


def _check() -> None:
    """Check that these pages may make another secret; raises Conflict."""
    if sum(each.label == LABEL and each.kind != TRUST for each in valid()) >= MOST:
        raise Conflict(f"There are {MOST} secrets already that these pages have made; revoke one first.")


def valid() -> list[Credential]:
    """Return the credentials by which the customer's provider can come in; those that only read are the vendor's."""
    found = credentials_of(parts().database, customer().name, now())
    return [each for each in found if each.state == VALID and _WRITE in each.scopes]


def _page(form: Form, made: dict[str, str]) -> Response:
    rows = valid()
    newest = max((each for each in rows if each.used), key=lambda each: each.used or each.created, default=None)
    return page("setup_tokens.html", form.status, form=form, rows=rows, in_use=newest, made=made, words=WORDS)


def _revoked(form: Form) -> Response:
    typed, acts, name = form.typed, CredentialActs(parts().database, acting()), customer().name
    if typed["act"] != "revoke" or typed["kind"] not in (TOKEN, SECRET):
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    if (typed["kind"], typed["id"]) not in {(each.kind, each.id) for each in valid()}:
        raise NotFound(f"There is no {typed['kind']} {typed['id']!r}.")
    if typed["kind"] == TOKEN:
        acts.revoke_token(typed["id"], name)
    else:
        acts.delete_secret(typed["client"], typed["id"], name)
    return back("setup.tokens", "revoked")
