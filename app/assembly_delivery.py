"""The assembly of what consumers are sent: security event tokens, and the streams that they come in."""

from __future__ import annotations

from functools import partial

from app.config import Config
from app.delivery.polling import Polls
from app.delivery.security_event import SecurityEvents
from app.feed.cloud_event import CloudEvents
from app.feed.waiting import Waiters
from app.schemas.custom import load_catalogue
from app.store.accounts.sealing import Sealer
from app.store.mongo.database import Database
from app.store.sign_on.signing_keys import SigningKeys


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
