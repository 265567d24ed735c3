"""The headers of every page: nothing is stored or framed, and no script runs but our one file (CSP level 3)."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response

from app.config import Config
from app.store.accounts.trusts import is_loopback as is_loopback_name

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types console"
)
_ALWAYS = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "clipboard-write=(self), camera=(), geolocation=(), microphone=(), payment=(), usb=(), display-capture=()"
    ),
    "X-Content-Type-Options": "nosniff",
}
_YEAR = 31_536_000


def protect(response: Response, config: Config) -> Response:
    """Add the headers to a response and return it."""
    response.headers.update(_ALWAYS)
    response.headers.setdefault("Cache-Control", "no-store")
    if config.base_url.startswith("https:"):
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
    return response


def is_our_host(given: str, config: Config) -> bool:
    """Return whether a Host header is that of the server's own URLs, or a loopback name where that is one.

    Otherwise a page of an attacker whose name is made to resolve to our address would be of one origin with ours.
    """
    own = urlsplit(config.base_url)
    if given.lower() == own.netloc.lower():
        return True
    name, _, port = given.lower().rpartition(":")
    return is_loopback(config) and is_loopback_name(name.strip("[]")) and port == str(own.port or 80)


def is_our_origin(given: str, config: Config) -> bool:
    """Return whether an Origin header is ours."""
    scheme, _, host = given.partition("://")
    return scheme == urlsplit(config.base_url).scheme and is_our_host(host, config)


def is_loopback(config: Config) -> bool:
    """Return whether the server's own URLs are those of this machine alone."""
    return is_loopback_name(urlsplit(config.base_url).hostname or "")


def can_sign_in(config: Config) -> bool:
    """Return whether browsers take our cookies: over https, or over http from this machine."""
    return config.base_url.startswith("https:") or is_loopback(config)
