"""The project's URLs, and the middleware that checks the bearer token."""

import hmac
import os

from django.contrib.auth import get_user_model
from django.urls import include, path

urlpatterns = [path("v2/", include("django_scim.urls"))]


def bearer_token(get_response):
    """Return a middleware that signs a request in as the provisioning user if it has the token."""
    expected = f"Bearer {os.environ['PEERS_TOKEN']}"
    provisioning = get_user_model()(username="provisioning")

    def middleware(request):
        if hmac.compare_digest(request.headers.get("Authorization", ""), expected):
            request.user = provisioning
        return get_response(request)

    return middleware
