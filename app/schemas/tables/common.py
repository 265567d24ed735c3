"""The common attributes of every resource (RFC 7643 section 3.1), and rows that several tables share."""

from __future__ import annotations

from app.schemas.attribute import Attribute

READ_ONLY = "readOnly"

SCHEMAS = Attribute(
    name="schemas", type="reference", multi_valued=True, required=True, returned="always", mutability=READ_ONLY,
    reference_types=("uri",), description="The URNs of the schemas that the resource uses, set by the server.",
)
ID = Attribute(
    name="id", case_exact=True, mutability=READ_ONLY, returned="always", uniqueness="server",
    description="The server's identifier of the resource.", claim="sub", scope="openid",
)
EXTERNAL_ID = Attribute(
    name="externalId", case_exact=True, indexed=True, signs_in=True,
    description="The client's identifier of the resource.", claim="external_id", scope="external",
    # RFC 7643 lists the common attributes in no schema, but Entra maps only what /Schemas lists.
    in_profile={"rfc": {"listed": False}},
)
META = Attribute(
    name="meta", type="complex", mutability=READ_ONLY, description="What the server knows about the resource itself.",
    scope="profile",
    sub_attributes=(
        Attribute(name="resourceType", case_exact=True, mutability=READ_ONLY),
        Attribute(name="created", type="dateTime", mutability=READ_ONLY),
        Attribute(name="lastModified", type="dateTime", mutability=READ_ONLY, indexed=True, claim="updated_at"),
        Attribute(name="location", type="reference", case_exact=True, mutability=READ_ONLY, stored_in="derived",
                  reference_types=("uri",)),
        Attribute(name="version", case_exact=True, mutability=READ_ONLY),
    ),
)


def multi_valued(
    name: str, description: str, *, types: tuple[str, ...] = (), value: Attribute | None = None,
    display_in_profile: dict[str, dict[str, bool]] | None = None,
) -> Attribute:
    """Return a multi-valued attribute with the sub-attributes of RFC 7643 section 2.4.

    These are value (the row `value`, or else a plain string), display, type (with the canonical values `types`) and
    primary.
    """
    return Attribute(
        name=name, type="complex", multi_valued=True, description=description,
        sub_attributes=(
            value or Attribute(name="value", description="The value itself."),
            Attribute(name="display", description="A name to show for the value.", in_profile=display_in_profile or {}),
            Attribute(name="type", description="What the value is used for.", canonical_values=types),
            PRIMARY,
        ),
    )


PRIMARY = Attribute(name="primary", type="boolean", description="Whether this value is the preferred one; one at most.")

COMMON: dict[str, Attribute] = {row.name.lower(): row for row in (SCHEMAS, ID, EXTERNAL_ID, META)}
