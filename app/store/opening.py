"""The database that the settings name, or else the private one; and a tenant's directory in it."""

from __future__ import annotations

from app.config import Config
from app.schemas.custom import load_catalogue
from app.store import embedded
from app.store.database import Database, connect
from app.store.directory import Directory, Retention
from app.store.tenants import Tenant


def open_database(config: Config, *, watch: bool = True) -> Database:
    """Give the database of these settings; raises StoreError where the private mongod cannot be started.

    `watch` says that this process stays, and may have to see to the private mongod.
    """
    uri = config.mongodb_uri or embedded.use(config.data_dir, watch=watch).uri()
    return connect(uri, threads=config.threads)


def open_directory(config: Config, database: Database, tenant: Tenant, *, dangling: bool = True) -> Directory:
    """Give the directory of a tenant."""
    catalogue = load_catalogue(config.schemas_dir, tenant.profile, tenant.name)
    retention = Retention(config.log_days, config.deleted_days, config.log_values)
    base_url = f"{config.base_url}/{tenant.name}/scim/v2"
    return Directory(database, tenant.name, catalogue, base_url=base_url, retention=retention, dangling=dangling)
