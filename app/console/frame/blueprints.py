"""The blueprints of the pages and of their style and script, and what every template gets."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, request, send_from_directory, url_for

from app.console.frame import door
from app.console.frame.outcomes import OUTCOMES
from app.console.frame.parts import parts
from app.protocol.messages import CSS, JAVASCRIPT, SVG
from app.store.operators.visits import CONSOLE, SETUP

STATIC = Path(__file__).parents[1] / "static"
_TYPES = {"console.css": CSS, "console.js": JAVASCRIPT, "icon.svg": SVG}
_YEAR = 31_536_000
NAVIGATION = (
    ("console.overview", "Customers"), ("console.log", "Log"), ("console.acts", "Operators' acts"),
    ("console.health", "Health"),
)
OF_A_CUSTOMER = (
    ("console.customer", "Overview"), ("console.customer_log", "Log"), ("console.people", "People"),
    ("console.groups", "Groups"), ("console.deleted", "Deleted"), ("console.credentials", "Credentials"),
    ("console.links", "Setup links"), ("console.feed", "Feed"), ("console.sign_on", "Sign-on"),
)
"""The pages of the header and of a customer: endpoint and name, in their order."""

console = door.install(Blueprint("console", __name__, url_prefix="/console", template_folder="../templates"), CONSOLE)
setup = door.install(Blueprint("setup", __name__, url_prefix="/setup", template_folder="../templates"), SETUP)
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


@console.context_processor
@setup.context_processor
def context() -> dict[str, Any]:
    """Return what every template gets."""
    config = parts().config
    return {
        "visit": g.get("visit"), "kind": g.get("kind", CONSOLE), "customer": g.get("customer"), "may": door.may,
        "stale": door.is_stale,
        "vendor": config.vendor, "support": config.support, "outcomes": OUTCOMES,
        "pages": current_app.view_functions,
        "has_sign_on": parts().operators is not None, "navigation": _existing(NAVIGATION),
        "customer_navigation": _existing(OF_A_CUSTOMER),
        "here": _here, "kinds": parts().kinds,
        "static": lambda name: url_for("assets.file", given=version(), name=name),
    }


def _here(**values: str) -> str:
    """Return the address of the current page with other parameters."""
    of = {"customer": g.customer.name} if g.kind == CONSOLE and g.customer else {}
    arguments: dict[str, Any] = {**(request.view_args or {}), **of, **values}
    return url_for(request.endpoint or "", **arguments)


def _existing(pages: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [page for page in pages if page[0] in current_app.view_functions]
