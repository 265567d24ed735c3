"""Adds the pages to the application, as far as the settings say."""

from __future__ import annotations

from flask import Flask, Response, abort, request
from werkzeug.routing import PathConverter, Rule

from app.blueprints.response.answers import accepted
from app.console.frame import Need, console, entering, setup, signing_on  # noqa: F401 - they make views
from app.console.frame.door import to
from app.console.frame.parts import EXTENSION, Parts
from app.console.frame.sites import assets
from app.console.pages import acts, credentials, customers, links, log, people, server, setting_up  # noqa: F401
from app.protocol.messages import HTML, SCIM_JSON

ON, SETUP_ONLY, OFF = "on", "setup", "off"
_SITES = {ON: (console, setup), SETUP_ONLY: (setup,)}


class UnknownPage(PathConverter):
    """The rest of a path, but for those of a tenant with the name of a page, from before that was reserved."""

    regex = r"(?!(?:scim|oauth|sign-on)(?:/|$))(?s:.+)"
    part_isolating = False


def install(flask: Flask, parts: Parts) -> None:
    """Add the pages; a path that is none of them is answered by a page, too."""
    flask.extensions[EXTENSION] = parts
    flask.url_map.converters["unknown_page"] = UnknownPage
    flask.register_blueprint(assets)
    for site in _SITES[parts.config.console]:
        flask.register_blueprint(site.blueprint)
        endpoint = f"{site.blueprint.name}.unknown"
        flask.url_map.add(Rule(f"/{site.blueprint.name}/<unknown_page:path>", endpoint=endpoint))
        flask.view_functions[endpoint] = unknown
    if parts.config.console == ON:
        flask.add_url_rule("/", view_func=front)


def front() -> Response:
    """Lead a browser to the console; other clients find nothing there."""
    kinds = accepted(request.headers.get("Accept", ""))
    return to("/console") if kinds.best_match((SCIM_JSON, HTML)) == HTML else abort(404)


def unknown(path: str) -> Response:
    """Answer a path that does not exist."""
    abort(404)


unknown.needs = Need.NOBODY  # type: ignore[attr-defined]
