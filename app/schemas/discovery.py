"""What `/Schemas`, `/ResourceTypes` and `/ServiceProviderConfig` return (RFC 7644 section 4), from the tables alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.schemas.attribute import Attribute
from app.schemas.resource_type import Catalogue, ResourceType
from app.schemas.schema import Schema
from app.schemas.tables.service_provider import CONFIG_URN, RESOURCE_TYPE_URN, SCHEMA_URN

Description = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AuthenticationScheme:
    """One way to authenticate (RFC 7643 section 5)."""

    type: str
    name: str
    description: str
    spec_uri: str
    primary: bool = False


BEARER = AuthenticationScheme(
    type="oauthbearertoken", name="OAuth Bearer Token", spec_uri="https://www.rfc-editor.org/info/rfc6750",
    description="A token in the Authorization header", primary=True,
)
OAUTH2 = AuthenticationScheme(
    type="oauth2", name="OAuth 2.0 Client Credentials", spec_uri="https://www.rfc-editor.org/info/rfc6749",
    description="A token from the token endpoint, for a client id and its secret or assertion",
)


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the service provider supports, and its limits; None for what it does not support."""

    default_page_size: int = 100
    max_results: int = 200
    bulk_operations: int | None = None
    bulk_payload: int | None = None
    cursor_timeout: int | None = None
    """The seconds for which a cursor of RFC 9865 is valid."""
    sort: bool = True
    etag: bool = True
    documentation_uri: str = ""
    authentication_schemes: tuple[AuthenticationScheme, ...] = (BEARER,)
    event_uris: tuple[str, ...] = ()
    """The events that security event tokens are about (RFC 9967 section 4)."""


def service_provider_config(features: Features, base_url: str) -> Description:
    """Return the configuration (RFC 7643 section 5)."""
    bulk = features.bulk_operations is not None
    cursors = features.cursor_timeout is not None
    description: Description = {
        "schemas": [CONFIG_URN],
        "patch": {"supported": True},
        "bulk": {
            "supported": bulk,
            "maxOperations": features.bulk_operations or 0,
            "maxPayloadSize": features.bulk_payload or 0,
        },
        "filter": {"supported": True, "maxResults": features.max_results},
        "changePassword": {"supported": False},  # it would need the old password, which a client does not know
        "sort": {"supported": features.sort},
        "etag": {"supported": features.etag},
        "pagination": {
            "cursor": cursors,
            "index": True,
            "defaultPaginationMethod": "index",
            "defaultPageSize": features.default_page_size,
            "maxPageSize": features.max_results,
            **({"cursorTimeout": features.cursor_timeout} if cursors else {}),
        },
        "authenticationSchemes": [
            {
                "type": scheme.type, "name": scheme.name, "description": scheme.description,
                "specUri": scheme.spec_uri, "primary": scheme.primary,
            }
            for scheme in features.authentication_schemes
        ],
        "meta": _meta("ServiceProviderConfig", f"{base_url}/ServiceProviderConfig"),
    }
    if features.event_uris:
        description["securityEvents"] = {"asyncRequest": "none", "eventUris": list(features.event_uris)}
    if features.documentation_uri:
        description["documentationUri"] = features.documentation_uri
    return description


def resource_types(catalogue: Catalogue, base_url: str) -> list[Description]:
    """Return all resource types."""
    return [_resource_type(resource_type, base_url) for resource_type in catalogue.types]


def resource_type(catalogue: Catalogue, name: str, base_url: str) -> Description | None:
    """Return the resource type with a name, case-insensitively, or None."""
    found = catalogue.named(name)
    return _resource_type(found, base_url) if found else None


def schemas(catalogue: Catalogue, base_url: str) -> list[Description]:
    """Return all schemas."""
    return [_schema(schema, base_url) for schema in catalogue.listed_schemas]


def schema(catalogue: Catalogue, urn: str, base_url: str) -> Description | None:
    """Return the schema with a URN, case-insensitively, or None."""
    lowered = urn.lower()
    found = next((schema for schema in catalogue.listed_schemas if schema.id.lower() == lowered), None)
    return _schema(found, base_url) if found else None


def _resource_type(resource_type: ResourceType, base_url: str) -> Description:
    extensions = [
        {"schema": extension.id, "required": extension.id in resource_type.required_extensions}
        for extension in resource_type.extensions
    ]
    return {
        "schemas": [RESOURCE_TYPE_URN],
        "id": resource_type.name,
        "name": resource_type.name,
        "endpoint": resource_type.endpoint,
        "description": resource_type.description,
        "schema": resource_type.schema.id,
        **({"schemaExtensions": extensions} if extensions else {}),
        "meta": _meta("ResourceType", f"{base_url}/ResourceTypes/{resource_type.name}"),
    }


def _schema(schema: Schema, base_url: str) -> Description:
    return {
        "schemas": [SCHEMA_URN],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": _attributes(schema.attributes),
        "meta": _meta("Schema", f"{base_url}/Schemas/{schema.id}"),
    }


def _attributes(rows: Iterable[Attribute]) -> list[Description]:
    return [_attribute(row) for row in rows if row.listed]


def _attribute(row: Attribute) -> Description:
    """Return a row with every characteristic that its type has, defaults included (RFC 7643 section 7)."""
    is_text = row.type in ("string", "reference", "binary")
    description: Description = {"name": row.name, "type": row.type}
    if row.type == "complex":
        description["subAttributes"] = _attributes(row.sub_attributes)
    description |= {"multiValued": row.multi_valued, "description": row.description, "required": row.required}
    if row.canonical_values:
        description["canonicalValues"] = list(row.canonical_values)
    if is_text:
        description["caseExact"] = row.case_exact
    description |= {"mutability": row.mutability, "returned": row.returned}
    if row.type not in ("complex", "boolean"):  # erratum 6004
        description["uniqueness"] = row.uniqueness
    if row.reference_types:
        description["referenceTypes"] = list(row.reference_types)
    return description


def _meta(kind: str, location: str) -> Description:
    return {"resourceType": kind, "location": location}
