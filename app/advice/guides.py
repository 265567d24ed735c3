"""The portals of identity providers: what an administrator pastes where, under the names that the portal has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provider:
    """An identity provider that customers choose from."""

    name: str


PROVIDERS: dict[str, Provider] = {
    "entra": Provider("Entra"),
    "okta": Provider("Okta"),
    "onelogin": Provider("OneLogin"),
    "pingone": Provider("PingOne"),
    "pingfederate": Provider("PingFederate"),
    "jumpcloud": Provider("JumpCloud"),
    "other": Provider("the identity provider"),
}


ENTRA, OTHER = "entra", "other"


def provider_of(chosen: str, profile: str) -> str:
    """Return the provider of a customer: the one that was chosen, or else the one that the profile is for."""
    return chosen or (OTHER if profile == "rfc" else ENTRA)
