"""`/Schemas` against the text of RFC 7643: every difference is listed here, with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.schemas import discovery
from app.schemas.discovery import BEARER, OAUTH2, Features
from app.schemas.resource_type import Catalogue
from app.schemas.tables.group import GROUP_TYPE, GROUP_URN
from app.schemas.tables.service_provider import CONFIG_URN, DISCOVERY_SCHEMAS, RESOURCE_TYPE_URN, SCHEMA_URN
from app.schemas.tables.user import ENTERPRISE_URN, USER_TYPE, USER_URN

SAMPLES = Path(__file__).parent.parent / "samples" / "rfc7643"
BASE = "https://scim.example.com/demo/scim/v2"
ABSENT: dict[str, Any] = {}
# RFC 7643 section 2.2: what a characteristic is where nothing is said.
DEFAULTS = {
    "type": "string", "multiValued": False, "required": False, "caseExact": False, "mutability": "readWrite",
    "returned": "default", "uniqueness": "none", "canonicalValues": [], "referenceTypes": [],
}
REFERENCE = "RFC 7643 section 2.3.7: references are case exact"
IS_AN_ID = "it holds an id, and those are case exact; erratum 8472 says so of manager.value"
EXTERNAL_ID = "Entra maps what /Schemas lists, and the article's table has it"
REQUIRED = "the article's table says that the app requires it"

ERRATA = {
    (USER_URN, "profileUrl", "caseExact"): (True, REFERENCE),
    (USER_URN, "password", "caseExact"): (True, "RFC 7644 section 5: a password is prepared with its case kept"),
    (USER_URN, "photos.value", "caseExact"): (True, REFERENCE),
    (USER_URN, "addresses.primary", None): (True, "used by the examples of RFC 7643 8.2 and RFC 7644 3.5.2.3"),
    (USER_URN, "groups.value", "caseExact"): (True, IS_AN_ID),
    (USER_URN, "groups.$ref", "caseExact"): (True, REFERENCE),
    (USER_URN, "groups.$ref", "referenceTypes"): (["Group"], "erratum 8471"),
    (USER_URN, "x509Certificates.value", "caseExact"): (True, "RFC 7643 section 2.3.6: base64 is case exact"),
    (GROUP_URN, "displayName", "required"): (True, "erratum 5368"),
    (GROUP_URN, "members.value", "caseExact"): (True, IS_AN_ID),
    (GROUP_URN, "members.$ref", "caseExact"): (True, REFERENCE),
    (GROUP_URN, "members.display", None): (True, "erratum 6011"),
    (ENTERPRISE_URN, "manager.value", "caseExact"): (True, "erratum 8472"),
    (ENTERPRISE_URN, "manager.$ref", "caseExact"): (True, REFERENCE),
}
FOR_ENTRA = ERRATA | {
    (USER_URN, "externalId", None): (True, EXTERNAL_ID),
    (GROUP_URN, "externalId", None): (True, EXTERNAL_ID),
    (USER_URN, "emails.display", None): (False, "Entra's schema test cannot map it"),
    (USER_URN, "password", None): (False, "Microsoft's validator wants to read back all that is listed"),
    (GROUP_URN, "displayName", "uniqueness"): ("server", "the validator creates a duplicate group and expects 409"),
}
del FOR_ENTRA[USER_URN, "password", "caseExact"]
FOR_GALLERY = FOR_ENTRA | {
    (USER_URN, path, "required"): (True, REQUIRED)
    for path in ("active", "displayName", "name", "name.formatted", "name.familyName", "name.givenName")
} | {(USER_URN, "groups", "returned"): ("request", "D-240: Entra never reads it")}
FOR_RFC = ERRATA | {(USER_URN, "active", "required"): (True, "D-62: it always has a value, and cannot be removed")}
DIFFERENCES = {"rfc": FOR_RFC, "interop": FOR_ENTRA, "gallery": FOR_GALLERY}

DISCOVERY_DIFFERENCES = {
    (CONFIG_URN, "documentationUri", "caseExact"): (True, REFERENCE),
    (CONFIG_URN, "etag", None): (True, "section 5 requires it"),
    (CONFIG_URN, "etag.supported", None): (True, "section 5 requires it"),
    (CONFIG_URN, "authenticationSchemes.type", None): (True, "section 5 requires it"),
    (CONFIG_URN, "authenticationSchemes.primary", None): (True, "the example of section 8.5 has it"),
    (CONFIG_URN, "authenticationSchemes.specUri", "caseExact"): (True, REFERENCE),
    (CONFIG_URN, "authenticationSchemes.documentationUri", "caseExact"): (True, REFERENCE),
    **{
        (CONFIG_URN, f"pagination{sub}", None): (True, "RFC 9865 section 4")
        for sub in ("", ".cursor", ".index", ".defaultPaginationMethod", ".defaultPageSize", ".maxPageSize",
                    ".cursorTimeout")
    },
    **{
        (CONFIG_URN, f"securityEvents{sub}", None): (True, "RFC 9967 section 4")
        for sub in ("", ".asyncRequest", ".eventUris")
    },
    (RESOURCE_TYPE_URN, "name", "uniqueness"): ("server", "erratum 8475"),
    (RESOURCE_TYPE_URN, "endpoint", "uniqueness"): ("server", "erratum 8475"),
    (RESOURCE_TYPE_URN, "endpoint", "caseExact"): (True, "erratum 8475"),
    (RESOURCE_TYPE_URN, "schemaExtensions", "multiValued"): (True, "erratum 7522"),
    (RESOURCE_TYPE_URN, "schemaExtensions", "required"): (False, "section 6: a type may have no extensions"),
    (SCHEMA_URN, "attributes.type", "canonicalValues"): (
        ["string", "complex", "boolean", "decimal", "integer", "dateTime", "binary", "reference"], "errata 5606, 8435"),
    (SCHEMA_URN, "attributes.subAttributes.type", "canonicalValues"): (
        ["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference"], "erratum 8415"),
    (SCHEMA_URN, "attributes.subAttributes.referenceTypes", "multiValued"): (True, "erratum 5607"),
}


def catalogue(profile: str) -> Catalogue:
    return Catalogue((USER_TYPE.for_profile(profile), GROUP_TYPE.for_profile(profile)), DISCOVERY_SCHEMAS)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def flat(attributes: list[dict[str, Any]], prefix: str = "") -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for attribute in attributes:
        rows[prefix + attribute["name"]] = DEFAULTS | {key: attribute[key] for key in DEFAULTS if key in attribute}
        rows |= flat(attribute.get("subAttributes", []), f"{prefix}{attribute['name']}.")
    return rows


def differences(printed: list[dict[str, Any]], published: dict[str, dict[str, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for schema in printed:
        urn = schema["id"]
        ours, theirs = flat(published[urn]["attributes"]), flat(schema["attributes"])
        found |= {(urn, path, None): path in ours for path in ours.keys() ^ theirs.keys()}
        for path in ours.keys() & theirs.keys():
            found |= {(urn, path, key): ours[path][key] for key in DEFAULTS if ours[path][key] != theirs[path][key]}
    return found


def published(profile: str) -> dict[str, dict[str, Any]]:
    return {schema["id"]: schema for schema in discovery.schemas(catalogue(profile), BASE)}


@pytest.mark.parametrize("profile", DIFFERENCES)
def test_the_schemas_of_resources_are_those_of_the_rfc(profile: str) -> None:
    expected = {key: value for key, (value, _) in DIFFERENCES[profile].items()}
    assert differences(sample("schemas_of_resources"), published(profile)) == expected


def test_the_schemas_of_discovery_are_those_of_the_rfc() -> None:
    expected = {key: value for key, (value, _) in DISCOVERY_DIFFERENCES.items()}
    assert differences(sample("schemas_of_the_service_provider"), published("rfc")) == expected


def test_names_of_the_schemas() -> None:
    printed = sample("schemas_of_resources") + sample("schemas_of_the_service_provider")
    names = {schema["id"]: schema["name"] for schema in printed}
    names[CONFIG_URN] = "ServiceProviderConfig"  # as the resource is called; scim2-tester looks it up by this name
    assert {urn: schema["name"] for urn, schema in published("rfc").items()} == names
    assert "User Account" in published("gallery")[USER_URN]["description"]  # Microsoft's collection looks for it


@pytest.mark.parametrize("profile", DIFFERENCES)
def test_every_characteristic_is_written_out_and_nothing_is_null(profile: str) -> None:
    def check(attribute: dict[str, Any]) -> None:
        keys = {"name", "type", "multiValued", "description", "required", "mutability", "returned"}
        if attribute["type"] in ("string", "reference", "binary"):
            keys |= {"caseExact"}
        if attribute["type"] not in ("boolean", "complex"):
            keys |= {"uniqueness"}
        if attribute["type"] == "complex":
            keys |= {"subAttributes"}
        if attribute["type"] == "reference":
            keys |= {"referenceTypes"}
        assert attribute.keys() - {"canonicalValues"} == keys
        assert all(value not in (None, "", []) for value in attribute.values())
        for sub in attribute.get("subAttributes", []):
            check(sub)

    for schema in published(profile).values():
        assert schema["schemas"] == [SCHEMA_URN]
        assert schema["meta"] == {"resourceType": "Schema", "location": f"{BASE}/Schemas/{schema['id']}"}
        for attribute in schema["attributes"]:
            check(attribute)


def test_what_entras_schema_test_needs() -> None:
    """The mappable attributes as Microsoft's test flattens them hold every attribute of the article's tables."""
    user, group = published("gallery")[USER_URN], published("gallery")[GROUP_URN]
    found: set[str] = set()
    for attribute in user["attributes"] + group["attributes"]:
        subs = attribute.get("subAttributes", [])
        kinds = next((sub.get("canonicalValues") for sub in subs if sub["name"] == "type"), None)
        if not subs or attribute["name"] in ("members", "manager"):
            found.add(attribute["name"])
        elif not attribute["multiValued"]:
            found |= {f"{attribute['name']}.{sub['name']}" for sub in subs}
        else:
            filters = [f'type eq "{kind}"' for kind in kinds] if kinds else ['primary eq "True"']
            found |= {f"{attribute['name']}[{f}].{sub['name']}" for f in filters for sub in subs}
    found |= {f"{ENTERPRISE_URN}:{row['name']}" for row in published("gallery")[ENTERPRISE_URN]["attributes"]}
    address = ("formatted", "streetAddress", "locality", "region", "postalCode", "country")
    assert found >= {
        "userName", "active", "displayName", "title", "preferredLanguage", "externalId", "members",
        'emails[type eq "work"].value', 'emails[type eq "other"].value',
        *(f"name.{part}" for part in ("givenName", "familyName", "formatted", "honorificSuffix", "honorificPrefix")),
        *(f'addresses[type eq "{kind}"].{part}' for kind in ("work", "other") for part in address),
        *(f'phoneNumbers[type eq "{kind}"].value' for kind in ("work", "mobile", "fax")),
        *(f"{ENTERPRISE_URN}:{name}" for name in ("employeeNumber", "department", "manager")),
    }


def test_resource_types_are_those_of_the_rfc() -> None:
    ours = discovery.resource_types(catalogue("rfc"), "https://example.com/v2")
    theirs = sample("resource_types")
    theirs[0]["schemaExtensions"][0]["required"] = False  # else every user would have to have the extension
    assert ours == theirs


def test_one_of_them_is_found_case_insensitively() -> None:
    ours = catalogue("rfc")
    assert discovery.schema(ours, USER_URN.upper(), BASE) == published("rfc")[USER_URN]
    assert discovery.schema(ours, SCHEMA_URN, BASE) == published("rfc")[SCHEMA_URN]
    assert discovery.schema(ours, USER_URN + "x", BASE) is None
    group = discovery.resource_type(ours, "group", BASE)
    assert group is not None and group["meta"]["location"] == f"{BASE}/ResourceTypes/Group"
    assert discovery.resource_type(ours, "Groups", BASE) is None


def test_the_configuration_says_what_the_features_are() -> None:
    features = Features(
        default_page_size=50, max_results=150, bulk_operations=10, bulk_payload=1000, cursor_timeout=600,
        authentication_schemes=(BEARER, OAUTH2), documentation_uri="https://example.com/help", event_uris=("urn:x",),
    )
    config = discovery.service_provider_config(features, BASE)
    assert config["bulk"] == {"supported": True, "maxOperations": 10, "maxPayloadSize": 1000}
    assert config["filter"] == {"supported": True, "maxResults": 150}
    assert config["pagination"] == {
        "cursor": True, "index": True, "defaultPaginationMethod": "index", "defaultPageSize": 50, "maxPageSize": 150,
        "cursorTimeout": 600,
    }
    assert [scheme["type"] for scheme in config["authenticationSchemes"]] == ["oauthbearertoken", "oauth2"]
    assert config["documentationUri"] == "https://example.com/help"
    assert config["meta"] == {
        "resourceType": "ServiceProviderConfig", "location": f"{BASE}/ServiceProviderConfig"
    }
    assert config["securityEvents"] == {"asyncRequest": "none", "eventUris": ["urn:x"]}
    less = discovery.service_provider_config(Features(sort=False), BASE)
    assert less["bulk"]["supported"] is less["pagination"]["cursor"] is less["sort"]["supported"] is False
    assert "cursorTimeout" not in less["pagination"] and "documentationUri" not in less
    assert "securityEvents" not in less


@pytest.mark.parametrize("features", [Features(), Features(bulk_operations=1, bulk_payload=1, cursor_timeout=1, event_uris=("urn:x",))])
def test_the_configuration_has_what_its_schema_requires_and_no_more(features: Features) -> None:
    config = discovery.service_provider_config(features, BASE)
    rows = flat(published("rfc")[CONFIG_URN]["attributes"])

    def check(value: Any, prefix: str) -> None:
        for item in value if isinstance(value, list) else [value]:
            names = {path.removeprefix(prefix) for path in rows if path.startswith(prefix)}
            top = {name for name in names if "." not in name}
            assert item.keys() - {"schemas", "meta"} <= top
            assert {name for name in top if rows[prefix + name]["required"]} <= item.keys()
            for name in item.keys() & top:
                if rows[prefix + name]["type"] == "complex":
                    check(item[name], f"{prefix}{name}.")

    check(config, "")
