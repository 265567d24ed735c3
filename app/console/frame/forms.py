"""What a form has sent, and what was wrong with it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from flask import g, request

from app.blueprints.request.body import read_at_most
from app.console.frame.parts import parts, visit
from app.console.frame.wrong import Wrong, not_ours
from app.errors import Conflict, InvalidValue
from app.protocol.messages import FORM

MOST_BYTES = 64 * 1024
ONCE = "once"
"""The field that tells a form from the same one shown again."""


class Fault(InvalidValue):
    """What was typed into a field cannot be used."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass
class Form:
    """A form: what was typed into it, and what was wrong with that."""

    typed: Mapping[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    """Name of the field, or "" for the whole -> sentence."""
    once: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def __getitem__(self, name: str) -> str:
        """Return the text of a field, "" for one that was not sent."""
        return self.typed[name]

    def one_of(self, name: str, choices: Collection[str]) -> str:
        """Return the text of a field with choices; raises Wrong if it is none of them."""
        if self.typed[name] not in choices:
            raise not_ours()
        return self.typed[name]

    def use(self) -> None:
        """Use up the form, whose answer has a secret; raises Conflict if it was used before."""
        once = self.typed[ONCE][:100]
        if not once or not parts().visits.use_form(visit(), once):
            raise Conflict("A secret is shown only once, and this was shown already. If it is lost, create a new one.")


def form() -> Form:
    """Return the form that the current request has sent, an empty one for a request without any."""
    if "form" not in g:
        g.form = Form()
    found: Form = g.form
    return found


def read(*names: str) -> Form:
    """Return the form that was sent, with the text of each field or ""; raises Wrong for any other field.

    A field may be there once.
    """
    body = read_at_most(request, MOST_BYTES)
    if body is None:
        raise Wrong(413, "What was sent is too long, so nothing was done.")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    given = dict(pairs)
    if request.mimetype not in (FORM, "") or len(given) < len(pairs) or set(given) - {*names, ONCE}:
        raise not_ours()
    g.form = Form({name: given.get(name, "").strip() for name in (*names, ONCE)})
    return form()
