"""The OpenID provider of the current application, made when it is first needed."""

from __future__ import annotations

from flask import current_app

from app.sign_on.flow.sign_on import EXTENSION
from app.sign_on.provider.provider import OpenIDProvider


def provider() -> OpenIDProvider:
    """Return the provider."""
    parts: OpenIDProvider = current_app.extensions[EXTENSION].provider
    return parts
