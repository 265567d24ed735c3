"""The request of an app at the authorization endpoint, checked as far as nobody has to be signed in for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from authlib.oauth2.rfc6749.errors import InvalidRequestError, InvalidScopeError, OAuth2Error

from app.sign_on.provider.claims import OPENID

MOST_CHARACTERS = 2_048
"""The most characters of a parameter; `state` and `nonce` are given back unchanged."""
HINT = "id_token_hint"
"""The parameter by which an app says whom it means."""
_LONGEST_AGE = 10**9
_NOT_SUPPORTED = {
    "request": "request_not_supported", "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported", "claims": "invalid_request",
}
_KEPT = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
)
"""The parameters that are needed to answer."""


class AppRequest(TypedDict):
    """A checked request, as it is stored with a sign-in until it is answered."""

    tenant: str
    app: str
    parameters: dict[str, str]
    subject: NotRequired[str]
    """The id of the only user whom the app wants, whom it has named by an ID token."""


@dataclass(frozen=True)
class Wishes:
    """What an app asks for besides a code (OpenID Connect Core section 3.1.2.1)."""

    silent: bool = False
    """No page may be shown (`prompt=none`)."""
    login: bool = False
    """The person must authenticate again (`prompt=login`)."""
    max_age: int | None = None
    """The most seconds since the person has authenticated."""
    login_hint: str = ""


def single(pairs: Sequence[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Return the parameters that have a value, and the names of those that were sent more than once."""
    times = Counter(name for name, _ in pairs)
    return {name: value for name, value in pairs if value}, [name for name, number in times.items() if number > 1]


def check(parameters: Mapping[str, str]) -> Wishes:
    """Check what Authlib does not, and return what else the app wishes; raises OAuth2Error."""
    for name, error in _NOT_SUPPORTED.items():
        if name in parameters:
            raise OAuth2Error(f"The parameter {name} is not supported.", error=error)
    if any(len(parameters.get(name, "")) > MOST_CHARACTERS for name in ("state", "nonce", "login_hint", "scope")):
        raise InvalidRequestError(f"A parameter has more than {MOST_CHARACTERS} characters.")
    if parameters.get("response_type") != "code":
        raise OAuth2Error("The only response_type here is code.", error="unsupported_response_type")
    if parameters.get("response_mode", "query") != "query":
        raise InvalidRequestError("The only response_mode here is query.")
    if OPENID not in parameters.get("scope", "").split():
        raise InvalidScopeError("The scope openid is missing.")
    prompts = parameters.get("prompt", "").split()
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequestError("prompt=none cannot be combined with another prompt.")
    age = _age(parameters.get("max_age"))
    return Wishes("none" in prompts, "login" in prompts, age, parameters.get("login_hint", ""))


def kept(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that are needed to answer the request."""
    return {name: parameters[name] for name in _KEPT if name in parameters}


def _age(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise InvalidRequestError("max_age must be a number of seconds.")
    return min(int(text), _LONGEST_AGE)
