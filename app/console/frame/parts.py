"""The parts of the server that the pages use; the application puts them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

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
from app.store.log.events import NO_TENANT, Events, LogSettings
from app.store.mongo.database import Database
from app.store.operators.finder import Finder
from app.store.operators.links import Links
from app.store.operators.overview import Overview
from app.store.operators.reports.labels import Labels
from app.store.operators.visits import Visit, Visits

EXTENSION = "scimd-console"


class Parts:
    """The parts; `directory` and `queries` open those of a tenant, `sources` are the collections with outboxes."""

    def __init__(
        self, config: Config, database: Database, directory: Callable[[Tenant], Directory],
        queries: Callable[[Tenant], Queries], sources: Sequence[str] = (),
    ) -> None:
        self.config = config
        self.database = database
        self.directory = directory
        self.queries = queries
        self.sources = sources
        self.visits = Visits(database)
        self.links = Links(database)
        self.labels = Labels(database)
        self.tenants = Tenants(database)
        self.limits = ConsoleLimits(database)
        self.activity = Activity(database, days=config.log_days)
        self.overview = Overview(database, sources)
        self.finder = Finder(database, common_catalogue(config.schemas_dir).types)
        groups = Groups(config.console_tenant, config.console_group, config.console_viewers)
        self.operators = Operators(database, directory, groups) if groups.tenant else None
        """Those who come in by sign-on; None where the settings name no tenant of theirs."""
        others = {each.name: each.collection for each in all_types(config.schemas_dir)}
        self.kinds = others | {USER_TYPE.name: "people", GROUP_TYPE.name: "groups"}
        """The word for each type of resources in addresses, by the type's name."""
        self.endpoints = {each.endpoint.strip("/"): self.kinds[each.name] for each in all_types(config.schemas_dir)}
        """The same by the type's endpoint."""

    def lets_in(self, visit: Visit) -> bool:
        """Return whether the session of sign-on that opened a visit goes on, and the person has the role still."""
        return not visit.sid or bool(self.operators and self.operators.role_of(visit.sid) == visit.role)


def parts() -> Parts:
    """Return the parts of the current application."""
    return cast("Parts", current_app.extensions[EXTENSION])


def visit() -> Visit:
    """Return the visit of the current request, which has been let in."""
    return cast("Visit", g.visit)


def customer() -> Tenant:
    """Return the tenant that the current page is about: that of the URL, or on the setup pages that of the visit."""
    return cast("Tenant", g.customer)


def directory() -> Directory:
    """Return the directory of the tenant that the current page is about."""
    return parts().directory(customer())


def events() -> Events:
    """Return the log of the tenant that the current page is about, or of what concerns none."""
    if customer():
        return directory().events
    return Events(parts().database, NO_TENANT, LogSettings(parts().config.log_days))
