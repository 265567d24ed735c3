"""A real browser, a real server, an identity provider, and two apps."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
import requests

from app.store.sign_on.apps import Apps, Settings
from tests.conftest import make_server, new_database
from tests.sign_on.browser.sites import AppSite, IdentityProvider, served
from tests.sign_on.saml.world import SamlTenant, saml_tenant

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Place:
    """All that takes part; `idp_url` and the apps are other sites than the server."""

    tenant: SamlTenant
    idp: IdentityProvider
    idp_url: str
    apps: list[AppSite]
    app_urls: list[str]

    def disable(self):
        """Disable the user as Entra does."""
        body = {"schemas": [PATCH], "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
        url = f"{self.tenant.server.url}/{self.tenant.name}/scim/v2/Users/{self.tenant.user_id}"
        answer = requests.patch(url, json=body, headers={"Authorization": f"Bearer {self.tenant.token}"}, timeout=30)
        assert answer.status_code < 300, answer.text


@pytest.fixture(scope="package")  # not for the whole run: a server that nobody uses takes 0.03 s of each second
def server(tmp_path_factory, mongod_uri):
    server = make_server(tmp_path_factory.mktemp("browser"), SCIMD_MONGODB_URI=new_database(mongod_uri))
    server.url = server.url.replace("127.0.0.1", "localhost")
    server.environ["SCIMD_PUBLIC_URL"] = server.url
    server.start()
    yield server
    assert server.stop() == 0, server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def running_apps(stack, server, tenant):
    """Serve and register two apps for a tenant until the stack is closed; return them and their URLs."""
    apps = [AppSite(name, f"{server.url}/{tenant}") for name in ("portal", "reports")]
    urls = [stack.enter_context(served(app.app)) for app in apps]
    for app, url in zip(apps, urls, strict=True):
        settings = Settings(
            name=app.name.capitalize(), redirect_uris=(f"{url}/callback",), scopes=("openid", "profile", "email"),
            backchannel_logout_uri=f"{url}/backchannel-logout",
        )
        registered, secret = Apps(server.database).create(settings, lifetime=timedelta(days=1))
        app.client = (registered.id, secret)
    return apps, urls


@pytest.fixture
def place(server):
    idp = IdentityProvider()
    with ExitStack() as stack:
        idp_url = stack.enter_context(served(idp.app))
        idp.tenant = tenant = saml_tenant(server, sso_url=f"{idp_url}/sso")
        apps, urls = running_apps(stack, server, tenant.name)
        yield Place(tenant, idp, idp_url, apps, urls)


@pytest.fixture
def context(chromium):
    """Yield a browser without cookies; a message of the content security policy in its console is an error."""
    context = chromium.new_context()
    messages = []
    context.on("console", lambda message: messages.append(message.text))
    context.set_default_timeout(20_000)
    yield context
    context.close()
    assert [text for text in messages if "Content Security Policy" in text or "Content-Security-Policy" in text] == []


@pytest.fixture
def page(context):
    return context.new_page()


def until(condition, seconds=20):
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it has not come true"
        time.sleep(0.05)
