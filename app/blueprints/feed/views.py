"""The changes of one tenant or of all, in order, snapshots, and streams; JSON, with errors in SCIM's form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, request

from app.blueprints.exchange import current, current_principal, service
from app.blueprints.feed.door import aside, feed
from app.blueprints.request.body import read_object
from app.blueprints.response.answers import json_response
from app.delivery.poll_request import PollRequest
from app.errors import Gone
from app.feed.parameters import ChangesRequest, SnapshotRequest
from app.protocol.messages import JSON

__all__ = ["feed"]


@feed.get("/changes")
@feed.get("/<tenant>/changes")
def changes() -> Response:
    """Return the events behind a cursor, in order."""
    changes_request = ChangesRequest.from_query(request.args.to_dict(flat=False))
    with _linked():
        body = service().changes(current_principal(), changes_request, aside)
    return json_response(body, mimetype=JSON)


@feed.get("/snapshot")
@feed.get("/<tenant>/snapshot")
def snapshot() -> Response:
    """Return a page of everything that there is."""
    snapshot_request = SnapshotRequest.from_query(request.args.to_dict(flat=False))
    with _linked():
        body = service().snapshot(current_principal(), snapshot_request)
    return json_response(body, mimetype=JSON)


@feed.post("/<tenant>/streams/<stream>/poll")
def poll(stream: str) -> Response:
    """Take what the receiver of a stream acknowledges, and return its next tokens (RFC 8936)."""
    poll_request = PollRequest.from_body(read_object(request))
    with _linked():
        body = service().poll(current_principal(), stream, poll_request, aside)
    return json_response(body, mimetype=JSON)


@contextmanager
def _linked() -> Iterator[None]:
    """Add to the error about a place that is lost where the snapshot is."""
    try:
        yield
    except Gone as error:
        tenant = current().tenant_name
        error.headers["Link"] = f'<{f"/{tenant}" if tenant else ""}/snapshot>; rel="snapshot"'
        raise
