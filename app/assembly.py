"""The assembly: puts the parts together, once in each process that answers requests."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial

from flask import Flask

from app import assembly_delivery as delivery
from app import assembly_sign_on as sign_on
from app.application import Application, OneBudget
from app.auth import EVERY_TENANT, Authenticator, CredentialRefused, Limits, Principal, Shares, TokenEndpoint
from app.auth.refusal import SUSPENDED, loggable
from app.background.janitor import CHORES, Chore
from app.background.relay import RelayThread
from app.background.tenants import tenant_chores
from app.blueprints import fallbacks, telemetry
from app.blueprints.bulk import bulk
from app.blueprints.discovery import discovery
from app.blueprints.door import tenant_blueprint
from app.blueprints.exchange import EXTENSION
from app.blueprints.feed.keys import keys
from app.blueprints.feed.views import feed
from app.blueprints.health import health
from app.blueprints.me import me
from app.blueprints.oauth import oauth
from app.blueprints.openapi import openapi
from app.blueprints.request.body import MOST_BYTES
from app.blueprints.request.paths import OneSpelling
from app.blueprints.response import errors
from app.blueprints.response.answers import STATUSES
from app.blueprints.scim import scim
from app.blueprints.service import Service
from app.config import Config
from app.console import install as console
from app.console.frame.parts import Parts as Console
from app.delivery.security_event import EVENT_URIS
from app.errors import Forbidden, Unavailable, describe
from app.feed.feed import Feed
from app.openapi import openapi_document
from app.protocol.bulk import MOST_OPERATIONS
from app.protocol.cursor import TIMEOUT, Cursors
from app.protocol.profile import PROFILES
from app.protocol.search_request import DEFAULT_COUNT, MOST_RESULTS
from app.provider import Provider
from app.queries import Queries
from app.schemas.custom import common_catalogue, load_catalogue
from app.schemas.discovery import BEARER, OAUTH2, Features
from app.schemas.resource_type import Catalogue
from app.store.accounts import sealing
from app.store.accounts.activity import Activity
from app.store.accounts.expiries import warn_of_expiries
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.deleted import settle
from app.store.directory.directory import Directory
from app.store.log.event import Actor, Event
from app.store.log.events import NO_TENANT, Events, LogSettings
from app.store.log.outbox import pending_collections
from app.store.log.relay import Relay
from app.store.mongo.database import REQUEST_SECONDS, Database, Session, out_of_time, translate
from app.store.mongo.moments import now
from app.store.mongo.monitoring import observe
from app.store.open import collections, open_database, open_directory, outboxes, prepare
from app.store.sign_on.apps import PREFIX as APPS
from app.telemetry.activity import Book

log = logging.getLogger("scimd")
MOST_DIRECTORIES = 1_000
"""The number of tenants whose parts a process keeps, those used last. Each takes about 15 KB."""


def assemble(config: Config | None, database: Database | None) -> Flask:
    """Put the application together; raises ConfigError, StoreError."""
    config = config or Config.from_environment(os.environ)
    if config.metrics_bind:
        from app.telemetry.labels import distinguish
        from app.telemetry.metrics import MongoObserver

        distinguish(config.metrics_tenants)
        observe(MongoObserver())
    database = database or open_database(config)
    _prepare(config, database)
    app = Application("scimd", static_folder=None)
    app.database = database
    shares = Shares(config.threads)
    parts = _Parts(config, database, shares)
    app.chores = (*CHORES, *parts.chores)
    app.relay = _relay(config, database)
    app.deliveries = delivery.delivery_thread(config, database)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.feed = _feed(config, database)
    app.extensions[EXTENSION] = _service(config, database, parts, shares, app.feed)
    for blueprint in (health, oauth, openapi, feed, keys, tenant_blueprint(discovery, bulk, me, scim)):
        app.register_blueprint(blueprint)
    sign_on.install(app, config, parts.sign_on)
    if config.console != console.OFF:
        console.install(app, Console(config, database, parts.directory, parts.queries, tuple(outboxes(config))))
    fallbacks.install(app)
    telemetry.install(app, counted=bool(config.metrics_bind))
    errors.install(app)
    app.wsgi_app = OneBudget(OneSpelling(app.wsgi_app), database)  # type: ignore[method-assign]
    return app


def _prepare(config: Config, database: Database) -> None:
    try:
        prepare(config, database)
    except Unavailable as error:  # requests are answered with 503 until it does
        log.warning("the database does not answer yet: %s", describe(error))


def _relay(config: Config, database: Database) -> RelayThread:
    observer = None
    if config.metrics_bind:
        from app.telemetry.metrics import RelayObserver

        observer = RelayObserver()
    return RelayThread(database, Relay(database, pending_collections(collections(config)), observer))


def _feed(config: Config, database: Database) -> Feed:
    catalogue = partial(load_catalogue, config.schemas_dir)
    if not config.metrics_bind:
        return Feed(database, config.scim_url, catalogue)
    from app.telemetry.metrics import FEED_WAITING

    return Feed(database, config.scim_url, catalogue, FEED_WAITING.inc)


def _consumed(principal: Principal) -> Tenant | None:
    """Return the tenant that a consumer reads, or None for all."""
    return None if principal.tenant is EVERY_TENANT else principal.tenant


def _service(config: Config, database: Database, parts: _Parts, shares: Shares, consumed: Feed) -> Service:
    limits = Limits(database, config.rate_limit)
    authenticator = Authenticator(database, limits=limits, networks=config.webhook_networks)
    tokens = delivery.security_events(config, database)
    polls = delivery.polls(config, database, tokens, consumed.waiters)
    return Service(
        authenticate=authenticator.authenticate,
        authenticate_consumer=authenticator.authenticate_consumer,
        authenticate_again=partial(authenticator.authenticate_consumer, again=True),
        count=authenticator.count,
        refusal_to_log=authenticator.refusal_to_log,
        authenticate_anywhere=authenticator.authenticate_anywhere,
        enter=shares.enter,
        leave=shares.leave,
        hold_back=shares.hold_back,
        token=TokenEndpoint(
            database, limits=limits, others={APPS: parts.sign_on.token}, networks=config.webhook_networks
        ).answer,
        provider=parts.provider,
        changes=lambda principal, asked, aside: consumed.changes(_consumed(principal), asked, aside),
        snapshot=lambda principal, asked: consumed.snapshot(_consumed(principal), asked),
        poll=lambda principal, stream, asked, aside: polls.poll(principal.tenant, stream, asked, aside),
        event_keys=tokens.key_set,
        catalogue=parts.open_catalogue,
        base_url=config.scim_url,
        issuer=lambda tenant: f"{config.base_url}/{tenant}",
        features=Features(
            default_page_size=DEFAULT_COUNT, max_results=MOST_RESULTS, bulk_operations=MOST_OPERATIONS,
            bulk_payload=MOST_BYTES, cursor_timeout=TIMEOUT, authentication_schemes=(BEARER, OAUTH2),
            event_uris=EVENT_URIS,
        ),
        openapi=cache(lambda: openapi_document(common_catalogue(config.schemas_dir), config.base_url)),
        ready=database.ready,
        budget=database.budget,
        require=database.require,
        out_of_time=out_of_time,
        translate=translate,
        refused=parts.refused,
        answered=parts.book.add,
    )


class _Parts:
    """The parts of each tenant, made at its first request and kept for the next ones."""

    def __init__(self, config: Config, database: Database, shares: Shares) -> None:
        self._config = config
        self._shares = shares
        self._database = database
        # By the whole tenant, `created` included: one that is made again under its name gets a directory of its own.
        self._directory = lru_cache(MOST_DIRECTORIES)(self._open)
        self._cursors: Cursors | None = None
        self.sign_on = sign_on.Assembly(config, database, self.directory)
        self.book = Book()
        activity = Activity(database, days=config.log_days)
        self.chores = (
            Chore("activity", lambda _: self.book.close(activity), pause=2, first=2, seconds=REQUEST_SECONDS),
            Chore(
                "expiring", lambda _: warn_of_expiries(database, now(), config.log_days), pause=600, first=60,
                seconds=60,
            ),
            Chore(
                "settling", lambda _: settle(database, now(), self._leave), pause=10, first=10, seconds=3_600,
                done="put aside %s memberships of resources that were deleted at the same moment",
            ),
            *tenant_chores(database, config.log_days, self.directory),
        )

    def provider(self, principal: Principal, request_id: str) -> Provider:
        tenant = principal.tenant
        directory, queries = self._directory(tenant)
        actor = Actor(principal.credential_id, request_id, STATUSES)
        return Provider(directory, queries, PROFILES[tenant.profile], actor)

    def directory(self, tenant: Tenant) -> Directory:
        return self._directory(tenant)[0]

    def queries(self, tenant: Tenant) -> Queries:
        return self._directory(tenant)[1]

    def open_catalogue(self, tenant_name: str) -> Catalogue:
        tenant = Tenants(self._database).get(tenant_name)
        if tenant is None or not PROFILES[tenant.profile].open_discovery:
            raise CredentialRefused(None, sent=False)
        if tenant.suspended:
            raise Forbidden(SUSPENDED, cause="suspended")
        return load_catalogue(self._config.schemas_dir, tenant.profile, tenant.name)

    def refused(self, tenant_name: str, event: Event, actor: Actor) -> None:
        # A request for an unknown tenant is logged, too: it takes as long as one for a known tenant, which therefore
        # does not reveal which tenants exist, and a mistyped Tenant URL can be found.
        if Tenants(self._database).get(tenant_name) is None:
            tenant_name, event = NO_TENANT, replace(event, name=loggable(tenant_name)[:63])
        Events(self._database, tenant_name, LogSettings(self._config.log_days)).append(event, actor)

    def _leave(self, tenant_name: str, member: str, groups: Sequence[str], session: Session) -> None:
        tenant = Tenants(self._database).get(tenant_name)
        if tenant is not None:
            self._directory(tenant)[0].leave(member, groups, session)

    def _open(self, tenant: Tenant) -> tuple[Directory, Queries]:
        if self._cursors is None:
            self._cursors = Cursors(sealing.server_key(self._database))
        dangling = PROFILES[tenant.profile].dangling_references
        directory = open_directory(self._config, self._database, tenant, dangling=dangling)
        return directory, Queries(directory, self._cursors, tenant.name, partial(self._shares.scan, tenant.name))
