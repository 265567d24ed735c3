"""The form that an identity provider lets the browser post: one response, one relay state."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl

from app.sign_on.reasons import Reason, SignOnRefused

MOST_BYTES = 256 << 10
"""Bytes of a form; a response with 150 groups takes 20 KB."""
_MOST_FIELDS = 50


class Form(NamedTuple):
    """What was posted; "" for a relay state that was not."""

    response: str
    relay_state: str


def read_form(body: bytes | None, *, is_form: bool) -> Form:
    """Return the fields of a form; raises SignOnRefused.

    `body` is None if it is longer than `MOST_BYTES`, and `is_form` says whether its media type is that of a form.
    """
    if not is_form:
        raise SignOnRefused(Reason.MALFORMED, "The response was not posted by a form of the usual encoding.")
    if body is None:
        raise SignOnRefused(Reason.TOO_LARGE, f"The form has more than {MOST_BYTES} bytes.")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise SignOnRefused(Reason.MALFORMED, "The form cannot be read, or has too many fields.") from error
    responses = [value for name, value in fields if name == "SAMLResponse"]
    states = [value for name, value in fields if name == "RelayState"]
    if len(responses) != 1 or len(states) > 1:
        detail = f"One SAMLResponse and one RelayState are expected; the form has {len(responses)} and {len(states)}."
        raise SignOnRefused(Reason.MALFORMED, detail)
    return Form(responses[0], states[0] if states else "")


def read_query(query: bytes) -> dict[str, str]:
    """Return the parameters of a callback, each of which may come once; raises SignOnRefused."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise SignOnRefused(Reason.MALFORMED, "The query cannot be read, or has too many parameters.") from error
    if len({name for name, _ in pairs}) != len(pairs):
        raise SignOnRefused(Reason.MALFORMED, "A parameter comes twice.")
    return dict(pairs)
