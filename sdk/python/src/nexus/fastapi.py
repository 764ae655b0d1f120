"""Routes of FastAPI that need a credential. Needs the extra `nexus[fastapi]`.

guard = Guard(nexus.AsyncClient(), dialect="nexus")
guard.install(app)

@app.get("/v1/users")
async def users(caller: Annotated[nexus.Verdict, Depends(guard.require("read:users"))]) -> ...
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response

from nexus.client import AsyncClient
from nexus.errors import NexusError
from nexus.management import VerifyBody
from nexus.verdict import Refusal, Verdict


class Refused(HTTPException):
    """A request whose credential may not do it. `Guard.install` has it answered in the product's own words."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, detail=refusal.body, headers=dict(refusal.headers))
        self.refusal = refusal


class Guard:
    """Asks Nexus about the credential of each request.

    - `client`: with a token that has the scope `verify`.
    - `dialect`: the product that the routes belong to: how callers send credentials, and how they are refused.
    - `environment`: the one that is served, such as `live`. Where left out, credentials of any are accepted.
    - `restrictions`: what a request touches, by the dialect's restrictions.

    The caller's address is `request.client`: behind a proxy, run uvicorn with `--proxy-headers`.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        dialect: str,
        environment: str | None = None,
        restrictions: Callable[[Request], Mapping[str, str]] | None = None,
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._environment = environment
        self._restrictions = restrictions

    def install(self, app: FastAPI) -> None:
        """Has refusals answered with the product's own status, headers and body."""
        app.add_exception_handler(Refused, _answered)

    def require(self, *scopes: str) -> Callable[[Request], Awaitable[Verdict]]:
        """A dependency that lets requests through whose credential has all these scopes, and gives the verdict.

        Where Nexus cannot be asked, the request ends with status 503.
        """

        async def verdict(request: Request) -> Verdict:
            try:
                verdict = await self._client.verify(self._question(request, scopes))
            except NexusError as error:
                raise HTTPException(503, "The credential cannot be checked just now.") from error
            if not verdict.valid:
                raise Refused(verdict.refusal or Refusal(401, {}, None))
            return verdict

        return verdict

    def _question(self, request: Request, scopes: tuple[str, ...]) -> VerifyBody:
        question: VerifyBody = {
            "dialect": self._dialect,
            "headers": _headers(request),
            "method": request.method,
            "path": request.url.path,
            "required_scopes": list(scopes),
            "restrictions": dict(self._restrictions(request)) if self._restrictions else {},
        }
        if request.client is not None:
            question["ip"] = request.client.host
        if self._environment is not None:
            question["environment"] = self._environment
        if "x-request-id" in request.headers:
            question["request_id"] = request.headers["x-request-id"]
        if "x-client-version" in request.headers:
            question["client_version"] = request.headers["x-client-version"]
        return question


def _headers(request: Request) -> dict[str, str]:
    """Every header but cookies, which no dialect reads.

    One that came twice is joined (RFC 9110 section 5.3), and so no credential any more.
    """
    names = [name for name in dict.fromkeys(request.headers.keys()) if name != "cookie"]
    return {name: ", ".join(request.headers.getlist(name)) for name in names}


async def _answered(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    body: Any = error.refusal.body
    if body is None:
        text = ""
    else:
        text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status_code=error.refusal.status, headers=dict(error.refusal.headers))
