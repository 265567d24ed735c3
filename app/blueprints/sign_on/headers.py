"""The headers of the pages of sign-on: no script runs, and the style is the page's own."""

from __future__ import annotations

from flask import Response

from app.blueprints.pages import headers


def protect(
    response: Response, *, style: str = "", form_action: str = "", frames: tuple[str, ...] = ()
) -> Response:
    """Add the headers to a response and return it.

    `style` is the SHA-256 of a page's style sheet in base64. `form_action` is an origin to which a form may lead beside
    our own, since `form-action` also governs where a POST is redirected to (CSP level 3 section 6.3.1). `frames` are
    the origins whose pages may show the response in a frame.
    """
    styles = f"style-src 'sha256-{style}'; " if style else ""
    action = f"'self' {form_action}".strip()
    ancestors = " ".join(frames) or "'none'"
    policy = f"default-src 'none'; {styles}form-action {action}; frame-ancestors {ancestors}; base-uri 'none'"
    headers.protect(response, policy)
    if frames:
        del response.headers["X-Frame-Options"]  # it cannot name an origin
    return response


def redirect_to(url: str) -> Response:
    """Return a redirect that the browser follows with a GET."""
    return protect(Response(status=303, headers={"Location": url}))
