"""The API as an OpenAPI 3.1 document, for code generators and API browsers.

The law of this room: what a resource has comes from the attribute tables, statuses from `errors`, limits and message
URNs from `protocol`. A test compares the paths with the routes of the application.
"""

from __future__ import annotations

from app.openapi.document import openapi_document

__all__ = ["openapi_document"]
