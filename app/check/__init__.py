"""The client behind `scimd check`, which tries any SCIM server as an identity provider would.

What each provider sends and expects is data, in `exchanges.py`. Nothing of our own server is imported here, since the
server under test may be anyone's.
"""

from __future__ import annotations

from app.check.exchanges import CLIENTS
from app.check.run import Report, run_check

__all__ = ["CLIENTS", "Report", "run_check"]
