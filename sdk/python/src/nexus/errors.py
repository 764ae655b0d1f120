"""What calls fail with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class NexusError(Exception):
    """Anything that this package raises on purpose, save for wrong arguments (ValueError, TypeError)."""


class NetworkError(NexusError):
    """Nexus could not be reached, or did not answer in time.

    `sent` tells whether the request may have arrived all the same.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ApiError(NexusError):
    """A request that was refused (RFC 9457)."""

    def __init__(self, status: int, body: Mapping[str, Any], request_id: str | None = None) -> None:
        self.status = status
        """The HTTP status."""
        self.code = str(body.get("code", "unexpected_answer"))
        """The kind, for programs."""
        self.detail = str(body.get("detail", f"status {status}"))
        """This occurrence, for people."""
        self.errors: Sequence[Mapping[str, str]] = body.get("errors") or []
        """What is wrong with the fields: `location`, `message` and `fix` of each."""
        self.request_id: str | None = body.get("request_id", request_id)
        """The request's id, by which the server's log and audit trail are searched."""
        super().__init__(f"{self.code}: {self.detail}")
