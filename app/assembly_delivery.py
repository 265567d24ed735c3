"""The assembly of what consumers are sent: what sends events to endpoints, security event tokens, and their streams."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from app.background.deliveries import DeliveryThread
from app.config import Config
from app.delivery.polling import Polls
from app.delivery.push import push_form
from app.delivery.security_event import SecurityEvents
from app.delivery.sending.attempt import Attempts
from app.delivery.sending.sender import Parts, Sender
from app.delivery.webhook import webhook_form
from app.feed.cloud_event import CloudEvents
from app.feed.current import CurrentResources
from app.feed.waiting import Waiters
from app.schemas.custom import load_catalogue
from app.store.accounts.sealing import Sealer
from app.store.delivery.endpoint import SET, WEBHOOK
from app.store.mongo.database import Database
from app.store.sign_on.signing_keys import SigningKeys


def delivery_thread(config: Config, database: Database) -> DeliveryThread:
    """Return the thread of a worker that sends events to endpoints; it is not started yet."""
    sealer = Sealer(database, config.sealing_keys)
    forms = {WEBHOOK: webhook_form(sealer), SET: push_form(security_events(config, database), sealer)}
    current = CurrentResources(database, partial(load_catalogue, config.schemas_dir))
    attempts = Attempts(cloud_events(config), current, forms, config.webhook_networks)
    parts = Parts(database, attempts.make, config.log_days)
    if config.metrics_bind:
        from app.telemetry.metrics import count_attempt

        parts = replace(parts, observe=count_attempt)
    return DeliveryThread(database, Sender(parts))


def cloud_events(config: Config) -> CloudEvents:
    """Return what renders events."""
    return CloudEvents(config.scim_url, partial(load_catalogue, config.schemas_dir))


def security_events(config: Config, database: Database) -> SecurityEvents:
    """Return what makes security event tokens."""
    keys = SigningKeys(database, Sealer(database, config.sealing_keys))
    return SecurityEvents(keys, lambda tenant: f"{config.base_url}/{tenant}")


def polls(config: Config, database: Database, tokens: SecurityEvents, waiters: Waiters) -> Polls:
    """Return what answers the polls of streams; `waiters` are those of the feed."""
    return Polls(database, cloud_events(config), tokens, waiters)
