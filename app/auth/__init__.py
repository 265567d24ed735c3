"""Who is calling: tokens, OAuth 2.0 clients, federated identities and rate limits.

This room knows nothing of Flask. `blueprints/door.py` calls it, and the log gets the reason of every refusal.
"""

from app.auth.authenticator import Authenticator
from app.auth.limits.rate_limits import Limits
from app.auth.limits.thread_shares import Shares
from app.auth.principal import EVERY_TENANT, Principal, require_events, require_read, require_write
from app.auth.refusal import AUTHENTICATE, AccessRefused, Check, CredentialRefused, Refusal
from app.auth.token_endpoint import TokenAnswer, TokenEndpoint, TokenRequest, metadata

__all__ = [
    "AUTHENTICATE", "EVERY_TENANT", "AccessRefused", "Authenticator", "Check", "CredentialRefused", "Limits",
    "Principal", "Refusal", "Shares", "TokenAnswer", "TokenEndpoint", "TokenRequest", "metadata", "require_events",
    "require_read", "require_write",
]
