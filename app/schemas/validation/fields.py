"""The simple types of RFC 7643 section 2.3 as Marshmallow fields.

A field takes a value from a payload and returns its canonical form, or raises a ValidationError, which never repeats
the value: it may be a secret. Strings are kept verbatim; only formats that the RFC demands are checked.

Marshmallow's own String, Boolean, Integer and DateTime do not fit: Boolean takes 1 and "on", Integer takes "12" in
every profile, DateTime takes more than xsd:dateTime, and each has messages of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from marshmallow import ValidationError
from marshmallow.fields import Field

from app.schemas.attribute import Attribute
from app.schemas.comparison import BOOLEANS
from app.schemas.meta import timestamp
from app.schemas.moments import read_moment

MAX_TEXT = 8_192
"""Characters in a string or reference. Entra sends role assignments as JSON inside a string."""
MAX_KEY_TEXT = 1_024
"""Characters in a string that has an index; Entra's longest names have 256."""
MAX_BINARY = 65_536
"""Characters in base64."""
MAX_VALUES = 100
"""Values in a multi-valued attribute. Memberships are documents of their own and have no limit."""
LEAST, MOST = -(2**63), 2**63 - 1
"""The integers that BSON can hold; not a `range`, which looks one by one for a stored integer (D-691)."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}")  # RFC 4648 sections 4 and 5
_NOT_IN_A_URI = re.compile(r'[\x00-\x20\x7f<>"{}|\\^`]')  # RFC 3986 appendix A; letters beyond ASCII are accepted


class Value(Field[Any]):
    """A field that checks everything in `_deserialize` and has no validators.

    Marshmallow makes an empty validator for each value: 24 of 162 microseconds for a full user.
    """

    def __init__(self) -> None:
        super().__init__(allow_none=True)

    def _validate(self, value: Any) -> None:
        return None


class Text(Value):
    """A string without NUL and lone surrogates, which MongoDB cannot store (the driver raises UnicodeEncodeError).

    `lenient` reads a whole number as its digits; any other number has more than one spelling (D-68).
    """

    def __init__(self, limit: int, *, blank: bool = True, lenient: bool = False) -> None:
        super().__init__()
        self.limit = limit
        self.blank = blank
        self.lenient = lenient

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            if not self.lenient or isinstance(value, bool) or not isinstance(value, int):
                raise ValidationError("must be a string")
            value = str(value)
        if len(value) > self.limit:
            raise ValidationError(f"must have at most {self.limit} characters")
        if not value.isprintable() and ("\x00" in value or any("\ud800" <= char <= "\udfff" for char in value)):
            raise ValidationError("must not have NUL or half of a surrogate pair in it")
        if not self.blank and not value.strip():
            raise ValidationError("must not be blank")
        return value


class Binary(Text):
    """Base64, standard or URL-safe, with or without padding (RFC 7643 section 2.3.6)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        value = super()._deserialize(value, attr, data)
        if not _BASE64.fullmatch(value) or len(value.rstrip("=")) % 4 == 1:
            raise ValidationError("must be base64")
        return value


class Reference(Text):
    """A URI, absolute or relative (RFC 7643 section 2.3.7)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        value = super()._deserialize(value, attr, data)
        if _NOT_IN_A_URI.search(value):
            raise ValidationError("must be a URI")
        return value


class Moment(Text):
    """A dateTime; its canonical form is in UTC with milliseconds (RFC 7643 section 2.3.5)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return timestamp(read_moment(super()._deserialize(value, attr, data)))
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Flag(Value):
    """true or false, also as a string, case-insensitively (D-112)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, str):
            value = BOOLEANS.get(value.lower())
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class Number(Value):
    """The base of integers and decimals; `lenient` reads a string as the number that it spells."""

    def __init__(self, *, lenient: bool) -> None:
        super().__init__()
        self.lenient = lenient

    def read(self, value: Any) -> Any:
        """Return the number that a string spells in JSON (RFC 8259 section 6), or the value unchanged."""
        if not self.lenient or not isinstance(value, str) or not _NUMBER.fullmatch(value):
            return value
        with suppress(ValueError):  # more digits than Python reads: too large in any case
            return json.loads(value)
        return value


class Integer(Number):
    """A whole number without fraction or exponent (RFC 7643 section 2.3.4)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        value = self.read(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("must be an integer")
        if not LEAST <= value <= MOST:
            raise ValidationError("must be an integer of at most 64 bits")
        return value


class Decimal(Number):
    """A number (RFC 7643 section 2.3.3)."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        value = self.read(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("must be a number")
        if not LEAST <= value <= MOST if isinstance(value, int) else value - value != 0:  # infinity or NaN
            raise ValidationError("must be a number of at most 64 bits")
        return value


def is_written(row: Attribute) -> bool:
    """Return whether clients may write the attribute; a value for a readOnly one is ignored (RFC 7644 section 3.3)."""
    return row.mutability != "readOnly"


def text_limit(row: Attribute) -> int:
    """Return how many characters a value of the attribute may have."""
    if row.type == "binary":
        return MAX_BINARY
    return MAX_KEY_TEXT if row.indexed or row.uniqueness != "none" else MAX_TEXT


def simple_field(row: Attribute, lenient: bool) -> Field[Any]:
    """Return the field for one value of an attribute that is not complex.

    `lenient` accepts any string as a reference, a whole number as a string, and a string that spells a number.
    """
    if row.type == "boolean":
        return Flag()
    if row.type in ("integer", "decimal"):
        return (Integer if row.type == "integer" else Decimal)(lenient=lenient)
    texts = {"dateTime": Moment, "binary": Binary, "reference": Text if lenient else Reference}
    numbers = lenient and row.type in ("string", "reference")
    return texts.get(row.type, Text)(text_limit(row), blank=row.stored_as != "hash", lenient=numbers)
