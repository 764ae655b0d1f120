"""Whether a credential may do something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nexus.errors import ApiError


@dataclass(frozen=True)
class Refusal:
    """What the product tells the outside of a refused credential."""

    status: int
    headers: Mapping[str, str]
    body: Any
    """JSON as such, anything else as a text."""


@dataclass(frozen=True)
class Verdict:
    """The answer to `verify`. What a refused credential does not have is None or empty."""

    valid: bool
    code: str
    """`VALID`, or why not: `REVOKED`, `INSUFFICIENT_SCOPE`, …"""
    detail: str | None
    """Why not, for insiders."""
    tenant_id: str | None
    key_id: str | None
    name: str | None
    type: str | None
    """`secret` or `publishable`."""
    environment: str | None
    scopes: tuple[str, ...]
    expires_at: str | None
    """From when on the secret is refused; None: never."""
    refusal: Refusal | None
    """Of a credential that is not valid."""
    raw: Mapping[str, Any]
    """The whole answer."""

    @classmethod
    def of(cls, answer: Any) -> Verdict:
        """Out of the answer of `POST /v1/verify`."""
        if not isinstance(answer, dict) or not isinstance(answer.get("valid"), bool):
            raise ApiError(200, {"detail": "the answer is no verdict: is base_url the address of Nexus?"})
        outward = answer.get("response")
        return cls(
            valid=answer["valid"],
            code=answer["code"],
            detail=answer.get("detail"),
            tenant_id=answer.get("tenant_id"),
            key_id=answer.get("key_id"),
            name=answer.get("name"),
            type=answer.get("type"),
            environment=answer.get("environment"),
            scopes=tuple(answer.get("scopes", ())),
            expires_at=answer.get("expires_at"),
            refusal=Refusal(outward["status"], outward["headers"], outward["body"]) if outward else None,
            raw=answer,
        )
