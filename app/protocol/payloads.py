"""Reads what clients send as the tenant's profile says: it rewrites the dialect, and knows what is tolerated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import ScimError
from app.protocol.entra_dialect import rewrite_patch, rewrite_resource, rewrite_search
from app.protocol.patch.apply import Patched, apply_patch, only_members
from app.protocol.patch.message import Operation, read_patch
from app.protocol.profile import Profile
from app.protocol.search_request import SearchRequest
from app.schemas.membership import MemberChange
from app.schemas.resource_type import Resource, ResourceType
from app.schemas.validation.payload import validate


class Payloads:
    """The payloads of one tenant's clients."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def rewritten(self, payload: Mapping[str, Any], resource_type: ResourceType) -> Mapping[str, Any]:
        """Return the body of a POST or PUT without dialect, not yet validated."""
        return rewrite_resource(payload, resource_type) if self._profile.dialect else payload

    def validated(
        self, payload: Mapping[str, Any], resource_type: ResourceType, before: Resource | None = None
    ) -> Resource:
        """Return the resource in a payload without dialect; raises InvalidSyntax, InvalidValue.

        `before` is the stored resource if the payload is a changed form of it.
        """
        return validate(resource_type, payload, ignore_unknown=self._profile.ignore_unknown, before=before)

    def search(self, search: SearchRequest, types: Sequence[ResourceType]) -> SearchRequest:
        """Return a search without dialect; raises InvalidFilter."""
        return rewrite_search(search, types) if self._profile.dialect else search

    def member_changes(self, payload: Any, resource_type: ResourceType) -> tuple[MemberChange, ...]:
        """Return the changes of a PATCH that names nothing but members, as Entra sends them all day; else nothing."""
        if resource_type.members is None:
            return ()
        try:
            return only_members(self._operations(payload, resource_type), resource_type, self._profile)
        except ScimError:
            return ()  # raised again once it is known that the resource exists

    def patched(self, before: Resource, payload: Any, resource_type: ResourceType) -> Patched:
        """Return what a PATCH makes of a resource, not yet validated; raises what `apply_patch` does."""
        return apply_patch(before, self._operations(payload, resource_type), resource_type, self._profile)

    def _operations(self, payload: Any, resource_type: ResourceType) -> tuple[Operation, ...]:
        return read_patch(rewrite_patch(payload, resource_type) if self._profile.dialect else payload, self._profile)
