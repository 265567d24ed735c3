"""One spelling for each URL: other spellings are corrected before routing, because no client follows a redirect.

Entra concatenates the Tenant URL and its paths: slashes are doubled (`//Users`) and trailing (`/Users/?filter=`).
A path without a version means the latest one (RFC 7644 section 3.13).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

_USUAL = re.compile(r"/[^/]+/scim/v2(?:/[^/]+)+")
_SLASHES = re.compile("/{2,}")
_NO_VERSION = re.compile(r"^(/[^/]+/scim)(?=/|$)(?!/v\d+(?:/|$))")
_ROOT = re.compile(r"^/[^/]+/scim/v2$")


def one_spelling(path: str) -> str:
    """Return the spelling of a path that the routes have."""
    if _USUAL.fullmatch(path):
        return path
    path = _SLASHES.sub("/", path)
    if len(path) > 1:
        path = path.rstrip("/")
    path = _NO_VERSION.sub(r"\1/v2", path)
    return path + "/" if _ROOT.match(path) else path


class OneSpelling:
    """WSGI middleware that passes on each request with the one spelling of its path."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Respond to a request (PEP 3333)."""
        environ["PATH_INFO"] = one_spelling(environ.get("PATH_INFO", ""))
        return self._app(environ, start_response)
