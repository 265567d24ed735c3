"""The parts of the application that the views use; `create_app` puts them together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from app.auth import Principal, Refusal, TokenAnswer, TokenRequest
from app.delivery.poll_request import PollRequest
from app.errors import ScimError
from app.feed.parameters import ChangesRequest, SnapshotRequest
from app.feed.waiting import Aside
from app.provider import Actor, Event, Provider
from app.schemas.discovery import Features
from app.schemas.resource_type import Catalogue
from app.telemetry.activity import AnsweredRequest


@dataclass(frozen=True)
class Service:
    """The parts, as functions."""

    authenticate: Callable[[str, str | None, str], Principal]
    """Tenant, token and address -> the principal; raises Unauthorized, Forbidden, TooManyRequests."""
    authenticate_anywhere: Callable[[str, str, str], Principal]
    """The same with the tenant that a token is for, where the path may not name it."""
    authenticate_consumer: Callable[[str | None, str | None, str], Principal]
    """The same for the events of a tenant, or of all for None: tokens of all tenants are accepted, too."""
    authenticate_again: Callable[[str | None, str | None, str], Principal]
    """The same for a request that has waited, and was counted before."""
    count: Callable[[Principal, int], None]
    """Principal and number: count further operations of a request; raises TooManyRequests."""
    refusal_to_log: Callable[[Principal, ScimError], Refusal | None]
    """Principal and error -> what to log about the refusal; None if the log of the last minute has enough."""
    enter: Callable[[str], None]
    """Tenant: take one of the tenant's threads; raises TooManyRequests."""
    leave: Callable[[str], None]
    """Tenant: release the thread."""
    hold_back: Callable[[], None]
    """Delay the refusal of a client that sends too many requests."""
    token: Callable[[TokenRequest], TokenAnswer]
    """A request to the token endpoint -> its response; raises TooManyRequests."""
    provider: Callable[[Principal, str], Provider]
    """Principal and request id -> the operations for that principal."""
    changes: Callable[[Principal, ChangesRequest, Aside], dict[str, Any]]
    """A request of a consumer, and what to let go of while it waits -> the body of a page of changes."""
    snapshot: Callable[[Principal, SnapshotRequest], dict[str, Any]]
    """The same for a page of a snapshot."""
    poll: Callable[[Principal, str, PollRequest, Aside], dict[str, Any]]
    """The same for the next tokens of a stream, by its id."""
    event_keys: Callable[[], dict[str, Any]]
    """Returns the keys that security event tokens are verified with, as a set of JWKs."""
    catalogue: Callable[[str], Catalogue]
    """Tenant -> its resource types, for discovery without a credential; raises Unauthorized, Forbidden."""
    base_url: Callable[[str], str]
    """Tenant -> its SCIM URL."""
    issuer: Callable[[str], str]
    """Tenant -> the URL of its authorization server."""
    features: Features
    openapi: Callable[[], dict[str, Any]]
    """Returns the OpenAPI document."""
    ready: Callable[[], None]
    """Raises Unavailable if requests cannot be answered."""
    require: Callable[[], None]
    """The same, at no cost once the database has been prepared."""
    budget: Callable[[], AbstractContextManager[None]]
    """A time limit for calls of the database."""
    out_of_time: Callable[[], bool]
    """Returns whether that time is over."""
    translate: Callable[[BaseException], ScimError | None]
    """An exception -> the error for the client if the database failed, else None."""
    answered: Callable[[str, AnsweredRequest], None]
    """Tenant and request: count it among the tenant's latest requests."""
    refused: Callable[[str, Event, Actor], None]
    """Tenant, event and actor: write into the tenant's log that a request was not let in."""
