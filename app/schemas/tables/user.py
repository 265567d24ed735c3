"""The User resource: its table and that of the enterprise extension (RFC 7643 sections 4.1, 4.3 and 8.7.1).

A comment beside a row gives the reason for each difference from the RFC's tables; the errata are those of RFC 7643.
"""

from __future__ import annotations

from dataclasses import replace

from app.schemas.attribute import Attribute
from app.schemas.resource_type import ResourceType
from app.schemas.schema import Schema
from app.schemas.tables.common import EXTERNAL_ID, PRIMARY, READ_ONLY, multi_valued

USER_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

# The attributes that Microsoft's documentation of the gallery requires.
REQUIRED_IN_GALLERY = {"gallery": {"required": True}}
# Entra's schema test rejects sub-attributes and secrets that it cannot map or read back.
UNLISTED_FOR_ENTRA = {"gallery": {"listed": False}, "interop": {"listed": False}}
ON_REQUEST_IN_GALLERY = {"gallery": {"returned": "request"}}  # D-240: Entra never reads it

NAME = Attribute(
    name="name", type="complex", description="The components of the user's name.", in_profile=REQUIRED_IN_GALLERY,
    scope="profile",
    sub_attributes=(
        Attribute(name="formatted", description="The full name, formatted for display.",
                  in_profile=REQUIRED_IN_GALLERY),
        Attribute(name="familyName", description="The family name, or last name.", in_profile=REQUIRED_IN_GALLERY,
                  claim="family_name"),
        Attribute(name="givenName", description="The given name, or first name.", in_profile=REQUIRED_IN_GALLERY,
                  claim="given_name"),
        Attribute(name="middleName", description="The middle name or names.", claim="middle_name"),
        Attribute(name="honorificPrefix", description="The title before the name, e.g. Ms."),
        Attribute(name="honorificSuffix", description="The suffix after the name, e.g. III."),
    ),
)

ADDRESSES = Attribute(
    name="addresses", type="complex", multi_valued=True, description="Postal addresses.",
    claim="address", scope="address", claim_values=("primary", "work", "*"),
    sub_attributes=(
        Attribute(name="formatted", description="The full address, formatted for display.", claim="formatted"),
        Attribute(name="streetAddress", description="Street, house number, post office box.", claim="street_address"),
        Attribute(name="locality", description="The city.", claim="locality"),
        Attribute(name="region", description="The state or region.", claim="region"),
        Attribute(name="postalCode", description="The postal code.", claim="postal_code"),
        Attribute(name="country", description="The country.", claim="country"),
        Attribute(name="type", description="What the address is used for.", canonical_values=("work", "home", "other")),
        PRIMARY,  # missing in section 8.7.1, used by the examples of RFC 7643 8.2 and RFC 7644 3.5.2.3
    ),
)

GROUPS = Attribute(
    name="groups", type="complex", multi_valued=True, mutability=READ_ONLY, stored_in="memberships",
    description="The groups that the user belongs to; changed through the groups.", claim="groups", scope="groups",
    in_profile=ON_REQUEST_IN_GALLERY,
    sub_attributes=(
        Attribute(name="value", case_exact=True, mutability=READ_ONLY, description="The group's id."),
        Attribute(name="$ref", type="reference", case_exact=True, mutability=READ_ONLY, stored_in="derived",
                  reference_types=("Group",), description="The group's URI."),  # erratum 8471
        Attribute(name="display", mutability=READ_ONLY, description="The group's displayName."),
        Attribute(name="type", mutability=READ_ONLY, canonical_values=("direct", "indirect"),
                  description="direct, or indirect through another group."),
    ),
)

USER = Schema(
    id=USER_URN, name="User", description="User Account",
    attributes=(
        Attribute(name="userName", required=True, uniqueness="server", indexed=True, signs_in=True,
                  claim="preferred_username", scope="profile",
                  description="The name that identifies the user to the service; unique, case-insensitively."),
        EXTERNAL_ID,
        NAME,
        Attribute(name="displayName", indexed=True, description="The name to show for the user.",
                  claim="name", scope="profile", in_profile=REQUIRED_IN_GALLERY),
        Attribute(name="nickName", description="The casual name.", claim="nickname", scope="profile"),
        Attribute(name="profileUrl", type="reference", case_exact=True, reference_types=("external",),
                  claim="profile", scope="profile", description="The URL of the user's profile page."),
        Attribute(name="title", description="The job title.", claim="title", scope="profile"),
        Attribute(name="userType", description="The relation to the organisation, e.g. Contractor.",
                  claim="user_type", scope="profile"),
        Attribute(name="preferredLanguage", description="The preferred language, e.g. en-US.",
                  claim="locale", scope="profile"),
        Attribute(name="locale", description="The locale for dates, numbers and currency, e.g. en-US.",
                  claim="locale", scope="profile"),
        Attribute(name="timezone", description="The time zone, e.g. America/Los_Angeles.",
                  claim="zoneinfo", scope="profile"),
        Attribute(name="active", type="boolean", default=True,
                  # D-62: it always has a value, which a client that removes it must know (RFC 7644 section 3.5.2.2)
                  in_profile={**REQUIRED_IN_GALLERY, "rfc": {"required": True}},
                  description="Whether the account may be used; true by default."),
        Attribute(name="password", case_exact=True, mutability="writeOnly", returned="never", stored_as="hash",
                  description="A secret; stored as a salted hash and never returned.", in_profile=UNLISTED_FOR_ENTRA),
        replace(
            multi_valued("emails", "E-mail addresses.", types=("work", "home", "other"),
                         value=Attribute(name="value", description="The value itself.", indexed=True),
                         display_in_profile=UNLISTED_FOR_ENTRA),
            claim="email", scope="email", claim_values=("primary", "work", "*"), signs_in=True,
        ),
        replace(
            multi_valued("phoneNumbers", "Telephone numbers.",
                         types=("work", "home", "mobile", "fax", "pager", "other")),
            claim="phone_number", scope="phone", claim_values=("primary", "work"),
        ),
        multi_valued("ims", "Instant messaging addresses.",
                     types=("aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo")),
        replace(
            multi_valued("photos", "Photographs.", types=("photo", "thumbnail"),
                         value=Attribute(name="value", type="reference", case_exact=True, reference_types=("external",),
                                         description="The photograph's URL.")),
            claim="picture", scope="profile", claim_values=("photo",),
        ),
        ADDRESSES,
        GROUPS,
        replace(multi_valued("entitlements", "Entitlements."), claim="entitlements", scope="roles"),
        replace(multi_valued("roles", "Roles."), claim="roles", scope="roles"),
        multi_valued("x509Certificates", "X.509 certificates.",
                     value=Attribute(name="value", type="binary", case_exact=True,
                                     description="The certificate, DER in base64.")),
    ),
)

ENTERPRISE_USER = Schema(
    id=ENTERPRISE_URN, name="EnterpriseUser", description="Enterprise User", stored_as="enterprise",
    attributes=(
        Attribute(name="employeeNumber", description="The number in the organisation's books.",
                  claim="employee_number", scope="enterprise"),
        Attribute(name="costCenter", description="The cost centre.",
                  claim="cost_center", scope="enterprise"),
        Attribute(name="organization", description="The organisation.",
                  claim="organization", scope="enterprise"),
        Attribute(name="division", description="The division.",
                  claim="division", scope="enterprise"),
        Attribute(name="department", description="The department.",
                  claim="department", scope="enterprise"),
        Attribute(
            name="manager", type="complex", description="The user's manager.", claim="manager", scope="enterprise",
            sub_attributes=(
                Attribute(name="value", case_exact=True, description="The manager's id.", claim="sub"),  # erratum 8472
                Attribute(name="$ref", type="reference", case_exact=True, reference_types=("User",),
                          stored_in="derived", description="The manager's URI."),
                Attribute(name="displayName", mutability=READ_ONLY, stored_in="derived",
                          description="The manager's displayName.", claim="name"),
            ),
        ),
    ),
)

USER_TYPE = ResourceType(
    name="User", endpoint="/Users", description="User Account", schema=USER, extensions=(ENTERPRISE_USER,),
)

