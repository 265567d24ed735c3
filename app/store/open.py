"""The database that the settings name, or else the private one; what is in it, and a tenant's directory."""

from __future__ import annotations

from app.config import Config, ConfigError
from app.embedded import private
from app.schemas.collection import CollectionSpec, collection_specs
from app.schemas.custom import SchemaFileError, all_types, load_catalogue
from app.store.accounts import activity, audit, credentials, server_key, tenants
from app.store.accounts.tenants import Tenant
from app.store.directory import deleted, memberships, totals
from app.store.directory.directory import Directory, Retention
from app.store.directory.operator_views import prepare_views
from app.store.log import events
from app.store.mongo.database import Database, connect
from app.store.mongo.unknown_fields import unknown_fields


def open_database(config: Config, *, watch: bool = True) -> Database:
    """Give the database of these settings; raises StoreError where the private mongod cannot be started.

    `watch` says that this process stays, and may have to see to the private mongod.
    """
    uri = config.mongodb_uri or private.use(config.data_dir, watch=watch).uri()
    return connect(uri, threads=config.threads)


def collections(config: Config) -> list[CollectionSpec]:
    """Give every collection that the database is to have, with its validator and indexes; raises ConfigError."""
    rooms = (activity, audit, tenants, credentials, memberships, totals, deleted, events, server_key)
    specs = [spec for room in rooms for spec in room.COLLECTIONS]
    try:
        return [*specs, *collection_specs(all_types(config.schemas_dir))]
    except SchemaFileError as error:
        raise ConfigError(f"SCIMD_SCHEMAS_DIR: {error}") from error


def prepare(config: Config, database: Database) -> None:
    """Make the collections, indexes and views as they should be; raises ConfigError, StoreError, Unavailable."""
    database.prepare(collections(config))
    prepare_views(database)


def unknown(config: Config, database: Database) -> str:
    """Return a sentence that names the fields that no schema describes any more, "" where there are none.

    Raises Unavailable where the database does not answer.
    """
    with database.budget():
        fields = unknown_fields(database.db, collections(config))
    if not fields:
        return ""
    return (
        f"No schema describes {', '.join(fields)} any more: what is stored there is kept, and not shown. Is a file "
        "missing in SCIMD_SCHEMAS_DIR?"
    )


def open_directory(config: Config, database: Database, tenant: Tenant, *, dangling: bool = True) -> Directory:
    """Give the directory of a tenant."""
    catalogue = load_catalogue(config.schemas_dir, tenant.profile, tenant.name)
    retention = Retention(config.log_days, config.deleted_days, config.log_values)
    base_url = f"{config.base_url}/{tenant.name}/scim/v2"
    return Directory(database, tenant.name, catalogue, base_url=base_url, retention=retention, dangling=dangling)
