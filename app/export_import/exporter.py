"""The lines of an export. It is not a picture of one moment: what changes in the meantime may be in it or not."""

from __future__ import annotations

from collections.abc import Iterator

from app.export_import.lines import Line, membership_line, resource_line
from app.export_import.unchanged import check_is_same
from app.store.accounts.tenants import Tenants
from app.store.directory.reader import DirectoryReader


def export(directory: DirectoryReader) -> Iterator[Line]:
    """Return every resource of a tenant, and then the memberships of its groups.

    Raises NotFound behind the last line if the tenant was deleted meanwhile, so that others may be missing.
    """
    tenants = Tenants(directory.database)
    begun = tenants.require(directory.tenant)
    yield from lines_of(directory)
    check_is_same(tenants, begun)


def lines_of(directory: DirectoryReader) -> Iterator[Line]:
    """Return the lines that there are."""
    groups: list[str] = []
    for resource_type in directory.catalogue.types:
        for resource in directory.resources(resource_type).all():
            if resource_type.members:
                groups.append(resource["id"])
            yield resource_line(resource_type, resource)
    for group in groups:
        for batch in directory.memberships.members(group):
            yield from (membership_line(group, row) for row in batch)
