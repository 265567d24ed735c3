"""Looks at any SCIM server through the eyes of an identity provider: `scimd check`.

What each provider asks and sends is data, in `moves.py`. Nothing of our own server is imported here: the one that is
looked at may be anybody's.
"""

from __future__ import annotations

from app.check.moves import CLIENTS
from app.check.run import Report, run_check

__all__ = ["CLIENTS", "Report", "run_check"]
