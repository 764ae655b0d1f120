"""Nexus for Python: verify credentials, sign service tokens, check webhooks, manage keys."""

from nexus import management, webhooks
from nexus.client import AsyncClient, Client
from nexus.credential import is_well_formed
from nexus.errors import ApiError, NetworkError, NexusError
from nexus.pages import rows, rows_async
from nexus.verdict import Refusal, Verdict
from nexus.webhooks import SignatureError

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "NetworkError",
    "NexusError",
    "Refusal",
    "SignatureError",
    "Verdict",
    "is_well_formed",
    "management",
    "rows",
    "rows_async",
    "webhooks",
]
