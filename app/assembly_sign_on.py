"""The assembly of sign-on: puts its parts together when a person first comes, so that SCIM does not pay for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.application import Application
from app.auth import TokenAnswer, TokenRequest
from app.auth.limits.rate_limits import Limits
from app.auth.limits.sign_on_limits import SignOnLimits
from app.background.janitor import Chore
from app.background.sign_on import Rest, sign_on_chores
from app.blueprints.pages.headers import BASE
from app.blueprints.provider.api import api
from app.blueprints.provider.browser import browser
from app.blueprints.sign_on.views import sign_on
from app.config import Config
from app.schemas.custom import common_catalogue
from app.schemas.tables.user import USER_TYPE
from app.sign_on.flow.parts import Parts
from app.sign_on.flow.record import Record
from app.sign_on.flow.sign_on import EXTENSION, SignOn
from app.sign_on.logout_tokens import Teller
from app.sign_on.provider.app_request import AppRequest
from app.sign_on.provider.provider import OpenIDProvider
from app.sign_on.provider.provider import Parts as ProviderParts
from app.sign_on.refreshing import Refreshing
from app.store.accounts.sealing import Sealer
from app.store.accounts.tenants import Tenant
from app.store.directory.directory import Directory
from app.store.log.events import LogSettings
from app.store.mongo.database import Database
from app.store.sign_on.connection import Connection
from app.store.sign_on.signing_keys import SigningKeys


def install(app: Flask, config: Config, assembly: Assembly) -> None:
    """Add the routes of sign-on to the application."""
    app.extensions[EXTENSION] = assembly
    app.config[BASE] = config.base_url
    for blueprint in (sign_on, browser, api):
        app.register_blueprint(blueprint)
    assert isinstance(app, Application)
    app.chores = (*app.chores, *assembly.chores)
    if config.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.proxies, x_proto=0)  # type: ignore[method-assign]


class Assembly:
    """Makes the parts when they are first needed; `directory` opens that of a tenant."""

    def __init__(self, config: Config, database: Database, directory: Callable[[Tenant], Directory]) -> None:
        self._config = config
        self._database = database
        self._directory = directory
        self.rest = Rest(database)

    @cached_property
    def sign_on(self) -> SignOn:
        """What the views of sign-on use."""
        config, database = self._config, self._database
        return SignOn(Parts(
            database=database, base=config.base_url, lifetime=timedelta(hours=config.session_hours),
            record=Record(database, config.log_days, config.log_values),
            limits=SignOnLimits(database, config.rate_limit), directory=self._directory,
            signing_keys=self._keys, hooks=_Hooks(self, counted=bool(config.metrics_bind)),
        ))

    @cached_property
    def provider(self) -> OpenIDProvider:
        """What the views for apps use."""
        config = self._config
        kind = common_catalogue(config.schemas_dir).named(USER_TYPE.name)
        assert kind is not None
        return OpenIDProvider(ProviderParts(
            database=self._database, keys=self._keys, limits=Limits(self._database, config.rate_limit),
            issuer=self._issuer, directory=self._directory, user_type=kind,
            log=LogSettings(config.log_days, config.log_values),
        ))

    @cached_property
    def refreshing(self) -> Refreshing:
        """What reads the metadata of identity providers again."""
        return Refreshing(self._database, failed=self._count_failed_fetch)

    @property
    def chores(self) -> tuple[Chore, ...]:
        """What a worker does for sign-on besides answering requests."""
        config, database = self._config, self._database
        teller = Teller(database, self._keys, self._issuer, config.log_days, self._count_logout_token)
        return sign_on_chores(self.rest, database, teller, self.refreshing, self._directory)

    def _issuer(self, tenant: str) -> str:
        return f"{self._config.base_url}/{tenant}"

    def _count_failed_fetch(self, tenant: str) -> None:
        if self._config.metrics_bind:
            from app.telemetry import metrics
            from app.telemetry.labels import tenant_label

            metrics.FETCH_FAILURES.labels(tenant_label(tenant)).inc()

    def _count_logout_token(self, app: str, result: str) -> None:
        if self._config.metrics_bind:
            from app.telemetry import metrics

            metrics.count_logout_token(app, result)

    def token(self, request: TokenRequest, parameters: Mapping[str, str]) -> TokenAnswer:
        """Return the answer to a token request of an app; raises Refused, TooManyRequests."""
        return self.provider.token(request, parameters)

    @cached_property
    def _keys(self) -> SigningKeys:
        return SigningKeys(self._database, Sealer(self._database, self._config.sealing_keys))


class _Hooks:
    """What the flow is told by other rooms, and tells them."""

    def __init__(self, assembly: Assembly, *, counted: bool) -> None:
        self._assembly = assembly
        self._counted = counted

    def refresh(self, connection: Connection) -> Connection | None:
        return self._assembly.refreshing.again(connection)

    def answer(self, request: AppRequest, sid: str, request_id: str) -> str:
        return self._assembly.provider.authorization.answer(request, sid, request_id)

    def refusal(self, request: AppRequest, error: str) -> str:
        return self._assembly.provider.authorization.refusal_url(request, error)

    def app_name(self, request: AppRequest) -> str:
        return self._assembly.provider.authorization.app_name(request)

    def signed_on(self, tenant: str, kind: str, result: str, seconds: float | None) -> None:
        self._assembly.rest.wake()
        if not self._counted:
            return
        from app.telemetry import metrics
        from app.telemetry.labels import tenant_label

        metrics.SIGN_ONS.labels(tenant_label(tenant), kind, result).inc()
        if seconds is not None:
            metrics.SIGN_ON_SECONDS.observe(seconds)
