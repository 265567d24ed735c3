"""`/Me`: the user that the credential belongs to (RFC 7644 section 3.11); 501 if it belongs to none."""

from __future__ import annotations

from flask import Blueprint, Response

from app.blueprints import scim
from app.blueprints.exchange import current_principal
from app.errors import NotImplementedHere

me = Blueprint("me", __name__, url_prefix="/v2")
USERS = "Users"


@me.get("/Me")
def read() -> Response:
    """Return the user."""
    return _located(scim.read(USERS, _user()))


@me.put("/Me")
def replace() -> Response:
    """Replace the user."""
    return _located(scim.replace(USERS, _user()))


@me.patch("/Me")
def patch() -> Response:
    """Modify the user."""
    return _located(scim.patch(USERS, _user()))


@me.delete("/Me")
def delete() -> Response:
    """Delete the user."""
    return scim.delete(USERS, _user())


@me.post("/Me")
def create() -> Response:
    """Refuse the request: the user of a credential already exists."""
    raise NotImplementedHere("POST /Me is not supported; POST /Users creates a user.")


def _user() -> str:
    user = current_principal().user_id
    if user is None:
        raise NotImplementedHere("The credential belongs to a client, not to a user, so there is no /Me.")
    return user


def _located(response: Response) -> Response:
    response.headers["Location"] = response.headers["Content-Location"]
    return response
