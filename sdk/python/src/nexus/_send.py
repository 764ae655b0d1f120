"""Requests to Nexus over httpx: with an end to every wait, and repeated where that is safe."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

import httpx

from nexus._retry import RETRIES, Settled, Settles, anything, pause_after, pause_after_failure, was_sent
from nexus.credential import is_mistyped
from nexus.errors import ApiError, NetworkError

TIMEOUT = 10.0
_CONFLICT = 409


def in_path(part: str) -> str:
    """A part of a path. `.` and `..` would lead to another operation, and an empty part to a list."""
    if part in ("", ".", ".."):
        raise ValueError(f"an id is missing: got {part!r}")
    return quote(part, safe="")


class Sender(Protocol):
    """Sends a request and gives its answer."""

    def __call__(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Any: ...


class AsyncSender(Protocol):
    """Sends a request and gives its answer, awaited."""

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Any: ...


@dataclass(frozen=True)
class Settings:
    """How Nexus is reached."""

    api_key: str
    base_url: str
    timeout: float
    retries: int

    @classmethod
    def of(cls, api_key: str | None, base_url: str | None, timeout: float | None, retries: int | None) -> Settings:
        """With the variables `NEXUS_TOKEN` and `NEXUS_URL` for what is left out."""
        url = (base_url or os.environ.get("NEXUS_URL") or "https://api.nexus.dev").rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("base_url is http:// or https://, a host and at most a path")
        key = api_key or os.environ.get("NEXUS_TOKEN") or ""
        limit = TIMEOUT if timeout is None else timeout
        times = RETRIES if retries is None else retries
        if limit <= 0 or times < 0:
            raise ValueError("timeout is more than 0 seconds, and retries at least 0")
        return cls(key, url, limit, times)

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r})"


@dataclass(frozen=True, repr=False)
class Call:
    """A request, and when an answer to it is one."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None
    timeout: float
    repeatable: bool
    settles: Settles

    @classmethod
    def management(
        cls,
        settings: Settings,
        method: str,
        path: str,
        *,
        body: object,
        query: Mapping[str, Any] | None,
        idempotency_key: str | None,
    ) -> Call:
        """Of the management interface. Every POST has an idempotency key, the same for all its repetitions."""
        headers = _headers(settings, body is not None)
        if method == "POST":
            headers["idempotency-key"] = idempotency_key or str(uuid.uuid4())
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = httpx.URL(settings.base_url + path, params=given) if given else httpx.URL(settings.base_url + path)
        return cls(
            method,
            str(url),
            headers,
            None if body is None else json.dumps(body).encode(),
            # An answer that is asked to wait for an event may take that much longer.
            settings.timeout + float(given.get("wait", 0)),
            repeatable=method in ("GET", "POST"),
            settles=_not_in_flight,
        )

    @classmethod
    def question(cls, settings: Settings, body: Mapping[str, Any]) -> Call:
        """To `POST /v1/verify`, which changes nothing."""
        content = json.dumps(body).encode()
        url = f"{settings.base_url}/v1/verify"
        return cls("POST", url, _headers(settings, True), content, settings.timeout, True, _decided)

    @classmethod
    def form(
        cls, settings: Settings, path: str, fields: Mapping[str, str], headers: Mapping[str, str], *, repeatable: bool
    ) -> Call:
        """A form of OAuth, whose client proves who it is in it or in its headers."""
        kinds = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        content = urlencode(fields).encode()
        return cls("POST", settings.base_url + path, {**kinds, **headers}, content, settings.timeout, repeatable, anything)


def send(http: httpx.Client, settings: Settings, call: Call) -> Any:
    """Gives the answer's JSON.

    Raises ApiError where it is no success, NetworkError where none came.
    """
    return _answer(exchange(http, settings, call))


async def send_async(http: httpx.AsyncClient, settings: Settings, call: Call) -> Any:
    """As `send`."""
    return _answer(await exchange_async(http, settings, call))


def exchange(http: httpx.Client, settings: Settings, call: Call) -> httpx.Response:
    """Gives the last answer, whatever its status. Raises NetworkError where none came."""
    for attempt in range(settings.retries + 1):
        last = attempt == settings.retries
        try:
            response = http.request(call.method, call.url, **_parts(call))
        except httpx.TransportError as error:
            pause = None if last else pause_after_failure(error, attempt, repeatable=call.repeatable)
            if pause is None:
                raise _unreachable(call, error) from error
        else:
            pause = None if last else _pause(response, call, attempt)
            if pause is None:
                return response
        time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


async def exchange_async(http: httpx.AsyncClient, settings: Settings, call: Call) -> httpx.Response:
    """As `exchange`."""
    for attempt in range(settings.retries + 1):
        last = attempt == settings.retries
        try:
            response = await http.request(call.method, call.url, **_parts(call))
        except httpx.TransportError as error:
            pause = None if last else pause_after_failure(error, attempt, repeatable=call.repeatable)
            if pause is None:
                raise _unreachable(call, error) from error
        else:
            pause = None if last else _pause(response, call, attempt)
            if pause is None:
                return response
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _headers(settings: Settings, has_body: bool) -> dict[str, str]:
    if not settings.api_key:
        raise ValueError("api_key is missing: give a management credential, or set NEXUS_TOKEN")
    if not re.fullmatch(r"[\x21-\x7e]+", settings.api_key):
        raise ValueError("api_key has a space or a line break: give it without")
    if is_mistyped(settings.api_key):
        raise ValueError("api_key has a typing error: its checksum is wrong")
    headers = {"accept": "application/json", "authorization": f"Bearer {settings.api_key}"}
    return headers | {"content-type": "application/json"} if has_body else headers


def _parts(call: Call) -> dict[str, Any]:
    # Not redirected: a credential goes where it was sent and nowhere else.
    return {
        "headers": call.headers,
        "content": call.content,
        "timeout": call.timeout,
        "follow_redirects": False,
    }


def _pause(response: httpx.Response, call: Call, attempt: int) -> float | None:
    return pause_after(response, members(response), attempt, repeatable=call.repeatable, settles=call.settles)


def _unreachable(call: Call, error: httpx.TransportError) -> NetworkError:
    place = call.url.split("?")[0]
    why = str(error) or type(error).__name__
    return NetworkError(f"{call.method} {place}: {why}", sent=was_sent(error))


def _answer(response: httpx.Response) -> Any:
    if not response.is_success:
        raise ApiError(response.status_code, members(response), response.headers.get("x-request-id"))
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        # A page of something between here and Nexus.
        raise ApiError(response.status_code, {"detail": "the answer is no JSON: is base_url the address of Nexus?"}) from error


def members(response: httpx.Response) -> dict[str, Any]:
    """The members of a JSON object; none where the answer is something else."""
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _not_in_flight(status: int, body: dict[str, Any]) -> Settled:
    """Unless the first request with this idempotency key has not ended."""
    return Settled(not (status == _CONFLICT and body.get("code") == "request_in_flight"))


def _decided(status: int, body: dict[str, Any]) -> Settled:
    """Unless the node may not answer just now, which says nothing about the credential."""
    if status != httpx.codes.OK or body.get("code") != "UNAVAILABLE":
        return Settled(True)
    headers = (body.get("response") or {}).get("headers") or {}
    return Settled(False, headers.get("retry-after"))
