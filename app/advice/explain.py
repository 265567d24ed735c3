"""The explanation of one refused event: a sentence, a table of what was expected and what came, and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.advice.cures import CURES
from app.advice.guides import ENTRA, OTHER, PROVIDERS
from app.advice.signing_in import STEPS, STEPS_OF_APPS
from app.advice.wording import moment, utc
from app.causes import GUARDED, cause_of

_FIELD = re.compile(r"\{(\w+)\}")
_OPTIONAL = re.compile(r"\[([^\]]*)\]")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
OF_PEOPLE = frozenset({"sign-on", "sign-on-test", "app-sign-on", "logout-told"})
"""The operations whose refusals are those of people and their apps, and have none of the causes."""
PASSING = frozenset({"version", "over-rate", "unavailable", GUARDED, "failure"})
"""Causes for which the same request may be sent again."""
_OTHER_CUSTOMER = "another customer"
_ENTRA_FIELDS = {
    "reply_url": "Reply URL", "entity_id": "Identifier (Entity ID)", "issuer": "issuer (Microsoft Entra Identifier)",
}
_OTHER_FIELDS = {"reply_url": "assertion consumer service URL", "entity_id": "audience", "issuer": "issuer"}
"""What the page about single sign-on calls its fields, at Entra and elsewhere."""
_MOMENTS = frozenset({"revocation", "expiry"})
"""The checks that receive a moment."""


class Piece(NamedTuple):
    """A part of a step: a text, and whether it is a name of the portal."""

    text: str
    bold: bool = False


Step = tuple[Piece, ...]


class Row(NamedTuple):
    """A line of the table "attribute or check, expected, sent"."""

    name: str
    expected: str
    received: str
    passed: bool


@dataclass(frozen=True)
class Explanation:
    """Why one request was refused, and what to do."""

    cause: str
    attribute: str
    title: str
    sentence: str
    rows: tuple[Row, ...]
    steps: tuple[Step, ...]


def explain(event: Mapping[str, Any], provider: str = ENTRA, *, customer: bool = False) -> Explanation:
    """Return why a refused event was refused; `provider` is a key of `PROVIDERS`.

    For the eyes of a `customer`, the names of other customers are left out. Events of earlier versions, which have no
    cause, are explained by status and scimType; those of sign-ons have reasons of their own.
    """
    rows = _rows(event, customer=customer)
    if event.get("signOn") or event.get("operation") in OF_PEOPLE:
        return _of_a_person(event, rows, provider)
    known = event.get("cause", "")
    cause = known or cause_of(event.get("status", 500), event.get("scimType"))
    cure, values = CURES.get(cause), _values(event, rows, provider)
    if cure is None:
        return Explanation(cause, "", cause, values["detail"] + "." if values["detail"] else "", rows, ())
    sentence = cure.sentence if known else "Refused with {status}[ {scimType}][: {detail}]."
    steps = cure.entra if provider == ENTRA else cure.others
    return Explanation(
        cause, event.get("attribute", ""), _filled(cure.title, values), _capital(_filled(sentence, values)), rows,
        tuple(_step(each, values) for each in steps),
    )


def _of_a_person(event: Mapping[str, Any], rows: tuple[Row, ...], provider: str) -> Explanation:
    """Return why a person did not come in; the detail of a sign-on begins with the reason and a colon."""
    operation, detail = str(event.get("operation", "")), str(event.get("detail", ""))
    reason, _, sentence = detail.partition(": ")
    failed = next((row.name for row in rows if not row.passed), "")
    known = STEPS.get(reason, ())
    if not operation.startswith("sign-on") and not known:
        reason, sentence, known = operation, detail, STEPS_OF_APPS.get(failed or operation, ())
    fields = _ENTRA_FIELDS if provider == ENTRA else _OTHER_FIELDS
    values = _values(event, rows, provider) | fields | {"tenant": str(event.get("tenant", ""))}
    steps = tuple(_step(each, values) for each in known)
    return Explanation(reason, failed, reason, sentence, rows, steps)


def title_of(cause: str, attribute: str = "") -> str:
    """Return a cause in a short sentence, as it is counted in `days`: `name.givenName is missing`, without a URN."""
    cure = CURES.get(cause)
    name = short(attribute) or "an attribute"
    return _filled(cure.title, dict.fromkeys(("attribute", "missing"), name) | {"is": "is"}) if cure else cause


def short(path: str) -> str:
    """Return the path of an attribute without the URN of its schema (RFC 7644 section 3.10)."""
    return path.rpartition(":")[2] if path.lower().startswith("urn:") else path


def titled(causes: Iterable[tuple[str, int]]) -> list[tuple[str, str, str, int]]:
    """Return the causes that are counted in `days`: cause, attribute or "", both in a few words, and the number.

    Those that are counted together, since there are so many, have the cause "".
    """
    parted = [(*each.partition(" ")[::2], number) for each, number in causes]
    return [
        (cause, attribute, title_of(cause, attribute), number) if cause in CURES else ("", "", "Other causes", number)
        for cause, attribute, number in parted
    ]


def plain(step: Step) -> str:
    """Return a step as text."""
    return "".join(piece.text for piece in step)


def numbered(steps: Sequence[Step]) -> list[str]:
    """Return the lines that tell how to fix it, under a heading; none if there are no steps."""
    return ["How to fix it:", *(f"  {place}. {plain(each)}" for place, each in enumerate(steps, 1))] if steps else []


def _rows(event: Mapping[str, Any], *, customer: bool) -> tuple[Row, ...]:
    problems: Sequence[Mapping[str, Any]] = event.get("problems", ())
    if problems:
        return tuple(Row(each["path"], each.get("expected", ""), each.get("received", ""), False) for each in problems)
    return tuple(
        Row(each["name"], each["expected"], _received(each, customer=customer), bool(each["passed"]))
        for each in event.get("checks", ())
    )


def _received(check: Mapping[str, Any], *, customer: bool) -> str:
    """Return what a check received, for people: moments in words, and no name of another customer for a `customer`."""
    if customer and check["name"] == "tenant" and not check["passed"]:
        return _OTHER_CUSTOMER
    return _moment(check["received"]) if check["name"] in _MOMENTS else str(check["received"])


def _values(event: Mapping[str, Any], rows: Sequence[Row], provider: str) -> dict[str, str]:
    """Return what the texts are filled in with."""
    first = next((row for row in rows if not row.passed), Row("", "", "", False))
    attribute = event.get("attribute") or "an attribute"
    missing = [row.name for row in rows if row.received in ("nothing", "")] or [attribute]
    detail = str(event.get("detail", "")).rstrip(".")
    return {
        "attribute": attribute, "missing": listed(missing, "and"), "any": listed(missing, "or"),
        "is": "is" if len(missing) == 1 else "are",
        "each": {1: "it is", 2: "both are"}.get(len(missing), "all are"), "check": first.name,
        "expected": first.expected, "received": first.received, "detail": detail,
        "status": str(event.get("status", "")), "scimType": event.get("scimType") or "",
        "kind": event.get("resource", {}).get("type", "").lower() or "resource",
        "idp": PROVIDERS.get(provider, PROVIDERS[OTHER]).name,
    }


def listed(names: Sequence[str], word: str) -> str:
    """Return names as a list in words: `a, b and c`."""
    return f" {word} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _moment(text: str) -> str:
    """Return the text of a moment for people, and any other text unchanged."""
    found = moment(text)
    return utc(found) if found else text


def _filled(template: str, values: Mapping[str, str]) -> str:
    def optional(match: re.Match[str]) -> str:
        return match[1] if all(values.get(name) for name in _FIELD.findall(match[1])) else ""

    return _FIELD.sub(lambda match: values.get(match[1], ""), _OPTIONAL.sub(optional, template))


def _step(template: str, values: Mapping[str, str]) -> Step:
    """Return a step in pieces; a value cannot mark anything, since the marks are read before it is filled in."""
    pieces = (Piece(_filled(text, values), bold=index % 2 == 1) for index, text in enumerate(_BOLD.split(template)))
    return tuple(piece for piece in pieces if piece.text)


def _capital(sentence: str) -> str:
    """Return a sentence that begins with a capital letter, unless it begins with the name of an attribute."""
    return sentence[:1].upper() + sentence[1:] if sentence.startswith("the ") else sentence
