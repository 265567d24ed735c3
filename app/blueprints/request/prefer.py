"""`Prefer: return=...`, and the header that confirms it (RFC 7240 sections 3 and 4.2)."""

from __future__ import annotations

from flask import Request, Response

_KNOWN = ("return=minimal", "return=representation")


def preference_of(request: Request) -> str | None:
    """Return the first of "minimal" and "representation" that the client names, or None."""
    header = request.headers.get("Prefer")
    if not header:
        return None
    preferences = [part.strip().lower().replace('"', "") for part in header.split(",")]
    return next((each.removeprefix("return=") for each in preferences if each in _KNOWN), None)


def apply_preference(response: Response, preference: str | None) -> Response:
    """Return the response with the header that confirms the preference, if there is one."""
    if preference:
        response.headers["Preference-Applied"] = f"return={preference}"
    return response
