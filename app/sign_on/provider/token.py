"""The token endpoint for apps: a code becomes an ID token and an access token (RFC 6749 section 4.1.3)."""

from __future__ import annotations

from collections.abc import Mapping

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6749.errors import UnauthorizedClientError

from app.auth.limits.rate_limits import Limits
from app.auth.refusal import Refusal, Refused
from app.auth.token_endpoint import TokenAnswer, TokenRequest, not_authenticated
from app.schemas.tables.user import USER_TYPE
from app.sign_on.people import Person
from app.sign_on.provider.app_authentication import AppAuthentication
from app.sign_on.provider.authorize import OPERATION
from app.sign_on.provider.grants import CODE_GRANT
from app.sign_on.provider.server import Servers
from app.store.log.event import Actor, Event
from app.store.log.events import Events, LogSettings
from app.store.mongo.database import Database
from app.store.sign_on.apps import App

_CLIENT_GRANT = "client_credentials"


class AppTokenEndpoint:
    """Exchanges the codes of all apps; `log` are the settings of the tenants' logs."""

    def __init__(
        self, database: Database, apps: AppAuthentication, servers: Servers, log: LogSettings,
    ) -> None:
        self._database = database
        self._apps = apps
        self._servers = servers
        self._log = log

    def answer(self, request: TokenRequest, parameters: Mapping[str, str], limits: Limits) -> TokenAnswer:
        """Return the answer to a token request of an app; raises TooManyRequests."""
        try:
            app, tenant = self._apps.authenticate(request.tenant, parameters, request.authorization)
        except Refused as refused:
            limits.count_wrong_credential(request.address)
            return not_authenticated(refused.refusal, OPERATION)
        limits.count_app_request(tenant.name)
        try:
            _check_grant_type(parameters["grant_type"])
            body, person = self._servers.of(tenant.name, app).exchange(parameters, tenant)
        except OAuth2Error as error:
            return _refused(error, app)
        self._record(person, request, app)
        return TokenAnswer(200, body, dict(default_json_headers))

    def _record(self, person: Person, request: TokenRequest, app: App) -> None:
        session = person.session
        event = Event(
            OPERATION, USER_TYPE.name, session.user, person.name, status=200,
            sign_on={
                "connection": session.connection, "app": app.id, "sid": session.sid, "address": session.address,
                "amr": list(session.amr),
            },
        )
        log = Events(self._database, person.tenant.name, self._log)
        log.append(event, Actor(app.id, request.request_id))


def _check_grant_type(grant_type: str) -> None:
    if grant_type == _CLIENT_GRANT:
        raise UnauthorizedClientError("An app can only exchange a code; a client of SCIM has an id of its own.")
    if grant_type != CODE_GRANT:
        raise OAuth2Error(f"The only grant_type for an app is {CODE_GRANT}.", error="unsupported_grant_type")


def _refused(error: OAuth2Error, app: App) -> TokenAnswer:
    description = error.description or str(error.error)
    refusal = Refusal("app", description.rstrip("."), credential_id=app.id, label=app.settings.name)
    body = {"error": error.error, "error_description": description}
    return TokenAnswer(error.status_code, body, dict(default_json_headers), refusal, OPERATION)
