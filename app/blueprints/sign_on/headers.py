"""The headers of everything that a person's browser gets: nothing is stored, framed, guessed or run."""

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
    "Cache-Control": "no-store",
}
_YEAR = 31_536_000


def protect(
    response: Response, *, style: str = "", form_action: str = "", frames: tuple[str, ...] = ()
) -> Response:
    """Add the headers to a response and return it.

    `style` is the SHA-256 of a page's style sheet in base64. `form_action` is an origin to which a form may lead beside
    our own, since `form-action` also governs where a POST is redirected to (CSP level 3 section 6.3.1). `frames` are
    the origins whose pages may show the response in a frame.
    """
    response.headers.update(_ALWAYS)
    styles = f"style-src 'sha256-{style}'; " if style else ""
    action = f"'self' {form_action}".strip()
    ancestors = " ".join(frames) or "'none'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; {styles}form-action {action}; frame-ancestors {ancestors}; base-uri 'none'"
    )
    if frames:
        del response.headers["X-Frame-Options"]  # it cannot name an origin
    if _base().startswith("https:"):
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
    return response


def redirect_to(url: str) -> Response:
    """Return a redirect that the browser follows with a GET."""
    return protect(Response(status=303, headers={"Location": url}))


def is_from_us() -> bool:
    """Return whether the current request was made by one of our own pages (Fetch Metadata).

    Because of their referrer policy, `Origin` is `null` in what our pages send; then `Sec-Fetch-Site` says it.
    """
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    return request.headers.get("Origin") == "{0.scheme}://{0.netloc}".format(urlsplit(_base()))


def _base() -> str:
    base: str = current_app.config[BASE]
    return base
