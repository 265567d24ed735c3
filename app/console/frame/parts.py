"""The parts of the server that the pages use; the application puts them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from flask import current_app, g

from app.auth.limits.console_limits import ConsoleLimits
from app.config import Config
from app.queries import Queries
from app.schemas.custom import all_types, common_catalogue
from app.schemas.tables.group import GROUP_TYPE
from app.schemas.tables.user import USER_TYPE
from app.sign_on.operators import Groups, Operators
from app.store.accounts.activity import Activity
from app.store.accounts.tenants import Tenant, Tenants
from app.store.directory.directory import Directory
from app.store.mongo.database import Database
from app.store.operators.finder import Finder
from app.store.operators.links import Links
from app.store.operators.overview import Overview
from app.store.operators.visits import Visit, Visits

EXTENSION = "scimd-console"


@dataclass(frozen=True)
class Parts:
    """The parts; `directory` and `queries` open those of a tenant."""

    config: Config
    database: Database
    directory: Callable[[Tenant], Directory]
    queries: Callable[[Tenant], Queries]
    sources: tuple[str, ...] = ()
    """The collections with outboxes."""

    @cached_property
    def visits(self) -> Visits:
        """The visits of all browsers."""
        return Visits(self.database)

    @cached_property
    def links(self) -> Links:
        """The links into the pages."""
        return Links(self.database)

    @cached_property
    def tenants(self) -> Tenants:
        """All tenants."""
        return Tenants(self.database)

    @cached_property
    def activity(self) -> Activity:
        """What came lately."""
        return Activity(self.database, days=self.config.log_days)

    @cached_property
    def overview(self) -> Overview:
        """The figures of customers."""
        return Overview(self.database, self.sources)

    @cached_property
    def operators(self) -> Operators | None:
        """Those who come in by sign-on; None where the settings name no tenant of theirs."""
        config = self.config
        groups = Groups(config.console_tenant, config.console_group, config.console_viewers)
        return Operators(self.database, self.directory, groups) if groups.tenant else None

    @cached_property
    def finder(self) -> Finder:
        """What finds people and groups."""
        return Finder(self.database, common_catalogue(self.config.schemas_dir).types)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The word for each type of resources in addresses, by the type's name."""
        others = {each.name: each.collection for each in all_types(self.config.schemas_dir)}
        return others | {USER_TYPE.name: "people", GROUP_TYPE.name: "groups"}

    @cached_property
    def limits(self) -> ConsoleLimits:
        """The limits on links and on requests of a visit."""
        return ConsoleLimits(self.database)


def parts() -> Parts:
    """Return the parts of the current application."""
    found: Parts = current_app.extensions[EXTENSION]
    return found


def visit() -> Visit:
    """Return the visit of the current request, which has been let in."""
    found: Visit = g.visit
    return found


def customer() -> Tenant:
    """Return the tenant that the current page is about: that of the URL, or on the setup pages that of the visit."""
    found: Tenant = g.customer
    return found
