"""Which payloads are valid: the tables as Marshmallow schemas, the same for POST, PUT and the values of a PATCH.

A payload comes in as the client sent it; a resource comes out in the spelling of the tables, without nulls, empty arrays
and empty objects (RFC 7643 section 2.5), without readOnly values (RFC 7644 section 3.3). What is wrong is told at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, missing

from app.errors import InvalidSyntax, InvalidValue
from app.schemas.attribute import Attribute
from app.schemas.common import COMMON, SCHEMAS
from app.schemas.fields import (
    MAX_VALUES, Complex, Misplaced, Names, element_of, field_of, is_written, primaries,
)
from app.schemas.resource_type import ResourceType

MAX_PROBLEMS = 20
"""A detail names so many problems; a body may have thousands."""

Resource = dict[str, Any]
Problem = tuple[str, str]
"""Path and message."""


def validate(resource_type: ResourceType, payload: Mapping[str, Any], *, ignore_unknown: bool) -> Resource:
    """Give the resource that `payload` means; unknown attributes and URNs are left out if `ignore_unknown`.

    Raises InvalidSyntax for a wrong structure and InvalidValue for a wrong value, naming all that is wrong.
    """
    if not isinstance(payload, Mapping):
        raise InvalidSyntax("The body must be a JSON object.")
    form = form_of(resource_type, ignore_unknown)
    problems = [] if ignore_unknown else list(_problems_of_schemas(resource_type, payload))
    found, misplaced = form.names.spell(payload)
    problems += flatten(misplaced)
    try:
        loaded: Resource = form.schema.load(found)
    except ValidationError as error:
        problems += flatten(error.messages)
        loaded = error.valid_data or {}
    for extension in resource_type.extensions:
        if extension.stored_as in loaded:
            loaded[extension.id] = loaded.pop(extension.stored_as)
    bad = {path.partition("[")[0].partition(".")[0] for path, _ in problems}
    problems += (p for p in missing_in(resource_type, loaded) if p[0].partition(".")[0] not in bad)
    raise_for(problems)
    return {SCHEMAS.name: schemas_of(resource_type, loaded), **loaded}
