"""Service tokens with a real Nexus."""

from __future__ import annotations

from nexus import Client
from nexus_server import Nexus


def test_nexus_accepts_a_tenants_tokens_for_what_they_and_the_secret_allow_until_it_is_revoked(server: Nexus) -> None:
    tenant = server.tenants["nexus"]
    admin = Client(server.token, base_url=server.url)
    made = admin.issue_jwt_secret(tenant, {"name": "Payments", "environment": "live", "scopes": ["read:payments"]})
    client = Client(server.token, made["secret"], base_url=server.url)
    token = client.generate_jwt({"service": "payment-processor", "permissions": ["read:payments", "write:payments"]}, 600)

    verdict = client.verify({"credential": token, "dialect": "nexus", "required_scopes": ["read:payments"]})
    assert verdict.valid, verdict.raw
    assert (verdict.tenant_id, verdict.type) == (tenant, "service")
    beyond = client.verify({"credential": token, "dialect": "nexus", "required_scopes": ["write:payments"]})
    assert beyond.code == "INSUFFICIENT_SCOPE"
    changed = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    assert client.verify({"credential": changed, "dialect": "nexus"}).code == "UNKNOWN"

    admin.revoke_jwt_secret(tenant, made["jwt_secret"]["id"], {"reason": "compromised"})
    assert client.verify({"credential": token, "dialect": "nexus"}).code == "REVOKED"
