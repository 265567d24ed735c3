"""The assembly of sign-on: puts its parts together when a person first comes, so that SCIM does not pay for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.auth.limits.sign_on_limits import SignOnLimits
from app.blueprints.sign_on.headers import BASE
from app.blueprints.sign_on.views import sign_on
from app.config import Config
from app.sign_on.flow.parts import AppRequest, Parts
from app.sign_on.flow.record import Record
from app.sign_on.flow.sign_on import EXTENSION, SignOn
from app.store.accounts.tenants import Tenant
from app.store.directory.directory import Directory
from app.store.mongo.database import Database
from app.store.sign_on.connection import Connection
from app.store.sign_on.sealing import Sealer
from app.store.sign_on.signing_keys import SigningKeys


def install(app: Flask, config: Config, database: Database, directory: Callable[[Tenant], Directory]) -> None:
    """Add the routes of sign-on to the application; `directory` opens that of a tenant."""
    app.extensions[EXTENSION] = _Assembly(config, database, directory)
    app.config[BASE] = config.base_url
    app.register_blueprint(sign_on)
    if config.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.proxies, x_proto=0)  # type: ignore[method-assign]


class _Assembly:
    """Makes the parts when they are first needed; `directory` opens that of a tenant."""

    def __init__(self, config: Config, database: Database, directory: Callable[[Tenant], Directory]) -> None:
        self._config = config
        self._database = database
        self._directory = directory

    @cached_property
    def sign_on(self) -> SignOn:
        """What the views of sign-on use."""
        config, database = self._config, self._database
        return SignOn(Parts(
            database=database, base=config.base_url, lifetime=timedelta(hours=config.session_hours),
            record=Record(database, config.log_days, config.log_values),
            limits=SignOnLimits(database, config.rate_limit), directory=self._directory,
            signing_keys=SigningKeys(database, Sealer(database, config.sealing_keys)),
            hooks=_Hooks(database, counted=bool(config.metrics_bind)),
        ))


class _Hooks:
    """What the flow is told by other rooms, and tells them."""

    def __init__(self, database: Database, *, counted: bool) -> None:
        self._database = database
        self._counted = counted

    def refresh(self, connection: Connection) -> Connection | None:
        return None

    def answer(self, request: AppRequest, sid: str) -> str:
        raise NotImplementedError

    def refusal(self, request: AppRequest, error: str) -> str:
        raise NotImplementedError

    def app_name(self, request: AppRequest) -> str:
        raise NotImplementedError

    def signed_on(self, tenant: str, kind: str, result: str, seconds: float | None) -> None:
        if not self._counted:
            return
        from app.telemetry import metrics
        from app.telemetry.labels import tenant_label

        metrics.SIGN_ONS.labels(tenant_label(tenant), kind, result).inc()
        if seconds is not None:
            metrics.SIGN_ON_SECONDS.observe(seconds)
