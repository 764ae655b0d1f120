"""Service tokens with a real Nexus."""

from __future__ import annotations

from typing import Any

import httpx

from nexus import Client
from nexus_server import Nexus


def post(server: Nexus, path: str, body: dict[str, Any]) -> Any:
    answer = httpx.post(f"{server.url}{path}", json=body, headers={"authorization": f"Bearer {server.token}"})
    assert answer.is_success, answer.text
    return answer.json()


def test_nexus_accepts_a_tenants_tokens_for_what_they_and_the_secret_allow_until_it_is_revoked(server: Nexus) -> None:
    secrets = f"/v1/tenants/{server.tenants['nexus']}/jwt-secrets"
    made = post(server, secrets, {"name": "Payments", "environment": "live", "scopes": ["read:payments"]})
    client = Client(server.token, made["secret"], base_url=server.url)
    token = client.generate_jwt({"service": "payment-processor", "permissions": ["read:payments", "write:payments"]}, 600)

    verdict = client.verify({"credential": token, "dialect": "nexus", "required_scopes": ["read:payments"]})
    assert verdict.valid, verdict.raw
    assert (verdict.tenant_id, verdict.type) == (server.tenants["nexus"], "service")
    beyond = client.verify({"credential": token, "dialect": "nexus", "required_scopes": ["write:payments"]})
    assert beyond.code == "INSUFFICIENT_SCOPE"
    changed = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    assert client.verify({"credential": changed, "dialect": "nexus"}).code == "UNKNOWN"

    post(server, f"{secrets}/{made['jwt_secret']['id']}/revoke", {"reason": "compromised"})
    assert client.verify({"credential": token, "dialect": "nexus"}).code == "REVOKED"
