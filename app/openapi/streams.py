"""Streams of security event tokens, which their receivers ask for, and the keys that verify the tokens."""

from __future__ import annotations

from app.delivery.poll_request import ERRORS, LONGEST_WAIT, MOST_TOKENS
from app.errors import Gone, NotFound, Unavailable
from app.openapi.messages import NUMBER, TEXT
from app.openapi.operations import EVENTS, WRITING, Paths, answer, body, in_tenant, operation
from app.openapi.resources import JsonSchema, array_of, object_schema
from app.protocol.messages import JSON

POLL, SETS, KEYS = "streams.Poll", "streams.Sets", "streams.Keys"
"""The names of the schemas."""


def stream_paths() -> Paths:
    """Return the paths of streams."""
    tokens = {"200": answer("The next tokens.", SETS, mimetypes=[JSON])}
    poll = operation(
        "streams.poll", "Acknowledge tokens of a stream, and get the next ones (RFC 8936).", tokens,
        (*WRITING, NotFound, Gone), scope=EVENTS, tags=["Feed"], requestBody=body(POLL, [JSON]),
    )
    found = {"200": answer("The keys (RFC 7517).", KEYS, mimetypes=[JSON])}
    keys = operation(
        "streams.keys", "Get the keys that security event tokens are signed with.", found, [Unavailable], scope=None,
        tags=["Feed"],
    )
    stream = {"name": "stream", "in": "path", "required": True, "description": "The stream's id.", "schema": TEXT}
    path = in_tenant(post=poll)
    path["parameters"].append(stream)
    return {"/{tenant}/streams/{stream}/poll": path, "/jwks": {"get": keys}}


def stream_schemas() -> dict[str, JsonSchema]:
    """Return the schemas of a poll, its response, and the keys."""
    error = object_schema({"err": {**TEXT, "examples": sorted(ERRORS)}, "description": TEXT}, ["err"])
    key = object_schema(dict.fromkeys(("kty", "kid", "use", "alg", "n", "e"), TEXT), ["kty", "kid", "n", "e"])
    return {
        POLL: object_schema({
            "maxEvents": {
                **NUMBER, "minimum": 0, "default": MOST_TOKENS,
                "description": f"The most tokens to get, {MOST_TOKENS} in any case; 0 only acknowledges.",
            },
            "returnImmediately": {
                "type": "boolean", "default": False,
                "description": f"Whether to answer at once; otherwise it waits {LONGEST_WAIT} seconds for a token.",
            },
            "ack": {**array_of(TEXT), "description": "The `jti` of each token that was received."},
            "setErrs": {
                "type": "object", "additionalProperties": error,
                "description": "What is wrong with a token that cannot be accepted, by its `jti`.",
            },
        }, [], "A poll of a stream."),
        SETS: object_schema({
            "sets": {
                "type": "object", "additionalProperties": TEXT, "description": "The tokens, each by its `jti`.",
            },
            "moreAvailable": {"type": "boolean", "description": "Whether there are more tokens."},
        }, ["sets", "moreAvailable"], "The response to a poll."),
        KEYS: object_schema({"keys": array_of(key)}, ["keys"], "A set of keys."),
    }
