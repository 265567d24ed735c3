"""The headers of everything that a person's browser gets: nothing is stored, framed or guessed; and who sent a form."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, current_app, request

BASE = "SCIMD_BASE_URL"
"""The key of Flask's configuration under which the start of the server's own URLs is."""
_ALWAYS = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_YEAR = 31_536_000


def protect(response: Response, policy: str) -> Response:
    """Add the headers to a response and return it; `policy` is its Content-Security-Policy (CSP level 3)."""
    response.headers.update(_ALWAYS)
    response.headers["Content-Security-Policy"] = policy
    response.headers.setdefault("Cache-Control", "no-store")
    if base_url().startswith("https:"):
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
    return response


def is_from_us(host: str = "") -> bool:
    """Return whether one of our own pages sent the current request (Fetch Metadata; in older browsers by Origin).

    `host` is the one that the request was sent to, if that has been checked; otherwise only the host of our own URLs
    counts. Because of their referrer policy, our pages send `Origin: null`; then `Sec-Fetch-Site` says it.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    own = urlsplit(base_url())
    return request.headers.get("Origin", "").lower() == f"{own.scheme}://{host or own.netloc}".lower()


def base_url() -> str:
    """Return the start of the server's own URLs."""
    base: str = current_app.config[BASE]
    return base
