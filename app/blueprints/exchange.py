"""The state of the current request, from its start to its response."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from flask import Flask, Request, request
from werkzeug.routing import Rule

from app.auth import Principal
from app.blueprints.service import Service
from app.errors import ScimError
from app.provider import Provider
from app.schemas.resource_type import Catalogue, ResourceType

EXTENSION = "scimd"
"""Where the application has its parts, a `Service`."""
UNKNOWN_PATH = "tenant.unknown_path"
"""The endpoint of paths that do not exist below a tenant's SCIM URL."""
READING = ("GET", "HEAD", "OPTIONS")
_SANE_ID = re.compile(r"^[A-Za-z0-9._:-]{1,64}$")


class Answer(NamedTuple):
    """What became of a request, or of an operation of a Bulk request, which is counted as if it came alone (D-687)."""

    method: str
    status: int
    error: ScimError | None
    operation: str = ""
    resource_type: ResourceType | None = None
    """What was written, or would have been."""


@dataclass(slots=True)
class Exchange:
    """A request and what is known of it.

    Views and the functions around them read it in place of Flask's `request`, `g` and `current_app`, each of which is
    looked up anew for each attribute (D-160).
    """

    request: Request
    service: Service
    method: str
    route: str
    """The pattern of the path, such as `/<tenant>/scim/v2/<endpoint>`; "none" for an unknown path."""
    request_id: str
    tenant_name: str | None = None
    """The name in the path, which a door takes from the arguments of the view; the tenant may not exist."""
    started: float = field(default_factory=time.perf_counter)
    principal: Principal | None = None
    """Set once the credential is known."""
    provider: Provider | None = None
    """Set once the client has been let in."""
    catalogue: Catalogue | None = None
    """Set for a client that has been let in, and for open discovery."""
    error: ScimError | None = None
    """Set if the request is refused."""
    operations: list[Answer] = field(default_factory=list)
    """Those of a Bulk request, with what became of them."""
    is_consumer: bool = False
    """Whether it is a request of a consumer, to the feed or for a snapshot."""
    waited: float = 0.0
    """Seconds that it was held back until there was something to answer."""
    release: Callable[[], None] | None = None
    """Releases the tenant's thread; set while it holds one."""

    def reads(self) -> bool:
        """Return whether the request only reads, as a search by POST does (RFC 7644 section 3.4.3)."""
        return self.method in READING or (self.method == "POST" and self.request.path.endswith("/.search"))

    def take_tenant(self) -> None:
        """Move the tenant's name from the arguments of the view to `tenant_name`."""
        self.tenant_name = (self.request.view_args or {}).pop("tenant", None)

    def seconds(self) -> float:
        """Return the seconds since the request began, without those that it was held back."""
        return time.perf_counter() - self.started - self.waited


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def begin(app: Flask) -> None:
    """Create the exchange of the current request; runs before all other functions."""
    here: Request = request.environ["werkzeug.request"]  # which `request` stands for
    given = here.headers.get("X-Request-Id", "")
    request_id = given if _SANE_ID.match(given) else f"{random.getrandbits(128):032x}"  # noqa: S311 - no secret
    _current.set(Exchange(here, app.extensions[EXTENSION], here.method, _route(here.url_rule), request_id))


def end(_: BaseException | None) -> None:
    """Forget the exchange; runs after all other functions."""
    _current.set(None)


def current() -> Exchange:
    """Return the exchange of the current request."""
    exchange = _current.get()
    assert exchange is not None
    return exchange


def service() -> Service:
    """Return the parts of the application that answers the current request."""
    return current().service


def current_request() -> Request:
    """Return Flask's object of the current request."""
    return current().request


def current_provider() -> Provider:
    """Return the operations for a client that has been let in."""
    provider = current().provider
    assert provider is not None
    return provider


def current_principal() -> Principal:
    """Return the principal of a client that has been let in."""
    principal = current().principal
    assert principal is not None
    return principal


def current_catalogue() -> Catalogue:
    """Return the tenant's resource types, for a client that has been let in or for open discovery."""
    catalogue = current().catalogue
    assert catalogue is not None
    return catalogue


def _route(rule: Rule | None) -> str:
    return "none" if rule is None or rule.endpoint == UNKNOWN_PATH else rule.rule
