"""Who can get in, and until when: the credentials of a customer, and what operators do to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import Response

from app.console.frame import forms
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import console
from app.console.frame.door import acting, back
from app.console.frame.forms import Form
from app.console.frame.pages import Wrong, page
from app.console.frame.parts import customer, parts
from app.errors import ScimError
from app.store.mongo.moments import now
from app.store.operators.credentials import SECRET, TOKEN, TRUST, CredentialActs, credentials_of

LIFETIMES = (("90", "90 days"), ("180", "180 days"), ("365", "1 year"))
_LONGEST_LABEL = 100


@dataclass(frozen=True)
class Made:
    """A secret that has just been made, which is in this answer and in no other."""

    title: str
    values: tuple[tuple[str, str, bool], ...]
    """Name, value, whether it is the secret."""


@console.get("/customers/<customer>/credentials")
@needs(Need.SEE)
def credentials() -> Response:
    """Show the credentials of a customer."""
    return _page(Form())


@console.post("/customers/<customer>/credentials")
@needs(Need.GRAVE)
def change_credentials() -> Response:
    """Issue, rotate or revoke a credential."""
    form = forms.read("act", "kind", "id", "client", "label", "days")
    try:
        return back("console.credentials", "revoked", customer=customer().name) if _revoke(form) else _made(form)
    except ScimError as error:
        return _page(form.fail(error))


def _page(form: Form, made: Made | None = None) -> Response:
    rows = credentials_of(parts().database, customer().name, now())
    urls = parts().config
    return page(
        "credentials.html", form.status, rows=rows, form=form, made=made, lifetimes=LIFETIMES,
        tenant_url=urls.scim_url(customer().name),
    )


def _acts() -> CredentialActs:
    return CredentialActs(parts().database, acting())


def _revoke(form: Form) -> bool:
    """Take a credential away, if the form says so, and return whether it did; raises NotFound."""
    typed, acts, tenant = form.typed, _acts(), customer().name
    if typed["act"] != "revoke":
        return False
    if typed["kind"] == TOKEN:
        acts.revoke_token(typed["id"], tenant)
    elif typed["kind"] == SECRET:
        acts.delete_secret(typed["client"], typed["id"], tenant)
    elif typed["kind"] == TRUST:
        acts.delete_trust(typed["id"], tenant)
    else:
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    return True


def _made(form: Form) -> Response:
    """Make what the form asks for, and return the page that shows its secret once; raises ScimError."""
    typed, acts, tenant = form.typed, _acts(), customer().name
    if typed["days"] not in dict(LIFETIMES):
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    if len(typed["label"]) > _LONGEST_LABEL or not typed["label"].isprintable():
        sentence = f"A label can have at most {_LONGEST_LABEL} characters, all of them printable."
        form.faults[f"{typed['act']}-label"] = sentence
        return _page(form)
    if not forms.use(form):
        return _page(Form(faults={"": "This was shown already, and is not shown again. Make another if it is lost."}))
    lifetime = timedelta(days=int(typed["days"]))
    if typed["act"] == "issue":
        text, _ = acts.issue_token(tenant, lifetime, typed["label"])
        return _page(Form(), Made("The Secret Token", (("Secret Token", text, True),)))
    if typed["act"] == "client":
        client, secret = acts.create_client(tenant, lifetime, typed["label"])
    elif typed["act"] == "rotate":
        client, _, secret = acts.rotate_client(typed["client"], lifetime, tenant)
    else:
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    endpoint = f"{parts().config.base_url}/{tenant}/oauth/token"
    public = (("OAuth token endpoint", endpoint, False), ("Client ID", client.id, False))
    return _page(Form(), Made("The client's secret", (*public, ("Client Secret", secret, True))))
