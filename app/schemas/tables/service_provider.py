"""The schemas of the service provider itself (RFC 7643 sections 5 to 7 and 8.7.2, RFC 9865 and RFC 9967 section 4).

A comment beside a row gives the reason for each difference from the RFC's tables; the errata are those of RFC 7643.
"""

from __future__ import annotations

from functools import partial

from app.schemas.attribute import Attribute
from app.schemas.schema import Schema
from scim_filter import DEEPEST, LONGEST, MOST_TERMS

CONFIG_URN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
RESOURCE_TYPE_URN = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
SCHEMA_URN = "urn:ietf:params:scim:schemas:core:2.0:Schema"

TYPES = ("string", "complex", "boolean", "decimal", "integer", "dateTime", "binary", "reference")  # 5606, 8435: binary
MUTABILITIES = ("readOnly", "readWrite", "immutable", "writeOnly")
RETURNED = ("always", "never", "default", "request")
UNIQUENESS = ("none", "server", "global")

_row = partial(Attribute, mutability="readOnly")
_exact = partial(_row, case_exact=True)
_flag = partial(_row, type="boolean")
_number = partial(_row, type="integer")
# RFC 7643 section 2.3.7: references are case exact. The RFC's tables say so only for some.
_link = partial(_exact, type="reference", reference_types=("external",))
_uri = partial(_exact, type="reference", reference_types=("uri",), required=True)

_SUPPORTED = _flag(name="supported", required=True, description="Whether it is supported.")


def _feature(name: str, description: str, *more: Attribute) -> Attribute:
    return _row(
        name=name, type="complex", required=True, description=description, sub_attributes=(_SUPPORTED, *more)
    )


CONFIG = Schema(
    id=CONFIG_URN, name="ServiceProviderConfig", description="What the service provider supports",
    attributes=(
        _link(name="documentationUri", description="The documentation for people."),
        _feature("patch", "PATCH."),
        _feature(
            "bulk", "Bulk requests.",
            _number(name="maxOperations", required=True, description="The maximum number of operations in a request."),
            _number(name="maxPayloadSize", required=True, description="The maximum size of a request in bytes."),
        ),
        _feature(
            "filter", f"Filters: up to {LONGEST:,} characters in a URL and four times as many in /.search, "
            f"up to {MOST_TERMS} conditions and brackets, up to {DEEPEST} nested brackets.",
            _number(name="maxResults", required=True, description="The maximum number of resources in a response."),
        ),
        _feature("changePassword", "Password changes."),
        _feature("sort", "Sorting."),
        _feature("etag", "Versions of resources as ETags."),  # not in the RFC's table, though section 5 requires it
        _row(
            name="pagination", type="complex", description="Pages of a long list.",  # RFC 9865 section 4
            sub_attributes=(
                _flag(name="cursor", required=True, description="Whether a client can page by cursor."),
                _flag(name="index", required=True, description="Whether a client can page by startIndex."),
                _row(name="defaultPaginationMethod", canonical_values=("cursor", "index"),
                     description="The method for a request that names none."),
                _number(name="defaultPageSize", description="The resources in a page for a request without count."),
                _number(name="maxPageSize", description="The maximum number of resources in a page."),
                _number(name="cursorTimeout", description="The minimum number of seconds for which a cursor is valid."),
            ),
        ),
        _row(
            name="securityEvents", type="complex",  # RFC 9967 section 4
            description="Security event tokens about changes. An operator makes the streams.",
            sub_attributes=(
                _row(name="asyncRequest", canonical_values=("none", "long", "request"),
                     description="Whether requests can be completed asynchronously."),
                _exact(name="eventUris", multi_valued=True, description="The events that tokens are about."),
            ),
        ),
        _row(
            name="authenticationSchemes", type="complex", multi_valued=True, required=True,
            description="The ways to authenticate.",
            sub_attributes=(
                # type and primary are not in the RFC's table; section 5 requires the former and the example has both.
                _row(name="type", required=True, description="The kind of authentication.",
                     canonical_values=("oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest")),
                _row(name="name", required=True, description="The name for people."),
                _row(name="description", required=True, description="What it is."),
                _link(name="specUri", description="Its specification."),
                _link(name="documentationUri", description="Its documentation."),
                _flag(name="primary", description="Whether it is the preferred one."),
            ),
        ),
    ),
)

RESOURCE_TYPE = Schema(
    id=RESOURCE_TYPE_URN, name="ResourceType", description="A kind of resource and where it is served",
    attributes=(
        _row(name="id", description="The same as the name."),
        _row(name="name", required=True, uniqueness="server", description="The name, e.g. User."),  # 8475: server
        _row(name="description", description="What such a resource is."),
        _uri(name="endpoint", uniqueness="server",  # 8475: server, case exact
             description="The path under the base URI, e.g. /Users."),
        _uri(name="schema", description="The URN of the schema."),
        # 7522: multi-valued. Not required, as section 6 says: a type may have no extensions.
        _row(
            name="schemaExtensions", type="complex", multi_valued=True, description="The extensions of the schema.",
            sub_attributes=(
                _uri(name="schema", description="The URN of the extension."),
                _flag(name="required", required=True, description="Whether every such resource must have it."),
            ),
        ),
    ),
)


def _characteristics(types: tuple[str, ...], *more: Attribute) -> tuple[Attribute, ...]:
    return (
        _exact(name="name", required=True, description="The attribute's name."),
        _row(name="type", required=True, canonical_values=types, description="The type of its values."),
        _flag(name="multiValued", required=True, description="Whether it has several values."),
        _exact(name="description", description="What it means."),
        _flag(name="required", description="Whether a resource must have it."),
        _exact(name="canonicalValues", multi_valued=True, description="Values with a known meaning."),
        _flag(name="caseExact", description="Whether upper and lower case differ."),
        _exact(name="mutability", canonical_values=MUTABILITIES, description="Whether and when it can be written."),
        _exact(name="returned", canonical_values=RETURNED, description="When a response shows it."),
        _exact(name="uniqueness", canonical_values=UNIQUENESS, description="Among what its value is unique."),
        _exact(name="referenceTypes", multi_valued=True,  # 5607: multi-valued in subAttributes too
               description="The resource types that it may refer to."),
        *more,
    )


SCHEMA = Schema(
    id=SCHEMA_URN, name="Schema", description="The attributes of a kind of resource, or of an extension",
    attributes=(
        _row(name="id", required=True, description="The schema's URN."),
        _row(name="name", required=True, description="The name for people."),
        _row(name="description", description="What it describes."),
        _row(
            name="attributes", type="complex", multi_valued=True, required=True, description="Its attributes.",
            sub_attributes=_characteristics(
                TYPES,
                _row(
                    name="subAttributes", type="complex", multi_valued=True,
                    description="The attributes inside a complex one.",
                    sub_attributes=_characteristics(tuple(t for t in TYPES if t != "complex")),  # 8415: no complex
                ),
            ),
        ),
    ),
)

DISCOVERY_SCHEMAS = (CONFIG, RESOURCE_TYPE, SCHEMA)
