"""The portals of identity providers: what an administrator pastes where, under the names that the portal has.

Names that a portal has stand between `**`. Portals change, so each guide says when it was last looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

TOKEN, CLIENT, TRUST = "token", "client", "trust"  # noqa: S105 - kinds, no secrets
"""What a way needs: a Secret Token, an OAuth client with a secret, or the trust in an issuer."""
ENTRA, OTHER = "entra", "other"
_VALUE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Way:
    """One of the ways in which a portal can be connected."""

    key: str
    title: str
    kind: str
    fields: tuple[tuple[str, str], ...]
    """The portal's name of a field and what goes into it; `{...}` stands for a value of ours."""
    unused: str = ""
    """What is not to be filled in."""
    choose: str = ""
    """When to choose this one of several."""


@dataclass(frozen=True)
class Provider:
    """An identity provider that customers choose from."""

    name: str
    where: str = "the settings of its SCIM app"
    ways: tuple[Way, ...] = ()
    test: str = "test the connection"
    """What to do after the values are pasted."""
    steps: tuple[str, ...] = ()
    """What to do after the test."""
    profiles: tuple[str, ...] = ("interop",)
    """The profiles that fit it, the best one first."""
    before: str = ""
    """What has to be there before the values can be pasted."""
    command: str = ""
    """A command that does the same as the test, with `{...}` for values of ours."""
    listed: str = ""
    """What the list of providers calls it, "" for its name."""
    looked_at: date = field(default=date(2026, 11, 28))

    def way(self, key: str) -> Way:
        """Return the way with a key, or the first one."""
        return next((way for way in self.ways if way.key == key), self.ways[0])


_URL, _ENDPOINT = ("Tenant URL", "{tenant_url}"), ("OAuth token endpoint", "{token_endpoint}")
PROVIDERS: dict[str, Provider] = {
    ENTRA: Provider(
        "Entra", "**Entra ID** > **Enterprise apps** > the app > **Provisioning** > **New configuration**",
        (
            Way("token", "Secret Token", TOKEN, (_URL, ("Secret Token", "{token}")),
                choose="For apps whose page has a field **Secret Token**."),
            Way("client", "OAuth client credentials", CLIENT, (
                _URL, _ENDPOINT, ("Client ID", "{client_id}"), ("Client Secret", "{client_secret}"),
                ("OAuth 2.0 scopes", "scim.read scim.write"), ("How credentials are sent", "Header"),
            ), choose="For apps whose page has **Client ID** and **Client Secret** instead, as newer ones do."),
            Way("trust", "Workload Identity", TRUST, (_URL, _ENDPOINT, ("Client ID", "{client_id}")),
                choose="For apps whose page offers **Select Workload Identity**: there is no secret to expire. Enter "
                "below what that page shows, to get the Client ID for it."),
        ),
        before="If there is no app yet, select **New application** and pick it from the gallery, or select **Create "
        "your own application** > **Integrate any other application you don't find in the gallery (Non-gallery)**.",
        test="select **Test Connection**, then **Create**",
        steps=(
            "**Properties**: enter an e-mail address for failure notifications, and turn on the prevention of "
            "accidental deletions.",
            "**Attribute Mapping**: review the mappings of users and of groups. Every user needs {needed}.",
            "**Users and groups**: assign the users and groups to provision.",
            "**Provision on demand** for one user shows at once whether everything works.",
            "**Start provisioning**.",
        ),
        profiles=("gallery", "interop"),
        listed="Microsoft Entra ID",
    ),
    "okta": Provider(
        "Okta", "the app > **Provisioning** > **Integration**",
        (Way("token", "Token", TOKEN, (
            ("SCIM connector base URL", "{tenant_url}"), ("Unique identifier field for users", "{identifier}"),
            ("Authentication Mode", "HTTP Header"), ("Authorization", "{token}"),
        )),),
        "select **Test Connector Configuration**",
        ("**To App**: enable Create, Update and Deactivate.", "**Push Groups**: choose the groups to push."),
    ),
    "onelogin": Provider(
        "OneLogin", "the app **SCIM Provisioner with SAML (SCIM v2 Enterprise)** > **Configuration**",
        (Way("token", "Token", TOKEN, (
            ("SCIM Base URL", "{tenant_url}"), ("SCIM Bearer Token", "{token}"),
        ), "**SCIM JSON Template** keeps what it has."),),
        "set **API Status** to **Enable**",
        (
            "**Provisioning**: enable provisioning.",
            "**Parameters**, **Groups**: select **Include in User Provisioning**.",
        ),
    ),
    "pingone": Provider(
        "PingOne", "**Integrations** > **Provisioning** > **New Connection** > **Identity Store** > **SCIM**",
        (
            Way("token", "Bearer token", TOKEN, (
                ("SCIM Base URL", "{tenant_url}"), ("Users Resource", "/Users"), ("SCIM Version", "2.0"),
                ("Authentication Method", "OAuth 2 Bearer Token"), ("OAuth Access Token", "{token}"),
                ("Auth Type Header", "Bearer"),
            )),
            Way("client", "OAuth client credentials", CLIENT, (
                ("SCIM Base URL", "{tenant_url}"), ("Users Resource", "/Users"), ("SCIM Version", "2.0"),
                ("Authentication Method", "OAuth 2 Client Credentials"), ("OAuth Token Request", "{token_endpoint}"),
                ("OAuth Client ID", "{client_id}"), ("OAuth Client Secret", "{client_secret}"),
                ("Auth Type Header", "Bearer"),
            )),
        ),
        "select **Test Connection**",
    ),
    "pingfederate": Provider(
        "PingFederate", "the SCIM Provisioner",
        (
            Way("token", "Access token", TOKEN, (
                ("SCIM URL", "{tenant_url}"), ("SCIM Version", "2.0"),
                ("Authentication Method", "OAuth 2 Bearer Token"), ("Access Token", "{token}"),
            )),
            Way("client", "OAuth client credentials", CLIENT, (
                ("SCIM URL", "{tenant_url}"), ("SCIM Version", "2.0"),
                ("Authentication Method", "OAuth 2 Client Credentials"), ("Token URL", "{token_endpoint}"),
                ("Client ID", "{client_id}"), ("Client Secret", "{client_secret}"),
            )),
        ),
    ),
    "jumpcloud": Provider(
        "JumpCloud", "the app > **Identity Management**",
        (Way("token", "Token", TOKEN, (
            ("Base URL", "{tenant_url}"), ("Token Key", "{token}"),
        ), "**Test User Email** is an address that no user has yet."),),
        "select **Test Connection**, then **Activate**",
    ),
    "google": Provider(
        "Google Workspace", "**Apps** > **Web and mobile apps** > the app > **Configure autoprovisioning**",
        (Way("token", "Token", TOKEN, (("Endpoint URL", "{tenant_url}"), ("Access token", "{token}"))),),
    ),
    "authentik": Provider(
        "authentik", "a SCIM provider",
        (Way("token", "Token", TOKEN, (("URL", "{tenant_url}"), ("Token", "{token}"))),),
    ),
    OTHER: Provider(
        "the identity provider", ways=(
            Way("token", "Bearer token", TOKEN, (("Base URL", "{tenant_url}"), ("Bearer token", "{token}"))),
            Way("client", "OAuth client credentials", CLIENT, (
                ("Base URL", "{tenant_url}"), ("Token endpoint", "{token_endpoint}"), ("Client ID", "{client_id}"),
                ("Client secret", "{client_secret}"), ("Scope", "scim.read scim.write"),
            )),
        ),
        test="test the connection, or let it look up a user",
        command="curl -H 'Authorization: Bearer TOKEN' '{tenant_url}/Users?count=1'",
        profiles=("interop", "rfc"),
        listed="Another one, such as Keycloak or SailPoint",
    ),
}


def provider_of(chosen: str, profile: str) -> str:
    """Return the provider of a customer: the one that was chosen, or else the one that the profile is for."""
    return chosen or (OTHER if profile == "rfc" else ENTRA)


def filled(template: str, ours: Mapping[str, str]) -> str:
    """Return a text of a guide with our values in it, "" as long as one of them has to be made first."""
    named = _VALUE.findall(template)
    return _VALUE.sub(lambda match: ours[match[1]], template) if set(named) <= ours.keys() else ""


def misfit(chosen: str, profile: str) -> str:
    """Return a sentence if the profile of a customer does not fit its provider, else ""."""
    provider = PROVIDERS.get(chosen)
    if provider is None or profile in provider.profiles:
        return ""
    return f"{provider.name} wants the profile {provider.profiles[0]}; this customer has {profile}."
