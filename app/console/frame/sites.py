"""The two sites, the console and the setup pages: how their views are declared, and what every template gets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar

from flask import Blueprint, Response, abort, current_app, g, request, send_from_directory, url_for

from app.advice.words import FOLLOWING, OUTCOMES
from app.console.frame import door
from app.console.frame.access import Need
from app.console.frame.asked import asked
from app.console.frame.forms import Fault, form, read
from app.console.frame.parts import parts
from app.console.frame.shown import FILTERS
from app.errors import ScimError
from app.protocol.messages import CSS, JAVASCRIPT, SVG
from app.store.operators.visits import CONSOLE, SETUP

STATIC = Path(__file__).parents[1] / "static"
_TYPES = {"console.css": CSS, "console.js": JAVASCRIPT, "icon.svg": SVG}
_YEAR = 31_536_000
_REFUSED = (400, 404, 409)
"""The statuses of what a form is refused for; others are no fault of what was typed."""
_KEPT = ("q", "person", "failed", "operation", "credential", "cause", "attribute", "from", "to")
"""The parameters of an address that the pages beside it have, too."""

View = TypeVar("View", bound=Callable[..., Response])


class Site:
    """The pages for one kind of visits; each of its views says what it needs."""

    def __init__(self, kind: str) -> None:
        self.blueprint = Blueprint(kind, __name__, url_prefix=f"/{kind}", template_folder="../templates")
        door.install(self.blueprint, kind)
        self.blueprint.context_processor(_context)
        self.blueprint.url_defaults(_same_customer)
        for function in FILTERS:
            self.blueprint.add_app_template_filter(function)

    def page(self, path: str, need: Need, **options: Any) -> Callable[[View], View]:
        """Declare a view that shows something, and changes nothing."""

        def declare(view: View) -> View:
            self._add("GET", path, need, view, **options)
            return view

        return declare

    def act(
        self, path: str, need: Need, *fields: str, shows: Callable[..., Response] | None = None, about: str = ""
    ) -> Callable[[View], View]:
        """Declare a view that does what a form with these fields asks for.

        If that is refused, `shows` shows the form again, with the reason at the top and at the field that it is about.
        """

        def declare(view: View) -> View:
            @wraps(view)
            def done(**arguments: Any) -> Response:
                sent = read(*fields)
                try:
                    return view(sent, **arguments)
                except ScimError as error:
                    if shows is None or error.status not in _REFUSED:
                        raise
                    sent.faults[error.field if isinstance(error, Fault) else about] = error.detail
                    return shows(**arguments)

            self._add("POST", path, need, done)
            return view

        return declare

    def _add(self, method: str, path: str, need: Need, view: Callable[..., Response], **options: Any) -> None:
        view.needs = need  # type: ignore[attr-defined]
        self.blueprint.add_url_rule(path, view_func=view, methods=[method], **options)


def _context() -> dict[str, Any]:
    """Return what every template gets."""
    config = parts().config
    return {
        "visit": g.get("visit"), "kind": g.get("kind", CONSOLE), "customer": g.get("customer"), "form": form(),
        "may": door.may, "stale": door.is_stale, "vendor": config.vendor, "support": config.support,
        "outcomes": OUTCOMES, "following": FOLLOWING, "here": _here, "asked": asked,
        "kinds": parts().kinds, "endpoints": parts().endpoints, "local": door.is_local(),
        "static": lambda name: url_for("assets.file", given=version(), name=name),
    }


def _here(endpoint: str = "", **values: str | None) -> str:
    """Return the address of the current page, or of another one, with its filter and other parameters."""
    kept = {name: asked(name) or None for name in _KEPT}
    arguments: dict[str, Any] = {**(request.view_args or {}), **kept, **values}
    return url_for(endpoint or request.endpoint or "", **arguments)


def _same_customer(endpoint: str, values: dict[str, Any]) -> None:
    """Name the customer of the current page in the addresses of a customer's pages that name none."""
    if g.get("customer") and current_app.url_map.is_endpoint_expecting(endpoint, "customer"):
        values.setdefault("customer", g.customer.name)


console, setup = Site(CONSOLE), Site(SETUP)
assets = Blueprint("assets", __name__, url_prefix="/static")


@cache
def version() -> str:
    """Return what tells the files of this version from those of others."""
    content = b"".join((STATIC / name).read_bytes() for name in _TYPES)
    return hashlib.sha256(content).hexdigest()[:12]


@assets.get("/<given>/<name>")
def file(given: str, name: str) -> Response:
    """Return the style, the script or the icon, which never change under one version."""
    if given != version() or name not in _TYPES:
        abort(404)
    response = send_from_directory(STATIC, name, mimetype=_TYPES[name], max_age=_YEAR)
    response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
