"""Service tokens: JWTs (RFC 7519) that a tenant signs with a secret of its own, by HS256."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

LONGEST = 24 * 60 * 60
"""The most seconds that a token may live."""
SHORTEST_SECRET = 32
"""Bytes that a secret has at least: as many as the digest (RFC 7518 section 3.2)."""
_OURS = ("iat", "exp", "jti")


def key_id(secret: str) -> str:
    """The id in a secret of the form `nxjs_<id>_<random>`, by which Nexus finds it."""
    found = re.fullmatch("nxjs_([0-9A-Za-z-]{1,64})_[0-9A-Za-z_-]+", secret)
    if found is None:
        raise ValueError("jwt_secret names no id, as nxjs_<id>_… does: a secret of your own needs jwt_key_id as well")
    return found[1]


def generate(
    secret: str,
    claims: Mapping[str, Any],
    expires_in: int | timedelta,
    *,
    key: str | None = None,
    now: float | None = None,
    token_id: str | None = None,
) -> str:
    """A signed token with these claims, and `iat`, `exp` and `jti` added.

    `expires_in` is in seconds, 1 to 86400; `key` is the id of a secret that does not name it. Raises ValueError where the
    lifetime or the secret is none, and where the claims hold one of those that are added or something that is no JSON.
    """
    if len(secret.encode()) < SHORTEST_SECRET:
        raise ValueError(f"jwt_secret is too short: {SHORTEST_SECRET} bytes at least")
    seconds = expires_in.total_seconds() if isinstance(expires_in, timedelta) else expires_in
    if isinstance(seconds, bool) or not 1 <= seconds <= LONGEST:
        raise ValueError(f"expires_in is 1 to {LONGEST} seconds")
    ours = [name for name in _OURS if name in claims]
    if ours:
        raise ValueError(f"leave {', '.join(ours)} out of the claims: they are set here, exp by expires_in")
    if any(not isinstance(name, str) for name in claims):
        raise ValueError("the names of claims are texts")
    issued_at = int(time.time() if now is None else now)
    header = {"alg": "HS256", "typ": "JWT", "kid": key or key_id(secret)}
    payload = dict(claims) | {
        "iat": issued_at,
        "exp": issued_at + int(seconds),
        "jti": token_id or str(uuid.uuid4()),
    }
    signed = f"{_encoded(header)}.{_encoded(payload)}"
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(signature)}"


def _encoded(value: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except TypeError as error:
        raise ValueError(f"the claims are no JSON: {error}") from error
    return _base64url(text.encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
