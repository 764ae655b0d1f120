"""Both clients against a real Nexus, and against a server that fails as it is told."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest

from nexus import ApiError, AsyncClient, Client, NetworkError, Verdict, rows, rows_async
from nexus_server import Nexus, Told, failing, nobody

NOW = {"retry-after": "0"}
UNAVAILABLE = {
    "valid": False,
    "code": "UNAVAILABLE",
    "status": 503,
    "detail": "",
    "response": {"status": 503, "headers": NOW, "body": {}},
}
VALID = {"valid": True, "code": "VALID"}


@pytest.fixture
def client(server: Nexus) -> Client:
    return Client(server.token, base_url=server.url)


@pytest.fixture
def tenant(server: Nexus) -> str:
    return server.tenants["nexus"]


def test_a_keys_life(client: Client, tenant: str) -> None:
    made = client.issue_key(tenant, {"name": "Billing service", "scopes": ["read:payments"]})
    key = made["key"]["id"]
    verdict = client.verify({"credential": made["secret"], "required_scopes": ["read:payments"], "method": "GET"})
    assert verdict.valid
    assert (verdict.key_id, verdict.tenant_id, verdict.scopes) == (key, tenant, ("read:payments",))
    assert verdict.refusal is None

    lacking = client.verify({"credential": made["secret"], "required_scopes": ["write:payments"]})
    assert (lacking.valid, lacking.code) == (False, "INSUFFICIENT_SCOPE")
    assert lacking.refusal is not None
    assert lacking.refusal.status == 403

    rotated = client.rotate_key(tenant, key, {"grace": "24h"})
    assert client.verify(rotated["secret"]).valid
    assert client.change_key(tenant, key, {"name": "Invoices"})["name"] == "Invoices"
    assert len(client.show_key(tenant, key)["versions"]) == 2

    revoked = client.revoke_key(tenant, key, {"reason": "compromised"})
    receipt = revoked["receipt"]
    assert revoked["key"]["status"] == "revoked"
    assert receipt["confirmed"] + receipt["lapsed"] == receipt["nodes"]
    for old in (made["secret"], rotated["secret"]):
        assert client.verify(old).code == "REVOKED"
    trail = client.search_tenant_audit(tenant, key=key, action="key.revoked")
    assert len(trail["data"]) == 1
    usage = client.show_key_usage(tenant, key, from_="2026-01-01", to="2026-01-03", step="1d")
    assert isinstance(usage["totals"], dict)


def test_the_asynchronous_client_does_the_same(server: Nexus, tenant: str) -> None:
    async def life() -> tuple[Verdict, Verdict, list[str]]:
        async with AsyncClient(server.token, base_url=server.url) as client:
            made = await client.issue_key(tenant, {"name": "Asynchronous"})
            before = await client.verify(made["secret"])
            await client.revoke_key(tenant, made["key"]["id"])
            after = await client.verify(made["secret"])
            revoked = rows_async(lambda cursor: client.list_keys(tenant, status="revoked", limit=1, cursor=cursor))
            return before, after, [key["name"] async for key in revoked]

    before, after, names = asyncio.run(life())
    assert (before.code, after.code) == ("VALID", "REVOKED")
    assert "Asynchronous" in names


def test_lists_are_read_to_their_end(client: Client, tenant: str) -> None:
    names = ["One", "Two", "Three"]
    for name in names:
        client.issue_key(tenant, {"name": name})
    found = [key["name"] for key in rows(lambda cursor: client.list_keys(tenant, limit=1, cursor=cursor))]
    assert [name for name in reversed(found) if name in names] == names


def test_a_post_that_is_repeated_happens_once(client: Client, tenant: str) -> None:
    same = str(uuid.uuid4())
    first = client.issue_key(tenant, {"name": "Once"}, idempotency_key=same)
    assert client.issue_key(tenant, {"name": "Once"}, idempotency_key=same) == first
    with pytest.raises(ApiError) as refused:
        client.issue_key(tenant, {"name": "Other"}, idempotency_key=same)
    assert (refused.value.status, refused.value.code) == (422, "idempotency_mismatch")


def test_refusals_tell_what_is_wrong_and_where(client: Client, server: Nexus, tenant: str) -> None:
    with pytest.raises(ApiError) as refused:
        client.issue_key(tenant, {"name": "", "scopes": ["read:nothing"]})
    assert refused.value.status == 400
    assert refused.value.errors[0]["location"].startswith("body.")
    assert refused.value.request_id
    with pytest.raises(ApiError, match="not_found"):
        client.show_key(tenant, "key_019abc0011227000800000000000aaaa")
    for part in ("", ".", ".."):
        with pytest.raises(ValueError, match="id is missing"):
            client.show_tenant(part)
    with pytest.raises(ApiError):
        client.show_tenant("../../healthz")
    with pytest.raises(ApiError) as stranger:
        Client("nxm_no", base_url=server.url).verify("nx_live_x")
    assert stranger.value.status == 401
    with pytest.raises(ValueError, match="api_key is missing"):
        Client(base_url=server.url).verify("nx_live_x")


def test_events_are_waited_for_longer_than_the_usual_limit(server: Nexus) -> None:
    with Client(server.token, base_url=server.url, timeout=0.5) as client:
        last = client.follow_events(limit=200)["data"][-1]
        assert isinstance(client.follow_events(after=int(last["position"]), wait=1)["data"], list)


def test_a_verdict_is_never_asked_for_again_and_what_is_none_is() -> None:
    with failing(Told(body=UNAVAILABLE | {"code": "RATE_LIMITED"})) as server:
        assert Client("nxm_t", base_url=server.url).verify("x").code == "RATE_LIMITED"
        assert len(server.asked) == 1
    with failing(Told(body=UNAVAILABLE), Told(503, headers=NOW), Told(body=VALID)) as server:
        assert Client("nxm_t", base_url=server.url).verify("x").valid
        assert len(server.asked) == 3
        assert len({request.body for request in server.asked}) == 1
    with failing(Told(body=UNAVAILABLE)) as server:
        assert Client("nxm_t", base_url=server.url).verify("x").code == "UNAVAILABLE"
        assert len(server.asked) == 3
    for body, why in (({"hello": "world"}, "no verdict"), (b"<h1>It works!</h1>", "no JSON"), (b"", "no verdict")):
        with failing(Told(body=body)) as server, pytest.raises(ApiError, match=why):
            Client("nxm_t", base_url=server.url).verify("x")


@pytest.mark.parametrize("told", [Told(cut=True), *(Told(status, headers=NOW) for status in (408, 429, 500, 502, 503, 504))])
def test_what_passes_is_tried_again(told: Told) -> None:
    with failing(told, told, Told(body=VALID)) as server:
        assert Client("nxm_t", base_url=server.url).verify("x").valid
        assert len(server.asked) == 3

    async def verdict(url: str) -> Verdict:
        async with AsyncClient("nxm_t", base_url=url) as client:
            return await client.verify("x")

    with failing(told, told, Told(body=VALID)) as server:
        assert asyncio.run(verdict(server.url)).valid
        assert len(server.asked) == 3


def test_what_lasts_is_told() -> None:
    with failing(Told(503, {"code": "unavailable", "detail": "not now"}, NOW)) as server:
        with pytest.raises(ApiError, match="unavailable: not now"):
            Client("nxm_t", base_url=server.url, retries=1).verify("x")
        assert len(server.asked) == 2
    with failing(Told(503, headers={"retry-after": "3600"})) as server:
        with pytest.raises(ApiError):
            Client("nxm_t", base_url=server.url).verify("x")
        assert len(server.asked) == 1
    with pytest.raises(NetworkError) as away:
        Client("nxm_t", base_url=nobody(), retries=1).verify("x")
    assert not away.value.sent


def test_what_changes_something_is_repeated_with_its_idempotency_key_and_otherwise_not() -> None:
    answers = Told(cut=True), Told(409, {"code": "request_in_flight"}), Told(body={"id": "t"})
    with failing(*answers) as server:
        client = Client("nxm_t", base_url=server.url)
        made: Any = client.create_tenant({"name": "Acme", "dialect": "nexus"})
        assert made == {"id": "t"}
        keys = [request.headers["idempotency-key"] for request in server.asked]
        assert len(keys) == 3
        assert len(set(keys)) == 1
        assert json.loads(server.asked[0].body) == {"name": "Acme", "dialect": "nexus"}
    with failing(Told(cut=True)) as server:
        with pytest.raises(NetworkError) as lost:
            Client("nxm_t", base_url=server.url).change_tenant("t", {"name": "n"})
        assert lost.value.sent
        assert len(server.asked) == 1


def test_redirects_are_not_followed() -> None:
    with failing(Told()) as elsewhere, failing(Told(307, headers={"location": elsewhere.url})) as server:
        with pytest.raises(ApiError) as refused:
            Client("nxm_t", base_url=server.url, http=httpx.Client(follow_redirects=True)).verify("x")
        assert refused.value.status == 307
        assert elsewhere.asked == []


def test_secrets_are_not_shown(client: Client, server: Nexus) -> None:
    assert server.token not in repr(client)
    assert server.token not in repr(client.__dict__)


@pytest.mark.parametrize("wrong", ["nxm_t\n", " nxm_t", "nxm_\u00e4", "nxm_t\r\nx-admin: 1"])
def test_a_token_is_sent_as_it_is_or_not_at_all(wrong: str) -> None:
    with failing(Told(body=VALID)) as server:
        with pytest.raises(ValueError, match="space or a line break"):
            Client(wrong, base_url=server.url).verify("x")
        assert server.asked == []


@pytest.mark.parametrize("wrong", ["nexus.dev", "ftp://nexus.dev", "https://user:secret@nexus.dev", "https://"])
def test_an_address_is_an_address(wrong: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        Client("nxm_t", base_url=wrong)
