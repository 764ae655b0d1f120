"""Nexus for Python: verify credentials, OAuth 2.0, sign service tokens, check webhooks, manage keys."""

from nexus import management, oauth, webhooks
from nexus.client import AsyncClient, Client
from nexus.credential import is_well_formed
from nexus.errors import ApiError, NetworkError, NexusError
from nexus.oauth import AsyncOAuth, OAuth, OAuthError, Tokens
from nexus.pages import rows, rows_async
from nexus.verdict import Refusal, Verdict
from nexus.webhooks import SignatureError

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncOAuth",
    "Client",
    "NetworkError",
    "NexusError",
    "OAuth",
    "OAuthError",
    "Refusal",
    "SignatureError",
    "Tokens",
    "Verdict",
    "is_well_formed",
    "management",
    "oauth",
    "rows",
    "rows_async",
    "webhooks",
]
