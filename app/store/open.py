"""Opens the database that the settings name, or else the private one; lists its collections; opens directories."""

from __future__ import annotations

from functools import partial

from app.config import Config, ConfigError
from app.embedded import private
from app.schemas.custom import SchemaFileError, all_types, load_catalogue
from app.schemas.storage.collection import CollectionSpec, collection_specs
from app.schemas.tables.user import USER_TYPE
from app.store.accounts import activity, credentials, sealing, tenants
from app.store.accounts.tenants import Tenant
from app.store.delivery import endpoints
from app.store.directory import deleted, memberships, totals
from app.store.directory.directory import Directory
from app.store.directory.operator_views import prepare_views
from app.store.directory.reader import Options
from app.store.directory.totals import Totals, count_disabled, settle
from app.store.guard import deactivations
from app.store.guard.gate import Gate
from app.store.log import events, outbox
from app.store.log.outbox import pending_collections
from app.store.mongo.database import PING_SECONDS, Database, connect
from app.store.mongo.unknown_fields import unknown_fields
from app.store.operators import audit, visits
from app.store.roles import role_maps
from app.store.search import places
from app.store.sign_on import (
    app_tokens,
    apps,
    codes,
    connections,
    links,
    logouts,
    sessions,
    sign_ins,
    signing_keys,
    tickets,
)


def open_database(config: Config, *, watch: bool = True) -> Database:
    """Return the database of these settings; raises StoreError if the private mongod cannot be started.

    `watch` is for a process that keeps running: it restarts the private mongod's keeper if that is killed.
    """
    uri = config.mongodb_uri or private.use(config.data_dir, watch=watch).uri()
    return connect(uri, threads=config.threads)


def collections(config: Config) -> list[CollectionSpec]:
    """Return every collection that the database must have, with its validator and indexes; raises ConfigError."""
    rooms = (
        activity, audit, tenants, credentials, memberships, totals, deleted, events, outbox, sealing, places,
        apps, codes, app_tokens, sessions, signing_keys, connections, logouts, sign_ins, links, tickets,
        visits, endpoints, role_maps, deactivations,
    )
    specs = [spec for room in rooms for spec in room.COLLECTIONS]
    try:
        return [*specs, *collection_specs(all_types(config.schemas_dir))]
    except SchemaFileError as error:
        raise ConfigError(f"SCIMD_SCHEMAS_DIR: {error}") from error


def outboxes(config: Config) -> list[str]:
    """Return the names of the collections whose documents may have events that are not in the log yet."""
    return pending_collections(collections(config))


def prepare(config: Config, database: Database) -> None:
    """Create or update the collections, indexes and views, and count what an older version has left to be counted.

    Raises ConfigError, StoreError, Unavailable.
    """
    specs = collections(config)
    disabled = partial(count_disabled, types=all_types(config.schemas_dir))
    database.prepare(specs, [prepare_views, disabled, settle])


def unknown(config: Config, database: Database) -> str:
    """Return a sentence about the stored fields that no schema describes any more, "" if there are none.

    Raises Unavailable if the database does not answer.
    """
    with database.budget(PING_SECONDS):
        fields = unknown_fields(database.db, collections(config))
    if not fields:
        return ""
    return (
        f"No schema describes {', '.join(fields)} any more: the stored values are kept, but not shown. Is a file "
        "missing in SCIMD_SCHEMAS_DIR?"
    )


def open_directory(config: Config, database: Database, tenant: Tenant, *, dangling: bool = True) -> Directory:
    """Return the directory of a tenant; `dangling` says whether it may refer to resources that do not exist."""
    catalogue = load_catalogue(config.schemas_dir, tenant.profile, tenant.name)
    options = Options(
        config.scim_url(tenant.name), config.log_days, config.deleted_days, log_values=config.log_values,
        tenant_id=tenant.tenant_id, dangling=dangling,
        gate=_gate(config, database, tenant) if tenant.stops else None,
    )
    return Directory(database, tenant.name, catalogue, options)


def _gate(config: Config, database: Database, tenant: Tenant) -> Gate:
    totals = Totals(database, tenant.name)
    return Gate(database, tenant, lambda: totals.of(USER_TYPE).number, config.log_days)
