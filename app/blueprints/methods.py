"""The methods that a path does not have: one view answers them all, with those that it has (RFC 9110 section 15.5.6).

Without it a path with views of its own (`/Schemas`) would borrow its other methods from `/<endpoint>`.
"""

from __future__ import annotations

from flask import Flask, Response

from app.blueprints.answers import empty_answer
from app.blueprints.service import current
from app.errors import MethodNotAllowed, NotFound

_OTHER = "other_methods"


def install(app: Flask) -> None:
    """Put the view beside all routes that there are."""
    methods: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        methods.setdefault(rule.rule, {"OPTIONS"}).update(rule.methods or ())
    allow = {path: ", ".join(sorted(names)) for path, names in methods.items()}

    def other(endpoint: str | None = None, **_: str) -> Response:
        asked, here = current()
        assert asked.url_rule is not None
        allowed = allow[asked.url_rule.rule]
        if asked.method == "OPTIONS":  # of the routes alone: it asks for no credential, and tells of no endpoint
            response = empty_answer()
            response.headers["Allow"] = allowed
            return response
        if endpoint is not None and here.catalogue.at(endpoint) is None:
            raise NotFound(f"There is no endpoint /{endpoint} here.")
        raise MethodNotAllowed(f"{asked.method} does not go with {asked.path}.", allow=allowed)

    app.view_functions[_OTHER] = other
    for path in allow:
        app.url_map.add(app.url_rule_class(path, endpoint=_OTHER))  # no methods named: all that are left
