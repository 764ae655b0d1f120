"""OAuth 2.0 with Nexus (RFC 6749, RFC 7009, RFC 7636, RFC 7662): one client that waits and one that is awaited."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import httpx

from nexus._send import Call, Settings, exchange, exchange_async, members
from nexus.errors import NexusError

__all__ = [
    "AsyncOAuth",
    "Introspection",
    "OAuth",
    "OAuthError",
    "Tokens",
    "code_challenge",
    "create_code_verifier",
]

Hint = Literal["access_token", "refresh_token"]
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class OAuthError(NexusError):
    """A refusal of the authorization server (RFC 6749 sections 4.1.2.1 and 5.2)."""

    def __init__(self, error: str, description: str | None = None, status: int | None = None) -> None:
        self.error = error
        """Why, for programs: `invalid_grant`, `invalid_client`, `access_denied`, …"""
        self.description = description
        """Why, for people."""
        self.status = status
        """The HTTP status; None where the refusal came with the user's browser."""
        super().__init__(error if description is None else f"{error}: {description}")


@dataclass(frozen=True)
class Tokens:
    """What a token request gives (RFC 6749 section 5.1). Its text has none of the tokens."""

    access_token: str
    """Sent as `Authorization: Bearer …`."""
    token_type: str
    """Always `Bearer`."""
    expires_in: int
    """How many seconds the access token lives."""
    expires_at: datetime
    """When it ends, by this machine's clock."""
    scope: tuple[str, ...]
    """What was granted, which may be less than what was asked for."""
    refresh_token: str | None = None
    """Gives new tokens without the user. None for client credentials."""

    def __repr__(self) -> str:
        return f"Tokens(scope={self.scope!r}, expires_at={self.expires_at.isoformat()!r})"


@dataclass(frozen=True)
class Introspection:
    """What is known of a token (RFC 7662 section 2.2)."""

    active: bool
    """Whether it can be used."""
    scope: tuple[str, ...]
    """What it allows; nothing where it is not active."""
    claims: Mapping[str, Any]
    """The whole answer: `client_id`, `sub`, `exp` and so on."""


def create_code_verifier() -> str:
    """A new verifier for PKCE: 43 characters that hold 256 random bits. Keep it in the user's session until the code comes."""
    return _base64url(secrets.token_bytes(32))


def code_challenge(verifier: str) -> str:
    """What of the verifier goes to the authorization endpoint, by the method S256 (RFC 7636 section 4.2).

    Raises ValueError where the verifier is not 43 to 128 unreserved characters.
    """
    if not _VERIFIER.fullmatch(verifier):
        raise ValueError("code_verifier is 43 to 128 letters, digits and -._~: make one with create_code_verifier()")
    return _base64url(hashlib.sha256(verifier.encode("ascii")).digest())


class _Requests:
    """What is sent, and how it is read. Without any sending: that is the clients' part."""

    _settings: Settings

    def __init__(
        self,
        client_id: str,
        client_secret: str | None,
        redirect_uri: str | None,
        settings: Settings,
    ) -> None:
        if not client_id:
            raise ValueError("client_id is missing: it is shown where the client was registered")
        if client_secret == "":
            raise ValueError("client_secret is empty: leave it out for a public client")
        self._settings = settings
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self._client_id!r})"

    def authorization_url(self, scope: Sequence[str], state: str, *, code_verifier: str | None = None) -> str:
        """The address to send the user's browser to. The user sees every scope and consents or not.

        - `state`: a random text that comes back with the code. Keep it in the user's session: `code_from_callback` compares it.
        - `code_verifier`: for PKCE, from `create_code_verifier()`. Give the same one to `exchange_code`.
        """
        if not state:
            raise ValueError("state is missing: give a random text, and compare it when the user comes back")
        self._require_proof(code_verifier)
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._where_to(),
            "scope": _joined(scope),
            "state": state,
        }
        if code_verifier is not None:
            query |= {"code_challenge": code_challenge(code_verifier), "code_challenge_method": "S256"}
        return f"{self._settings.base_url}/oauth/authorize?{urlencode(query)}"

    def code_from_callback(self, url: str, state: str | None) -> str:
        """The code in the address that the user came back to, of which path and query are enough. `state`: that of the session.

        Raises OAuthError where the user or Nexus refused, and where the state is another one: the answer is to somebody else's
        question.
        """
        query = parse_qs(urlsplit(url).query, keep_blank_values=True)
        given = query.get("state", [""])[0]
        if not state or not hmac.compare_digest(given.encode(), state.encode()):
            raise OAuthError("state_mismatch", "the state is not the one of this session: begin again")
        if "error" in query:
            raise OAuthError(query["error"][0], query.get("error_description", [None])[0])
        match query.get("code", []):
            case [code] if code:
                return code
        raise OAuthError("invalid_response", "there is neither one code nor an error")

    def _code(self, code: str, code_verifier: str | None) -> Call:
        self._require_proof(code_verifier)
        if code_verifier is not None:
            code_challenge(code_verifier)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._where_to()}
        # A second use would revoke what the first one gave.
        return self._form("/oauth/token", form | _given("code_verifier", code_verifier), repeatable=False)

    def _refresh(self, refresh_token: str, scope: Sequence[str] | None) -> Call:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token} | _asked(scope)
        return self._form("/oauth/token", form, repeatable=False)

    def _own(self, scope: Sequence[str] | None) -> Call:
        if self._client_secret is None:
            raise ValueError("client credentials need a client_secret")
        return self._form("/oauth/token", {"grant_type": "client_credentials"} | _asked(scope), repeatable=True)

    def _revocation(self, token: str, hint: Hint | None) -> Call:
        return self._form("/oauth/revoke", {"token": token} | _given("token_type_hint", hint), repeatable=True)

    def _introspection(self, token: str) -> Call:
        return self._form("/oauth/introspect", {"token": token}, repeatable=True)

    def _form(self, path: str, fields: Mapping[str, str], *, repeatable: bool) -> Call:
        """A form as this client."""
        if self._client_secret is None:
            return Call.form(self._settings, path, {**fields, "client_id": self._client_id}, {}, repeatable=repeatable)
        # Each is form-encoded first (RFC 6749 section 2.3.1), as a colon may be in either.
        pair = f"{quote_plus(self._client_id)}:{quote_plus(self._client_secret)}"
        headers = {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return Call.form(self._settings, path, fields, headers, repeatable=repeatable)

    def _require_proof(self, code_verifier: str | None) -> None:
        if self._client_secret is None and code_verifier is None:
            raise ValueError("without a client_secret a code_verifier is needed: make one with create_code_verifier()")

    def _where_to(self) -> str:
        if not self._redirect_uri:
            raise ValueError("redirect_uri is missing: it is one of those that the client was registered with")
        return self._redirect_uri


class OAuth(_Requests):
    """OAuth 2.0 with Nexus.

    - `client_id`: the client's public id.
    - `client_secret`: its secret; left out for a public client, which needs a code verifier.
    - `redirect_uri`: where users come back to, as it is registered, byte for byte. Client credentials need none.
    - `base_url`, `timeout`, `retries` and `http`: as for `nexus.Client`.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        super().__init__(client_id, client_secret, redirect_uri, Settings.of(None, base_url, timeout, retries))
        self._http = http or httpx.Client()
        self._owned = http is None

    def exchange_code(self, code: str, *, code_verifier: str | None = None) -> Tokens:
        """Exchanges a code for tokens. It is sent once, unless it certainly did not arrive.

        Raises OAuthError where Nexus refuses, such as `invalid_grant` for a code that is too old or was used; NetworkError.
        """
        return _tokens(self._answer(self._code(code, code_verifier)))

    def refresh(self, refresh_token: str, *, scope: Sequence[str] | None = None) -> Tokens:
        """Exchanges a refresh token for new tokens. `scope` asks for less than was granted.

        Store the new refresh token: the old one is used up, and using it again revokes all of the user's tokens. It is sent
        once, unless it certainly did not arrive.
        """
        return _tokens(self._answer(self._refresh(refresh_token, scope)))

    def client_credentials(self, *, scope: Sequence[str] | None = None) -> Tokens:
        """Tokens for the client itself (RFC 6749 section 4.4), without a user. When they expire, ask again."""
        return _tokens(self._answer(self._own(scope)))

    def revoke(self, token: str, *, hint: Hint | None = None) -> None:
        """Revokes an access token, or a refresh token with all that came of it. One that is unknown or revoked is no error."""
        self._answer(self._revocation(token, hint))

    def introspect(self, token: str) -> Introspection:
        """Whether a token is active, and what it may do."""
        return _introspection(self._answer(self._introspection(token)))

    def _answer(self, call: Call) -> httpx.Response:
        return _successful(exchange(self._http, self._settings, call))

    def close(self) -> None:
        """Closes the connections."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncOAuth(_Requests):
    """As `OAuth`, with every method that asks Nexus awaited."""

    def __init__(
        self,
        client_id: str,
        client_secret: str | None = None,
        redirect_uri: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = None,
        retries: int | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(client_id, client_secret, redirect_uri, Settings.of(None, base_url, timeout, retries))
        self._http = http or httpx.AsyncClient()
        self._owned = http is None

    async def exchange_code(self, code: str, *, code_verifier: str | None = None) -> Tokens:
        """As `OAuth.exchange_code`."""
        return _tokens(await self._answer(self._code(code, code_verifier)))

    async def refresh(self, refresh_token: str, *, scope: Sequence[str] | None = None) -> Tokens:
        """As `OAuth.refresh`."""
        return _tokens(await self._answer(self._refresh(refresh_token, scope)))

    async def client_credentials(self, *, scope: Sequence[str] | None = None) -> Tokens:
        """As `OAuth.client_credentials`."""
        return _tokens(await self._answer(self._own(scope)))

    async def revoke(self, token: str, *, hint: Hint | None = None) -> None:
        """As `OAuth.revoke`."""
        await self._answer(self._revocation(token, hint))

    async def introspect(self, token: str) -> Introspection:
        """As `OAuth.introspect`."""
        return _introspection(await self._answer(self._introspection(token)))

    async def _answer(self, call: Call) -> httpx.Response:
        return _successful(await exchange_async(self._http, self._settings, call))

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


def _successful(response: httpx.Response) -> httpx.Response:
    if response.status_code == httpx.codes.OK:
        return response
    body = members(response)
    error = body.get("error") or body.get("code") or "invalid_response"
    description = body.get("error_description") or body.get("detail") or f"status {response.status_code}"
    raise OAuthError(str(error), str(description), response.status_code)


def _tokens(response: httpx.Response) -> Tokens:
    body = members(response)
    match body:
        case {"access_token": str(access_token), "token_type": str(token_type), "expires_in": int(expires_in)} if (
            token_type.lower() == "bearer"
        ):
            refresh_token = body.get("refresh_token")
            return Tokens(
                access_token,
                token_type,
                expires_in,
                datetime.now(UTC) + timedelta(seconds=expires_in),
                _scopes(body.get("scope")),
                refresh_token if isinstance(refresh_token, str) else None,
            )
    raise OAuthError("invalid_response", "the answer holds no bearer token", response.status_code)


def _introspection(response: httpx.Response) -> Introspection:
    body = members(response)
    active = body.get("active")
    if not isinstance(active, bool):
        raise OAuthError("invalid_response", "the answer does not say whether the token is active", response.status_code)
    return Introspection(active, _scopes(body.get("scope")), body)


def _scopes(text: object) -> tuple[str, ...]:
    return tuple(text.split()) if isinstance(text, str) else ()


def _joined(scope: Sequence[str]) -> str:
    if isinstance(scope, str):
        raise TypeError("scope is a list of scopes, such as ['read:users']")
    return " ".join(scope)


def _asked(scope: Sequence[str] | None) -> dict[str, str]:
    return _given("scope", None if scope is None else _joined(scope))


def _given(name: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {name: value}


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
