"""What a form has sent, and what was wrong with it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from flask import request

from app.blueprints.request.body import read_at_most
from app.console.frame.pages import Wrong
from app.console.frame.parts import parts, visit
from app.errors import ScimError
from app.protocol.messages import FORM

MOST_BYTES = 64 * 1024
ONCE = "once"
"""The field that tells a form from the same one shown again."""


@dataclass
class Form:
    """A form: what was typed into it, and what was wrong with that."""

    typed: Mapping[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    """Name of the field, or "" for the whole -> sentence."""
    once: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    @property
    def status(self) -> int:
        """The status of the page that shows it."""
        return 422 if self.faults else 200

    def fail(self, error: ScimError, name: str = "") -> Form:
        """Note what an error says of a field or of the whole, and return the form."""
        self.faults[name] = error.detail
        return self


def read(*names: str) -> Form:
    """Return the form that was sent, with the text of each field or ""; raises Wrong for any other field.

    A field may be there once.
    """
    pairs = parse_qsl(_body(), keep_blank_values=True)
    given = dict(pairs)
    if request.mimetype not in (FORM, "") or len(given) < len(pairs) or set(given) - {*names, ONCE}:
        raise Wrong(400, "This is not what our forms send, so nothing was done.")
    return Form({name: given.get(name, "").strip() for name in (*names, ONCE)})


def _body() -> str:
    body = read_at_most(request, MOST_BYTES)
    if body is None:
        raise Wrong(413, "What was sent is too long, so nothing was done.")
    return body.decode("utf-8", "replace")


def use(form: Form) -> bool:
    """Use a form up whose answer has a secret, and return whether it was unused."""
    once = form.typed.get(ONCE, "")
    return bool(once) and parts().visits.use_form(visit(), once[:100])
