"""A service with FastAPI between real callers and a real Nexus: what it lets through, and what callers are told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI

from nexus import AsyncClient, Client, Verdict
from nexus.fastapi import Guard
from nexus_server import Nexus, eventually, nobody


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The app on a port of its own, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def service(server: Nexus) -> Iterator[str]:
    app = FastAPI()
    asking = AsyncClient(server.token, base_url=server.url)
    users = Guard(asking, dialect="nexus", environment="live")
    products = Guard(asking, dialect="nexuscommerce")
    away = Guard(AsyncClient("nxm_t", base_url=nobody(), retries=0), dialect="nexus")
    users.install(app)

    @app.get("/v1/users")
    async def list_users(caller: Annotated[Verdict, Depends(users.require("read:users"))]) -> dict[str, str | None]:
        return {"tenant": caller.tenant_id, "key": caller.key_id}

    @app.post("/api/products", dependencies=[Depends(products.require("products:read"))])
    async def list_products() -> dict[str, list[str]]:
        return {"products": []}

    unknown = Guard(AsyncClient("nxm_unknown", base_url=server.url), dialect="nexus")

    @app.get("/unknown", dependencies=[Depends(unknown.require("read:users"))])
    async def misconfigured() -> str:
        return "no"

    @app.get("/away", dependencies=[Depends(away.require("read:users"))])
    async def unreachable() -> str:
        return "no"

    with served(app) as url:
        yield url


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_a_live_key_with_the_scope_is_let_through_and_nobody_else(server: Nexus, service: str) -> None:
    client, tenant = Client(server.token, base_url=server.url), server.tenants["nexus"]
    made = client.issue_key(tenant, {"name": "Reader", "scopes": ["read:users"]})
    key, secret = made["key"]["id"], made["secret"]
    sent = bearer(secret) | {"x-request-id": "req-1", "cookie": "a=b"}
    answer = httpx.get(f"{service}/v1/users?page=2", headers=sent)
    assert (answer.status_code, answer.json()) == (200, {"tenant": tenant, "key": key})

    other = client.issue_key(tenant, {"name": "Payer", "scopes": ["read:payments"]})["secret"]
    test = client.issue_key(tenant, {"name": "Tester", "scopes": ["read:users"], "environment": "test"})["secret"]
    client.revoke_key(tenant, key)
    for headers in ({}, bearer(secret), bearer(other), bearer(test), bearer("nx_live_abc123...")):
        refused = httpx.get(f"{service}/v1/users", headers=headers)
        # The same question over forward auth: the product's own refusal, byte for byte.
        direct = httpx.get(f"{server.url}/v1/forward-auth/nexus?scope=read:users&environment=live", headers=headers)
        assert refused.status_code == direct.status_code != 200
        assert refused.content == direct.content
        for name in ("content-type", "www-authenticate"):
            assert refused.headers.get(name) == direct.headers.get(name)

    used = eventually(
        lambda: next((row for row in client.list_key_requests(tenant, key)["data"] if row["code"] == "VALID"), None)
    )
    assert (used["method"], used["path"], used["ip"]) == ("GET", "/v1/users", "127.0.0.1")
    assert used["request_id"] == "req-1"


def test_a_header_that_comes_twice_is_no_credential(server: Nexus, service: str) -> None:
    client = Client(server.token, base_url=server.url)
    secret = client.issue_key(server.tenants["nexus"], {"name": "Twice", "scopes": ["read:users"]})["secret"]
    once = [("authorization", f"Bearer {secret}")]
    assert httpx.get(f"{service}/v1/users", headers=once).status_code == 200
    assert httpx.get(f"{service}/v1/users", headers=once * 2).status_code == 401


def test_a_dialect_that_names_the_tenant_in_a_header_gets_it(server: Nexus, service: str) -> None:
    client, tenant = Client(server.token, base_url=server.url), server.tenants["nexuscommerce"]
    headers = bearer(client.issue_key(tenant, {"name": "Shop", "scopes": ["products:read"]})["secret"])
    assert httpx.post(f"{service}/api/products", headers=headers | {"x-tenant-id": tenant}).status_code == 200
    assert httpx.post(f"{service}/api/products", headers=headers).status_code == 401


def test_where_nexus_cannot_be_asked_nobody_is_let_through(service: str) -> None:
    for path in ("/away", "/unknown"):
        answer = httpx.get(f"{service}{path}", headers=bearer("nx_live_x"))
        assert answer.status_code == 503, "the service's own token is no fault of its caller"
