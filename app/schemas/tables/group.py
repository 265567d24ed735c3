"""The Group resource and its table (RFC 7643 sections 4.2 and 8.7.1)."""

from __future__ import annotations

from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.tables.common import EXTERNAL_ID

GROUP_URN = "urn:ietf:params:scim:schemas:core:2.0:Group"
IMMUTABLE = "immutable"
UNIQUE_FOR_ENTRA = {"gallery": {"uniqueness": "server"}, "interop": {"uniqueness": "server"}}

GROUP = Schema(
    id=GROUP_URN, name="Group", description="Group",
    attributes=(
        Attribute(name="displayName", required=True,  # erratum 5368
                  indexed=True, in_profile=UNIQUE_FOR_ENTRA, description="The group's name."),
        EXTERNAL_ID,
        Attribute(
            name="members", type="complex", multi_valued=True, stored_in="memberships",
            description="The members of the group.",
            sub_attributes=(
                Attribute(name="value", case_exact=True, mutability=IMMUTABLE, description="The member's id."),
                Attribute(name="$ref", type="reference", case_exact=True, mutability=IMMUTABLE, stored_in="derived",
                          reference_types=("User", "Group"), description="The member's URI."),
                Attribute(name="type", mutability=IMMUTABLE, canonical_values=("User", "Group"),
                          description="The member's resource type."),
                Attribute(name="display", mutability="readOnly",  # erratum 6011
                          description="The member's displayName."),
            ),
        ),
    ),
)

GROUP_TYPE = ResourceType(name="Group", endpoint="/Groups", description="Group", schema=GROUP)
