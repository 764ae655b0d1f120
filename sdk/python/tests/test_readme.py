"""The README's examples, run as they stand one after the other, with a real Nexus where they ask one."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from browser import register, signed_in
from nexus import Client, webhooks
from nexus_server import Nexus

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_do_what_they_say(
    server: Nexus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEXUS_URL", server.url)
    monkeypatch.setenv("NEXUS_TOKEN", server.token)
    tenant = server.tenants["nexus"]
    reader = Client().issue_key(tenant, {"name": "Reader", "scopes": ["read:users"]})["secret"]
    signature = webhooks.sign("{}", "whsec", timestamp=int(time.time()))
    names: dict[str, Any] = {
        "os": os,
        "secrets": secrets,
        "credential": reader,
        "tenant": tenant,
        "jwt_secret": f"nxjs_jws{'0' * 32}_{'x' * 43}",
        "payload": b"{}",
        "headers": {"X-Nexuscore-Signature": signature},
        "secret": "whsec",
    }
    registered = register(server)
    monkeypatch.setenv("NEXUS_CLIENT_ID", registered["client_id"])
    monkeypatch.setenv("NEXUS_CLIENT_SECRET", registered["client_secret"])
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    for block in blocks:
        if "request_url" in block:
            names["request_url"] = signed_in(server).decide(names["address"])
        exec(compile(block, str(README), "exec"), names)

    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"{tenant} ('read:users',)"
    assert "Billing service active" in printed
    assert asyncio.run(names["ask"]()) is True
    assert names["token"].count(".") == 2
    assert set(names["tokens"].scope) == {"read:users", "write:payments"}
    assert names["receipt"]["confirmed"] == names["receipt"]["nodes"]

    async def statuses() -> list[int]:
        transport = httpx.ASGITransport(names["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as caller:
            sent = {"authorization": f"Bearer {reader}"}
            return [(await caller.get("/v1/users", headers=each)).status_code for each in (sent, {})]

    assert asyncio.run(statuses()) == [200, 401]
