"""A resource type with one attribute of each kind that PATCH has a rule for."""

from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema

THING_URN = "urn:example:schemas:2.0:Thing"
EXTRA_URN = "urn:example:schemas:2.0:Thing:Extra"
PRIMARY = Attribute(name="primary", type="boolean")

THING = Schema(
    id=THING_URN, name="Thing", description="A thing",
    attributes=(
        Attribute(name="label", required=True),
        Attribute(name="note"),
        Attribute(name="code", case_exact=True),
        Attribute(name="serial", mutability="immutable"),
        Attribute(name="owner", mutability="readOnly"),
        Attribute(name="size", type="integer"),
        Attribute(name="weight", type="decimal"),
        Attribute(name="active", type="boolean"),
        Attribute(name="seen", type="dateTime"),
        Attribute(name="tags", multi_valued=True),
        Attribute(
            name="name", type="complex",
            sub_attributes=(
                Attribute(name="first"), Attribute(name="last"), Attribute(name="born", mutability="immutable"),
                Attribute(name="shown", mutability="readOnly"),
            ),
        ),
        Attribute(
            name="emails", type="complex", multi_valued=True,
            sub_attributes=(Attribute(name="value"), Attribute(name="type"), Attribute(name="note"), PRIMARY),
        ),
        Attribute(
            name="keys", type="complex", multi_valued=True,
            sub_attributes=(Attribute(name="value", mutability="immutable", case_exact=True), Attribute(name="note")),
        ),
    ),
)
EXTRA = Schema(
    id=EXTRA_URN, name="Extra", description="More of a thing", stored_as="extra",
    attributes=(
        Attribute(name="colour"),
        Attribute(name="count", type="integer"),
        Attribute(name="place", type="complex", sub_attributes=(Attribute(name="city"), Attribute(name="floor"))),
    ),
)
BADGE_URN = "urn:example:schemas:2.0:Thing:Badge"
BADGE = Schema(
    id=BADGE_URN, name="Badge", description="What a thing was given", stored_as="badge",
    attributes=(
        Attribute(
            name="issue", type="complex",
            sub_attributes=(Attribute(name="number", mutability="immutable"), Attribute(name="note")),
        ),
        Attribute(name="door", type="complex", sub_attributes=(Attribute(name="key", required=True), Attribute(name="note"))),
        Attribute(name="floor"),
    ),
)
THING_TYPE = ResourceType(name="Thing", endpoint="/Things", description="A thing", schema=THING, extensions=(EXTRA,))
BADGED_TYPE = ResourceType(name="Thing", endpoint="/Things", description="A thing", schema=THING, extensions=(BADGE,))
