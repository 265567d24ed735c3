"""The two cookies of a browser: which browser it is, and that it is signed in to a tenant. Both are random.

The prefix `__Host-` keeps servers of the same domain from planting one. They are Lax and
not Strict, because apps of other sites send people here.
"""

from __future__ import annotations

from flask import Response, request

from app.blueprints.exchange import current
from app.sign_on.flow.visit import Visit

BROWSER = "__Host-scimd-browser"
BROWSER_SECONDS = 3_600
_TAKEN = frozenset({"browser", "console", "setup"})
"""What is no tenant's in the name of a cookie; a tenant may have had such a name before it was reserved."""
_MOST = 200
"""Characters of a cookie; ours have 43."""


def session_cookie(tenant: str) -> str:
    """Return the name of the cookie of a session with a tenant; a browser can have sessions with several."""
    name = f"__Host-scimd-{tenant}"
    return f"{name}-" if tenant in _TAKEN else name  # no tenant has a name that ends with -


def visit(tenant: str) -> Visit:
    """Return the current request as a visit of a browser."""
    browser, session = (request.cookies.get(name, "")[:_MOST] for name in (BROWSER, session_cookie(tenant)))
    return Visit(tenant, request.remote_addr or "", current().request_id, browser, session)


def set_browser(response: Response, value: str) -> None:
    """Set the cookie that tells a browser from others."""
    response.set_cookie(BROWSER, value, max_age=BROWSER_SECONDS, path="/", secure=True, httponly=True, samesite="Lax")


def set_session(response: Response, tenant: str, value: str) -> None:
    """Set the cookie of a session, which the browser forgets when it is closed."""
    response.set_cookie(session_cookie(tenant), value, path="/", secure=True, httponly=True, samesite="Lax")


def drop_session(response: Response, tenant: str) -> None:
    """Remove the cookie of a session."""
    response.delete_cookie(session_cookie(tenant), path="/", secure=True, httponly=True, samesite="Lax")
