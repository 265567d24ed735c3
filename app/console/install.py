"""Adds the pages to the application, as far as the settings say."""

from __future__ import annotations

from flask import Flask, Response, abort
from werkzeug.routing import PathConverter, Rule

import app.console.frame.entering
import app.console.frame.signing_on
import app.console.pages.acts
import app.console.pages.credentials
import app.console.pages.links
import app.console.pages.log
import app.console.pages.overview
import app.console.pages.people
import app.console.pages.server
import app.console.pages.state
import app.console.setup.status
import app.console.setup.steps
import app.console.setup.tokens  # noqa: F401 - these make the views
from app.console.frame.access import Need, needs
from app.console.frame.blueprints import assets, console, setup
from app.console.frame.parts import EXTENSION, Parts

ON, SETUP_ONLY, OFF = "on", "setup", "off"
_BLUEPRINTS = {ON: (console, setup, assets), SETUP_ONLY: (setup, assets), OFF: ()}


class UnknownPage(PathConverter):
    """The rest of a path, but for those of a tenant with the name of a page, from before that was reserved."""

    regex = r"(?!(?:scim|oauth|sign-on)(?:/|$))(?s:.+)"
    part_isolating = False


def install(flask: Flask, parts: Parts) -> None:
    """Add the pages; a path that is none of them is answered by a page, too."""
    flask.extensions[EXTENSION] = parts
    flask.url_map.converters["unknown_page"] = UnknownPage
    for blueprint in _BLUEPRINTS[parts.config.console]:
        flask.register_blueprint(blueprint)
        if blueprint is not assets:
            endpoint = f"{blueprint.name}.unknown"
            flask.url_map.add(Rule(f"/{blueprint.name}/<unknown_page:path>", endpoint=endpoint))
            flask.view_functions[endpoint] = unknown


@needs(Need.NOBODY)
def unknown(path: str) -> Response:
    """Answer a path that does not exist."""
    abort(404)
