"""Clients of Nexus: one that waits and one that is awaited."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from nexus import jwt
from nexus._send import Call, Settings, send, send_async
from nexus.management import AsyncManagement, Management, VerifyBody
from nexus.verdict import Verdict


class _Tokens:
    """Service tokens, for which Nexus need not be asked."""

    _jwt_secret: str | None
    _jwt_key_id: str | None

    def generate_jwt(self, claims: Mapping[str, Any], expires_in: int | timedelta = 3600) -> str:
        """A token for authentication between services, signed with the tenant's `jwt_secret`.

        `iat`, `exp` and `jti` are added to the claims. `expires_in` is in seconds, at most 24 hours.
        """
        if not self._jwt_secret:
            raise ValueError("jwt_secret is missing: give it to the client")
        return jwt.generate(self._jwt_secret, claims, expires_in, key=self._jwt_key_id)


class Client(Management, _Tokens):
    """Nexus: service tokens, the question whether a credential may do something, and the management interface.

    What is safe to repeat is repeated, with growing, random pauses: reading, `verify`, and every POST, since it carries an
    idempotency key. What changes something without one is repeated only where it certainly did not happen.

    - `api_key`: what requests are made with; the management interface and `verify` need a management credential, `nxm_…`.
      Where left out: the variable `NEXUS_TOKEN`.
    - `jwt_secret`: the tenant's signing secret, `nxjs_…`, for `generate_jwt`. One that the tenant brought needs its id,
      `jwt_key_id`.
    - `base_url`: where Nexus is. Where left out: the variable `NEXUS_URL`, else `https://api.nexus.dev`.
    - `timeout`: seconds that one attempt may wait, 10 where left out. `retries`: repetitions at most, 2 where left out.
    - `http`: an httpx client to use instead of one of its own, for proxies and certificates.
    """

    def __init__(
        self,
        api_key: str | None = None,
        jwt_secret: str | None = None,
        *,
        jwt_key_id: str | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._settings = Settings.of(api_key, base_url, timeout, retries)
        self._jwt_secret = jwt_secret
        self._jwt_key_id = jwt_key_id
        self._http = http or httpx.Client()
        self._owned = http is None

    def verify(self, question: str | VerifyBody) -> Verdict:
        """Whether a credential may do something: a credential, or a question as `POST /v1/verify` has it.

        `UNAVAILABLE` is no verdict: it is asked again, and given only where every attempt ended so. Raises ApiError where the
        question is wrong and NetworkError where nobody answered; neither says that the credential is valid.
        """
        return Verdict.of(send(self._http, self._settings, Call.question(self._settings, _asked(question))))

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        call = Call.management(self._settings, method, path, body=body, query=query, idempotency_key=idempotency_key)
        return send(self._http, self._settings, call)

    def close(self) -> None:
        """Closes the connections."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncClient(AsyncManagement, _Tokens):
    """As `Client`, with every method that asks Nexus awaited."""

    def __init__(
        self,
        api_key: str | None = None,
        jwt_secret: str | None = None,
        *,
        jwt_key_id: str | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._settings = Settings.of(api_key, base_url, timeout, retries)
        self._jwt_secret = jwt_secret
        self._jwt_key_id = jwt_key_id
        self._http = http or httpx.AsyncClient()
        self._owned = http is None

    async def verify(self, question: str | VerifyBody) -> Verdict:
        """As `Client.verify`."""
        call = Call.question(self._settings, _asked(question))
        return Verdict.of(await send_async(self._http, self._settings, call))

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        call = Call.management(self._settings, method, path, body=body, query=query, idempotency_key=idempotency_key)
        return await send_async(self._http, self._settings, call)

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _asked(question: str | VerifyBody) -> Mapping[str, Any]:
    return {"credential": question} if isinstance(question, str) else question
