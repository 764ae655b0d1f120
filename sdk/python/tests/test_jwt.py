"""Service tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest

from nexus import AsyncClient, Client, jwt
from nexus_server import golden

ID = "jws0190163d8694739baea5966c26f8ad91"
SECRET = f"nxjs_{ID}_s3cr_et-{'x' * 40}"


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_the_pages_sample_gives_a_token() -> None:
    client = Client(
        api_key="nx_live_abc123...",
        jwt_secret=SECRET,
    )

    # Generate a signed JWT for service authentication
    token = client.generate_jwt(claims={"service": "payment-processor", "permissions": ["process_payments"]}, expires_in=3600)

    header, payload, signature = token.split(".")
    assert decoded(header) == {"alg": "HS256", "typ": "JWT", "kid": ID}
    claims = decoded(payload)
    assert claims.pop("exp") - claims["iat"] == 3600
    assert abs(claims.pop("iat") - time.time()) < 60
    assert len(claims.pop("jti")) == 36
    assert claims == {"service": "payment-processor", "permissions": ["process_payments"]}
    expected = hmac.new(SECRET.encode(), f"{header}.{payload}".encode(), hashlib.sha256).digest()
    assert signature == base64.urlsafe_b64encode(expected).decode().rstrip("=")


def test_the_golden_cases_claims_give_its_header_and_claims_signed_as_its_token_is() -> None:
    service = golden("jwt.json")["service"]
    every = service["claims"]
    claims = {name: value for name, value in every.items() if name not in ("iat", "exp", "jti")}
    lifetime = every["exp"] - every["iat"]
    token = jwt.generate(service["secret"], claims, lifetime, now=every["iat"], token_id=every["jti"])
    header, payload, signature = token.split(".")
    assert (decoded(header), decoded(payload)) == (service["header"], every)
    signed = {f"{header}.{payload}": signature, service["signed"]: service["signature"]}
    for text, expected in signed.items():
        digest = hmac.new(service["secret"].encode(), text.encode(), hashlib.sha256).digest()
        assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == expected


def test_the_asynchronous_client_signs_as_well_and_no_two_tokens_are_alike() -> None:
    client = AsyncClient(jwt_secret=SECRET)
    first, second = (client.generate_jwt({"service": "a"}, timedelta(minutes=5)) for _ in range(2))
    assert first != second
    assert decoded(first.split(".")[1])["jti"] != decoded(second.split(".")[1])["jti"]


def test_the_same_input_gives_the_same_token() -> None:
    token = jwt.generate(SECRET, {"name": "Größe"}, 60, now=1767225600.9, token_id="t")
    assert decoded(token.split(".")[1]) == {"name": "Größe", "iat": 1767225600, "exp": 1767225660, "jti": "t"}
    assert token == jwt.generate(SECRET, {"name": "Größe"}, 60, now=1767225600.9, token_id="t")


@pytest.mark.parametrize("seconds", [0, -1, 86401, 10**12, float("nan"), float("inf"), True, timedelta(0), timedelta(days=2)])
def test_a_lifetime_is_a_second_to_a_day(seconds: Any) -> None:
    with pytest.raises(ValueError, match="1 to 86400 seconds"):
        jwt.generate(SECRET, {}, seconds)


def test_a_day_is_not_too_long() -> None:
    claims = decoded(jwt.generate(SECRET, {}, timedelta(days=1)).split(".")[1])
    assert claims["exp"] - claims["iat"] == 86400


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": 1}, "leave exp out"),
        ({"iat": 1, "jti": "x"}, "leave iat, jti out"),
        ({1: "x"}, "texts"),
        ({"x": object()}, "no JSON"),
        ({"x": float("nan")}, "JSON"),
    ],
)
def test_claims_are_json_and_none_of_ours(claims: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        jwt.generate(SECRET, claims, 60)


def test_a_secret_is_long_and_names_its_id() -> None:
    with pytest.raises(ValueError, match="jwt_secret is missing"):
        Client().generate_jwt({})
    with pytest.raises(ValueError, match="too short"):
        Client(jwt_secret=f"nxjs_a_{'x' * 24}").generate_jwt({})
    with pytest.raises(ValueError, match="jwt_key_id"):
        Client(jwt_secret="of our own, and long enough for HS256").generate_jwt({})
    own = Client(jwt_secret="of our own, and long enough for HS256", jwt_key_id=ID)
    assert decoded(own.generate_jwt({}).split(".")[0])["kid"] == ID
