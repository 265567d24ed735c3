"""Users in a tenant's directory, made without HTTP."""

from app.config import Config
from app.protocol.cursor import Cursors
from app.protocol.profile import PROFILES
from app.provider import Provider
from app.queries import Queries
from app.schemas.returned import Projection
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.store.accounts.tenants import Tenants
from app.store.log.event import Actor
from app.store.open import open_directory
from tests.blueprints.conftest import GROUP_URN, USER_URN


def provider_of(database, tenant):
    """Return what changes the directory of a tenant, as SCIM requests do."""
    directory = open_directory(Config.from_environment({}), database, Tenants(database).require(tenant))
    queries = Queries(directory, Cursors(b"0" * 43 + b"="), tenant)
    return Provider(directory, queries, PROFILES["gallery"], Actor())


def create_user(database, tenant, name):
    """Create an active user and return its id."""
    return _create(database, tenant, USER_TYPE, {"schemas": [USER_URN], "userName": name, "active": True})


def create_group(database, tenant, name):
    """Create a group without members and return its id."""
    return _create(database, tenant, GROUP_TYPE, {"schemas": [GROUP_URN], "displayName": name})


def _create(database, tenant, kind, payload):
    projection = Projection.parse(kind, None, None)
    return provider_of(database, tenant).create(kind, payload, projection).resource["id"]
