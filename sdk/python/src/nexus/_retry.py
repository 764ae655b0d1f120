"""When a request is repeated, and how long to wait before. Without any waiting: that is the clients' part."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

RETRIES = 2
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
LONGEST_RETRY_AFTER = 30.0
"""Whoever is told to wait for longer learns so at once."""
_PASSING = {408, 429, 500, 502, 503, 504}
_TOO_MANY = 429


@dataclass(frozen=True)
class Settled:
    """An answer is one. What is not settled is asked again, after `retry_after` where that is given."""

    settled: bool
    retry_after: str | None = None


def anything(_status: int, _body: dict[str, Any]) -> Settled:
    """Every answer is one."""
    return Settled(settled=True)


Settles = Callable[[int, dict[str, Any]], Settled]


def pause_after(
    response: httpx.Response, body: dict[str, Any], attempt: int, *, repeatable: bool, settles: Settles
) -> float | None:
    """Seconds to wait before the request is sent again; None: the answer stands.

    What is not `repeatable` is sent again only where it was refused with 429, and so did not happen.
    """
    settled = settles(response.status_code, body)
    passing = response.status_code in _PASSING and (repeatable or response.status_code == _TOO_MANY)
    if settled.settled and not passing:
        return None
    return pause(attempt, settled.retry_after or response.headers.get("retry-after"))


def pause_after_failure(error: httpx.TransportError, attempt: int, *, repeatable: bool) -> float | None:
    """Seconds to wait after no answer came; None: the failure stands."""
    return pause(attempt, None) if repeatable or not was_sent(error) else None


def was_sent(error: httpx.TransportError) -> bool:
    """Whether the request may have arrived."""
    return not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def pause(
    attempt: int,
    retry_after: str | None,
    *,
    # What spreads clients over time need not be unguessable.
    chance: Callable[[], float] = random.random,
    now: Callable[[], float] = time.time,
) -> float | None:
    """Exponential backoff with full jitter, on top of what the server asks for. None where that is more than 30 s.

    `attempt` is 0 for the first repetition; `retry_after` is the header (RFC 9110 section 10.2.3), seconds or a date.
    """
    asked = _seconds(retry_after, now())
    if asked > LONGEST_RETRY_AFTER:
        return None
    return asked + chance() * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt)


def _seconds(retry_after: str | None, now: float) -> float:
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return 0.0
