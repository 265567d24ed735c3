"""Requests without a view: a method that the path does not have (RFC 9110 section 15.5.6), or an unknown path.

Flask would answer both without asking for a credential, and a path with views of its own (`/Schemas`) would inherit
further methods from `/<endpoint>`.
"""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.routing import PathConverter, Rule

from app.blueprints import door
from app.blueprints.exchange import UNKNOWN_PATH, current, current_catalogue
from app.blueprints.oauth import oauth
from app.blueprints.provider import errors as oauth_errors
from app.blueprints.provider.api import api
from app.blueprints.provider.browser import browser
from app.blueprints.request.misdirected import is_endpoint, misdirected, problems
from app.blueprints.response.answers import empty_response
from app.blueprints.sign_on.views import PREFIX, sign_on, unknown
from app.causes import WRONG_URL
from app.errors import InvalidVersion, MethodNotAllowed

OTHER_METHODS = "other_methods"
_OWN_ERRORS = frozenset({sign_on.name, browser.name, api.name, oauth.name, "console", "setup"})
"""The blueprints whose errors are pages or those of OAuth."""


class AnyPath(PathConverter):
    """The rest of a path, line breaks included."""

    regex = "(?s:.+)"
    part_isolating = False


def install(app: Flask) -> None:
    """Add the fallbacks to the routes of the application."""
    methods: dict[str, set[str]] = {}
    owners = {rule.rule: rule.endpoint.rpartition(".")[0] for rule in app.url_map.iter_rules()}
    for rule in app.url_map.iter_rules():
        methods.setdefault(rule.rule, {"OPTIONS"}).update(rule.methods or ())
    allow = {path: ", ".join(sorted(names)) for path, names in methods.items()}

    def other_methods(endpoint: str | None = None, resource_id: str = "", **_: str) -> Response:
        assert request.url_rule is not None
        allowed = allow[request.url_rule.rule]
        if request.method == "OPTIONS":  # needs no credential, because it reveals no endpoint
            response = empty_response()
            response.headers["Allow"] = allowed
            return response
        if endpoint is not None and current_catalogue().at(endpoint) is None:
            raise misdirected(f"The endpoint /{endpoint} does not exist.", current())
        if resource_id and is_endpoint(resource_id, current_catalogue()):
            raise misdirected(f"The endpoint /{endpoint}/{resource_id} does not exist.", current())
        raise MethodNotAllowed(f"{request.method} is not allowed for {request.path}.", allow=allowed)

    # A rule without methods matches all that no other rule has; `add_url_rule` would make it GET.
    for path in allow:
        endpoint = f"{_blueprint_of(path, owners[path])}{OTHER_METHODS}"
        app.url_map.add(Rule(path, endpoint=endpoint))
        app.view_functions[endpoint] = other_methods
    app.url_map.converters["any_path"] = AnyPath
    app.url_map.add(Rule(f"{door.PREFIX}/<any_path:path>", endpoint=UNKNOWN_PATH))
    app.view_functions[UNKNOWN_PATH] = unknown_path
    for path, owner, view in (
        (f"{PREFIX}/<any_path:path>", sign_on.name, unknown),
        ("/<tenant>/oauth", api.name, oauth_errors.unknown),
        ("/<tenant>/oauth/<any_path:path>", api.name, oauth_errors.unknown),
    ):
        app.url_map.add(Rule(path, endpoint=f"{owner}.unknown"))
        app.view_functions[f"{owner}.unknown"] = view


def _blueprint_of(path: str, owner: str) -> str:
    """Return the blueprint whose door or whose form of errors is meant for a path, with a dot, or "".

    `owner` is the blueprint of the path's views.
    """
    if path.startswith(f"{door.PREFIX}/"):
        return f"{door.NAME}."
    return f"{owner}." if owner in _OWN_ERRORS else ""


def unknown_path(path: str) -> Response:
    """Refuse an unknown path below a tenant's SCIM URL; raises InvalidVersion, NotFound."""
    if path.partition("/")[0] != "v2":
        about = problems(current().tenant_name, current().catalogue)
        raise InvalidVersion("Only version v2 of the protocol is supported.", *about, cause=WRONG_URL)
    raise misdirected(f"{request.path} does not exist.", current())
