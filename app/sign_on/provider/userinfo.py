"""Userinfo (OpenID Connect Core section 5.3): what the directory says now about the person behind an access token."""

from __future__ import annotations

from typing import Any

from app.auth.limits.rate_limits import Limits
from app.sign_on.people import People
from app.sign_on.provider.claims import ClaimsReader
from app.store.sign_on.app_tokens import AppTokens
from app.store.sign_on.apps import Apps


class UserInfo:
    """Answers what apps ask about people."""

    def __init__(self, apps: Apps, tokens: AppTokens, people: People, claims: ClaimsReader) -> None:
        self._apps = apps
        self._tokens = tokens
        self._people = people
        self._claims = claims

    def answer(self, tenant: str, authorization: str, limits: Limits) -> dict[str, Any] | None:
        """Return the claims, or None if the Authorization header has no token that is good here and now.

        Raises TooManyRequests.
        """
        scheme, _, text = authorization.partition(" ")
        token = self._tokens.find(tenant, text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            return None
        limits.count_app_request(tenant)
        app, person = self._apps.get(token.app), self._people.by_sid(tenant, token.session)
        if app is None or person is None or person.session.user != token.user or not app.serves(person.tenant):
            return None
        if not person.is_in(app.settings.group):
            return None
        claims = self._claims.read(person, token.scope.split(), app)
        return claims.for_userinfo() if claims else None
