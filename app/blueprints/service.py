"""What the views are given: the parts that `create_app` has put together, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from flask import current_app

from app.auth import Principal, Refusal, TokenAnswer, TokenRequest
from app.errors import ScimError
from app.provider import Actor, Event, Provider
from app.schemas.discovery import Features
from app.schemas.resource_type import Catalogue
from app.telemetry.activity import AnsweredRequest


@dataclass(frozen=True)
class Service:
    """The parts that the views need."""

    authenticate: Callable[[str, str | None, str], Principal]
    """Tenant, token and address -> who that is; raises Unauthorized, Forbidden, TooManyRequests."""
    count: Callable[[Principal, int], None]
    """Principal and number: count operations beyond the one that a request is; raises TooManyRequests."""
    refusal_to_log: Callable[[Principal, str], Refusal | None]
    """Principal and detail of the refusal -> what to log about it; None if a line was logged within the last minute."""
    enter: Callable[[str], None]
    """Tenant: take one of the threads that it may hold; raises TooManyRequests."""
    leave: Callable[[str], None]
    """Tenant: give the thread back."""
    hold_back: Callable[[], None]
    """Let the refusal of a client that asks too often wait a moment."""
    token: Callable[[TokenRequest], TokenAnswer]
    """What is asked of the token endpoint -> its answer; raises TooManyRequests."""
    provider: Callable[[Principal, str], Provider]
    """Who asks, and the request's id -> the operations for him."""
    catalogue: Callable[[str], Catalogue]
    """Tenant -> its resource types, for discovery without a credential; raises Unauthorized where that is not open."""
    base_url: Callable[[str], str]
    """Tenant -> its SCIM URL."""
    issuer: Callable[[str], str]
    """Tenant -> the URL of its authorization server."""
    features: Features
    ready: Callable[[], None]
    """Raises Unavailable where requests cannot be answered."""
    require: Callable[[], None]
    """The same, at no cost once the database was as it must be."""
    budget: Callable[[], AbstractContextManager[None]]
    """The time that a request may take of the database."""
    out_of_time: Callable[[], bool]
    """Whether that time is over."""
    translate: Callable[[BaseException], ScimError | None]
    """An exception -> what the client is told about it if it is a failure of the database, else None."""
    answered: Callable[[str, AnsweredRequest], None]
    """Tenant, what was answered: count it among what came lately."""
    refused: Callable[[str, Event, Actor], None]
    """Tenant, event, who that was: write into the tenant's log that somebody was not let in."""


def service() -> Service:
    """Give the parts of the application that answers now."""
    parts: Service = current_app.extensions["scimd"]
    return parts
