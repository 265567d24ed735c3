"""`Prefer: return=...`, and the header that confirms it (RFC 7240 sections 3 and 4.2)."""

from __future__ import annotations

from flask import Request, Response
from werkzeug.http import parse_list_header

_KNOWN = ("minimal", "representation")


def preference_of(request: Request) -> str | None:
    """Return "minimal" or "representation" if that is what the first `return` asks for, or None."""
    header = request.headers.get("Prefer")
    for preference in parse_list_header(header) if header else ():
        name, _, value = (part.strip().lower() for part in preference.partition(";")[0].partition("="))
        if name == "return":
            return found if (found := value.replace('"', "")) in _KNOWN else None
    return None


def apply_preference(response: Response, preference: str | None) -> Response:
    """Return the response with the header that confirms the preference, if there is one."""
    if preference:
        response.headers["Preference-Applied"] = f"return={preference}"
    return response
