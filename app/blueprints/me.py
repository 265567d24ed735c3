"""`/Me`: the user that the credential stands for (RFC 7644 section 3.11); 501 where it stands for none."""

from __future__ import annotations

from flask import Blueprint, Response

from app.blueprints import scim
from app.blueprints.exchange import current_principal
from app.errors import NotImplementedHere

me = Blueprint("me", __name__, url_prefix="/v2")
USERS = "Users"


@me.get("/Me")
def read() -> Response:
    """Give the user."""
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
    """Refuse: a credential that stands for a user has one already."""
    raise NotImplementedHere("POST /Me is not supported; POST /Users creates a user.")


def _user() -> str:
    user = current_principal().user_id
    if user is None:
        raise NotImplementedHere("The credential stands for a client and for no user, so that there is no /Me.")
    return user


def _located(response: Response) -> Response:
    response.headers["Location"] = response.headers["Content-Location"]
    return response
