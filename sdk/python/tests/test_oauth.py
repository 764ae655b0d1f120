"""Both OAuth clients through whole flows with a real Nexus, and against a server that fails as it is told."""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import parse_qs, urlsplit

import pytest

from browser import REDIRECT, Browser, register, signed_in
from nexus import AsyncOAuth, Client, NetworkError, OAuth, OAuthError
from nexus.oauth import code_challenge, create_code_verifier
from nexus_server import Nexus, Told, failing, nobody

NOW = {"retry-after": "0"}
TOKENS = {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600, "scope": "read:users"}


@pytest.fixture(scope="module")
def browser(server: Nexus) -> Browser:
    return signed_in(server)


def verdict(server: Nexus, token: str) -> str:
    with Client(server.token, base_url=server.url) as client:
        return client.verify(token).code


def test_a_code_becomes_tokens_that_are_refreshed_and_revoked(server: Nexus, browser: Browser) -> None:
    state = secrets.token_urlsafe()
    with OAuth(**register(server), redirect_uri=REDIRECT) as oauth:
        address = oauth.authorization_url(["read:users", "write:payments"], state)
        code = oauth.code_from_callback(browser.decide(address), state)
        tokens = oauth.exchange_code(code)
        assert (tokens.token_type, tokens.expires_in, set(tokens.scope)) == ("Bearer", 3600, {"read:users", "write:payments"})
        assert tokens.refresh_token is not None
        assert verdict(server, tokens.access_token) == "VALID"

        less = oauth.refresh(tokens.refresh_token, scope=["read:users"])
        assert less.scope == ("read:users",)
        known = oauth.introspect(less.access_token)
        assert (known.active, known.scope, known.claims["token_type"]) == (True, ("read:users",), "Bearer")

        assert less.refresh_token is not None
        oauth.revoke(less.refresh_token, hint="refresh_token")
        assert oauth.introspect(less.access_token).active is False
        assert verdict(server, tokens.access_token) == "REVOKED"
        with pytest.raises(OAuthError) as refused:
            oauth.exchange_code(code)
        assert (refused.value.error, refused.value.status) == ("invalid_grant", 400)


def test_a_public_client_needs_its_verifier(server: Nexus, browser: Browser) -> None:
    registered = register(server, authentication="none")
    assert registered["client_secret"] is None
    oauth = OAuth(**registered, redirect_uri=REDIRECT)
    verifier = create_code_verifier()
    address = oauth.authorization_url(["read:users"], "state", code_verifier=verifier)
    code = oauth.code_from_callback(browser.decide(address), "state")
    with pytest.raises(OAuthError, match="invalid_grant"):
        oauth.exchange_code(code, code_verifier=create_code_verifier())
    code = oauth.code_from_callback(browser.decide(address), "state")
    assert verdict(server, oauth.exchange_code(code, code_verifier=verifier).access_token) == "VALID"
    for attempt in (lambda: oauth.authorization_url(["read:users"], "state"), lambda: oauth.exchange_code("code")):
        with pytest.raises(ValueError, match="code_verifier"):
            attempt()
    with pytest.raises(ValueError, match="client_secret"):
        oauth.client_credentials()


def test_the_asynchronous_client_does_the_same(server: Nexus, browser: Browser) -> None:
    async def of_a_user() -> tuple[bool, bool]:
        async with AsyncOAuth(**register(server), redirect_uri=REDIRECT) as oauth:
            address = oauth.authorization_url(["read:users"], "state")
            back = await asyncio.to_thread(browser.decide, address)
            tokens = await oauth.exchange_code(oauth.code_from_callback(back, "state"))
            assert tokens.refresh_token is not None
            tokens = await oauth.refresh(tokens.refresh_token)
            before = (await oauth.introspect(tokens.access_token)).active
            await oauth.revoke(tokens.access_token)
            return before, (await oauth.introspect(tokens.access_token)).active

    async def of_itself() -> str:
        async with AsyncOAuth(**register(server, type="server", redirect_uris=[])) as oauth:
            return (await oauth.client_credentials(scope=["read:users"])).access_token

    assert asyncio.run(of_a_user()) == (True, False)
    assert verdict(server, asyncio.run(of_itself())) == "VALID"


def test_a_program_gets_tokens_for_itself(server: Nexus) -> None:
    with OAuth(**register(server, type="server", redirect_uris=[])) as oauth:
        tokens = oauth.client_credentials(scope=["read:users"])
        assert (tokens.scope, tokens.refresh_token) == (("read:users",), None)
        assert tokens.access_token not in repr(tokens)
        with pytest.raises(OAuthError, match="invalid_scope"):
            oauth.client_credentials(scope=["admin:all"])
        with pytest.raises(ValueError, match="redirect_uri"):
            oauth.authorization_url(["read:users"], "state")


def test_only_an_answer_to_the_own_question_gives_a_code(server: Nexus, browser: Browser) -> None:
    oauth = OAuth(**register(server), redirect_uri=REDIRECT)
    denied = browser.decide(oauth.authorization_url(["read:users"], "mine"), "deny")
    with pytest.raises(OAuthError, match="access_denied"):
        oauth.code_from_callback(denied, "mine")
    for url, expected in [("/cb?code=1&state=other", "mine"), ("/cb?code=1", "mine"), ("/cb?code=1&state=", None)]:
        with pytest.raises(OAuthError, match="state_mismatch"):
            oauth.code_from_callback(url, expected)
    for url in ("/cb?state=mine", "/cb?state=mine&code=", "/cb?state=mine&code=1&code=2"):
        with pytest.raises(OAuthError, match="invalid_response"):
            oauth.code_from_callback(url, "mine")
    assert oauth.code_from_callback("/cb?state=mine&code=1", "mine") == "1"


def test_what_goes_into_the_address() -> None:
    oauth = OAuth("id", "secret", "https://app.example/cb?a=1&b=2", base_url="https://nexus.example/")
    url = urlsplit(oauth.authorization_url(["read:users"], "a b&c", code_verifier="v" * 43))
    assert (url.scheme, url.netloc, url.path) == ("https", "nexus.example", "/oauth/authorize")
    assert parse_qs(url.query) == {
        "response_type": ["code"],
        "client_id": ["id"],
        "redirect_uri": ["https://app.example/cb?a=1&b=2"],
        "scope": ["read:users"],
        "state": ["a b&c"],
        "code_challenge": [code_challenge("v" * 43)],
        "code_challenge_method": ["S256"],
    }
    # RFC 7636 appendix B
    assert code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert "secret" not in repr(oauth)
    for wrong in ("short", "v" * 129, "v" * 42 + "/"):
        with pytest.raises(ValueError, match="code_verifier"):
            code_challenge(wrong)
    with pytest.raises(ValueError, match="state"):
        oauth.authorization_url(["read:users"], "")
    with pytest.raises(TypeError, match="scope"):
        oauth.authorization_url("read:users", "state")
    for arguments in [("",), ("id", "")]:
        with pytest.raises(ValueError, match="client_"):
            OAuth(*arguments)


def test_what_may_happen_once_is_sent_once() -> None:
    with failing(Told(503, headers=NOW), Told(body=TOKENS)) as server:
        oauth = OAuth("id", "se:cret", REDIRECT, base_url=server.url)
        with pytest.raises(OAuthError) as refused:
            oauth.exchange_code("code")
        assert (refused.value.status, len(server.asked)) == (503, 1)
        assert oauth.client_credentials().access_token == "a.b.c"
        assert server.asked[0].headers["authorization"] == "Basic aWQ6c2UlM0FjcmV0"
        assert b"se" not in server.asked[0].body
    with failing(Told(503, headers=NOW), Told(body=TOKENS)) as server:
        assert OAuth("id", "secret", base_url=server.url).client_credentials().expires_in == 3600
        assert len(server.asked) == 2
    with failing(Told(429, headers=NOW), Told(body=TOKENS)) as server:
        assert OAuth("id", "secret", base_url=server.url).refresh("token").scope == ("read:users",)
    with failing(Told(cut=True)) as server:
        with pytest.raises(NetworkError) as unsure:
            OAuth("id", "secret", base_url=server.url).refresh("token")
        assert (unsure.value.sent, len(server.asked)) == (True, 1)
    with pytest.raises(NetworkError) as unsent:
        OAuth("id", "secret", base_url=nobody(), retries=0).client_credentials()
    assert unsent.value.sent is False


def test_an_answer_that_is_none_is_told_so() -> None:
    for body in ({}, {**TOKENS, "token_type": "mac"}, {**TOKENS, "expires_in": "soon"}, b"<html>"):
        with failing(Told(body=body)) as server, pytest.raises(OAuthError, match="invalid_response"):
            OAuth("id", "secret", base_url=server.url).client_credentials()
    with failing(Told(body={"active": "yes"})) as server, pytest.raises(OAuthError, match="invalid_response"):
        OAuth("id", "secret", base_url=server.url).introspect("token")
    with failing(Told(404, b"<html>")) as server, pytest.raises(OAuthError, match="status 404"):
        OAuth("id", "secret", base_url=server.url).revoke("token")
