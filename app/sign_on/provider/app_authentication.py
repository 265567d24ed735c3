"""Authentication of apps at the token endpoint: by a secret, or for public apps by their id alone.

An unknown app, one that is not for this tenant, and a wrong secret cost the same work and get the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from app.auth.client_authentication import basic_credentials
from app.auth.refusal import Inspection, ago
from app.store.accounts.clients import Secret
from app.store.accounts.tenants import Tenant, Tenants
from app.store.accounts.tokens import is_secret
from app.store.sign_on.apps import App, Apps

_NO_SECRET = Secret("", "", datetime.min, datetime.min)
"""Compared with in place of the secrets of an unknown app; no secret has this hash."""


class AppAuthentication:
    """Authenticates the apps of all tenants; `clock` returns the time."""

    def __init__(self, apps: Apps, tenants: Tenants, clock: Callable[[], datetime]) -> None:
        self._apps = apps
        self._tenants = tenants
        self._clock = clock

    def authenticate(self, tenant_name: str, parameters: Mapping[str, str], authorization: str) -> tuple[App, Tenant]:
        """Return the app that sends a token request, and the tenant; raises Refused."""
        inspection = Inspection("app")
        app_id, secret = self._sent(inspection, parameters, authorization)
        app, tenant = self._apps.get(app_id), self._tenants.get(tenant_name)
        rows = (app.secrets if app else ()) or (_NO_SECRET,)
        good = [row for row in rows if is_secret(secret, row.hash)]
        inspection.check("id", app is not None, expected="a known one", received=app_id, reason="unknown")
        assert app is not None
        inspection.credential_id, inspection.label = app.id, app.settings.name
        serves = tenant is not None and app.serves(tenant)
        inspection.check(
            "tenant", serves, expected="one that the app is for", received=tenant_name, reason="not for this tenant"
        )
        assert tenant is not None
        if app.settings.public:
            inspection.check("secret", not secret, expected="none", received="one", reason="a public app has no secret")
        else:
            self._check_secret(inspection, secret, good)
        return app, tenant

    def _check_secret(self, inspection: Inspection, secret: str, good: list[Secret]) -> None:
        received = "another" if secret else "none"
        inspection.check("secret", bool(good), expected="one of its own", received=received, reason="wrong secret")
        moment, latest = self._clock(), max(good, key=lambda row: row.expires)
        inspection.check(
            "expiry", moment < latest.expires, expected=f"after {moment:%Y-%m-%d %H:%M:%S}Z",
            received=str(latest.expires), reason=f"secret {latest.id} expired {ago(latest.expires, moment)}",
        )

    @staticmethod
    def _sent(inspection: Inspection, parameters: Mapping[str, str], authorization: str) -> tuple[str, str]:
        """Return the id and the secret that were sent, in one place (RFC 6749 section 2.3)."""
        basic = basic_credentials(authorization)
        if not basic:
            return parameters.get("client_id", ""), parameters.get("client_secret", "")
        same = parameters.get("client_id", basic["client_id"]) == basic["client_id"]
        once = same and "client_secret" not in parameters
        inspection.check(
            "place", once, expected="the header or the form", received="both", reason="credentials in two places"
        )
        return basic["client_id"], basic["client_secret"]
