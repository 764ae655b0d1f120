"""Signatures of webhooks.

The header is `X-Nexuscore-Signature: t=<unix seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of `<t>.<payload>` with the
shared secret. While a secret is being replaced there is a v1 for each.

    nexus.webhooks.verify(request_body, headers["X-Nexuscore-Signature"], secret)
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from typing import Literal

from nexus.errors import NexusError

TOLERANCE = 300
"""By how many seconds a signature's time may differ from now."""

Fault = Literal["missing", "malformed", "mismatch", "too_old", "too_new"]


class SignatureError(NexusError):
    """The webhook was not signed with the secret, or not just now. `fault` tells which, for programs."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


def verify(
    payload: bytes | str, header: str | None, secret: str, *, tolerance: float = TOLERANCE, now: float | None = None
) -> None:
    """Returns when the payload was signed with the secret within the last minutes, and raises otherwise.

    `payload` is the request's body as it arrived: parsed and written anew it is another text with another signature.
    `now` is in seconds since 1970.
    """
    at, signatures = _parts(header)
    expected = _digest(at, payload, secret)
    # All are compared, so that the time taken tells nothing about which one fits.
    if sum(hmac.compare_digest(signature, expected) for signature in signatures) == 0:
        raise SignatureError("mismatch", "no signature belongs to this payload and secret")
    age = int(time.time() if now is None else now) - int(at)
    if age > tolerance:
        raise SignatureError("too_old", f"signed {age} s ago, and {tolerance} s are allowed")
    if age < -tolerance:
        raise SignatureError("too_new", f"signed {-age} s in the future: is this machine's clock right?")


def sign(payload: bytes | str, secrets: str | Sequence[str], *, timestamp: int | None = None) -> str:
    """The header for a payload: what Nexus sends, for tests of a receiver. Two secrets while one is being replaced."""
    at = str(int(time.time()) if timestamp is None else timestamp)
    each = [secrets] if isinstance(secrets, str) else secrets
    return ",".join([f"t={at}", *(f"v1={_digest(at, payload, secret)}" for secret in each)])


def _digest(at: str, payload: bytes | str, secret: str) -> str:
    if not secret:
        raise ValueError("the secret is empty: anybody could sign with it")
    body = payload.encode() if isinstance(payload, str) else payload
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()


def _parts(header: str | None) -> tuple[str, list[str]]:
    """The time as it is written, since that is what was signed, and the signatures of the one form that is known."""
    if not header:
        raise SignatureError("missing", "there is no signature")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and re.fullmatch("[0-9a-f]{64}", value)]
    if len(times) != 1 or not re.fullmatch("[0-9]{1,12}", times[0]) or not signatures:
        raise SignatureError("malformed", "not t=<unix seconds>,v1=<64 hexadecimal digits>")
    return times[0], signatures
