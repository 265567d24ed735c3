"""The metadata of an identity provider, fetched from its issuer URL (OpenID Connect Discovery section 4)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.auth.jwks import SECONDS, FetchError, another_issuer, fetch_object
from app.errors import InvalidValue
from app.store.accounts.trusts import check_url, is_loopback

MOST_BYTES = 512 * 1024
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class Metadata:
    """What is used of an identity provider's metadata."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    auth_methods: tuple[str, ...] = ()
    """How clients may authenticate at the token endpoint; empty if it does not say so."""
    sends_issuer: bool = False
    """Whether each authorization response names the issuer (RFC 9207 section 3)."""

    @classmethod
    def from_stored(cls, document: Mapping[str, Any]) -> Metadata:
        """Return the metadata that was stored as what `dataclasses.asdict` makes of it."""
        return cls(**{**document, "auth_methods": tuple(document.get("auth_methods", ()))})


def discovery_url(issuer: str) -> str:
    """Return where an issuer publishes its metadata."""
    return issuer.rstrip("/") + "/.well-known/openid-configuration"


def discover(issuer: str) -> Metadata:
    """Return the metadata of the issuer; raises FetchError, whose text is for the operator.

    The metadata must name exactly this issuer. An endpoint on this machine is allowed only if the issuer is here, too;
    otherwise the provider could make the server send requests to services that listen on the loopback interface alone.
    """
    _check(issuer, "The issuer", local=True)
    found = fetch_object(discovery_url(issuer), time.monotonic() + SECONDS, MOST_BYTES)
    _check_issuer(found.get("issuer"), issuer)
    local = is_loopback(urlsplit(issuer).hostname or "")
    endpoints = {name: _check(found.get(name), f"The issuer's {name}", local=local) for name in _ENDPOINTS}
    if found.get("end_session_endpoint"):
        name = "end_session_endpoint"
        endpoints[name] = _check(found[name], f"The issuer's {name}", local=local)
    return Metadata(
        issuer, **endpoints, auth_methods=_strings(found, "token_endpoint_auth_methods_supported"),
        sends_issuer=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _check_issuer(named: object, issuer: str) -> None:
    if named == issuer:
        return
    if isinstance(named, str) and "{" in named:
        raise FetchError(
            "the metadata is that of many directories, with a placeholder in its issuer; use the issuer URL of the one"
            " directory whose people sign in"
        )
    raise another_issuer(named, issuer)


def _check(url: object, what: str, *, local: bool) -> str:
    text = url if isinstance(url, str) else ""
    try:
        check_url(text, what, query=what != "The issuer")
    except InvalidValue as error:
        raise FetchError(error.detail) from None
    if not local and is_loopback(urlsplit(text).hostname or ""):
        raise FetchError(f"{what} is an address of this machine, but the issuer is not.")
    return text


def _strings(metadata: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = metadata.get(name)
    return tuple(each for each in values if isinstance(each, str)) if isinstance(values, list) else ()
