// NexusClient against a real Nexus, and against a server that fails as it is told.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { ApiError, NetworkError, NexusClient, rows } from "@nexus/sdk";

import { startNexus, startServer } from "../../../support/nexus.mjs";

/** @type {Awaited<ReturnType<typeof startNexus>>} */
let nexus;
/** @type {NexusClient} */
let client;
/** @type {string} */
let tenant;

before(async () => {
  nexus = await startNexus();
  client = new NexusClient({ baseUrl: nexus.url, token: nexus.token });
  tenant = nexus.tenant("nexus");
});
after(() => nexus.stop());

test("a key's life: created, asked about, rotated, revoked, gone", async () => {
  const { key, secret } = await client.issueKey(tenant, { name: "Billing service", scopes: ["read:payments"] });
  const verdict = await client.verify({ credential: secret, required_scopes: ["read:payments"], method: "GET" });
  assert.ok(verdict.valid);
  assert.deepEqual([verdict.key_id, verdict.tenant_id, verdict.scopes], [key.id, tenant, ["read:payments"]]);

  const lacking = await client.verify({ credential: secret, required_scopes: ["write:payments"] });
  assert.ok(!lacking.valid);
  assert.deepEqual([lacking.code, lacking.response.status], ["INSUFFICIENT_SCOPE", 403]);

  const rotated = await client.rotateKey(tenant, key.id, { grace: "24h" });
  assert.ok((await client.verify(rotated.secret)).valid);
  const changed = await client.changeKey(tenant, key.id, { name: "Invoices" });
  assert.equal(changed.name, "Invoices");
  assert.equal((await client.showKey(tenant, key.id)).versions.length, 2);

  const revoked = await client.revokeKey(tenant, key.id, { reason: "compromised" });
  assert.equal(revoked.key.status, "revoked");
  assert.equal(revoked.receipt.confirmed + revoked.receipt.lapsed, revoked.receipt.nodes);
  for (const old of [secret, rotated.secret]) {
    const refused = await client.verify(old);
    assert.deepEqual([refused.valid, refused.code], [false, "REVOKED"]);
  }
  const trail = await client.searchTenantAudit(tenant, { key: key.id, action: "key.revoked" });
  assert.equal(trail.data.length, 1);
});

test("lists are read to their end", async () => {
  const names = ["One", "Two", "Three"];
  for (const name of names) await client.issueKey(tenant, { name });
  const found = [];
  for await (const key of rows((cursor) => client.listKeys(tenant, { limit: 1, ...(cursor ? { cursor } : {}) }))) {
    found.push(key.name);
  }
  assert.deepEqual(found.filter((name) => names.includes(name)).reverse(), names);
});

test("a POST that is repeated happens once", async () => {
  const options = { idempotencyKey: randomUUID() };
  const first = await client.issueKey(tenant, { name: "Once" }, options);
  assert.deepEqual(await client.issueKey(tenant, { name: "Once" }, options), first);
  await assert.rejects(client.issueKey(tenant, { name: "Other" }, options), { code: "idempotency_mismatch", status: 422 });
});

test("refusals tell what is wrong and where", async () => {
  await assert.rejects(client.issueKey(tenant, { name: "", scopes: ["read:nothing"] }), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 400);
    assert.match(String(error.errors[0]?.location), /^body\./);
    assert.ok(error.requestId);
    return true;
  });
  await assert.rejects(client.showKey(tenant, "key_019abc0011227000800000000000aaaa"), { status: 404 });
  for (const part of ["", ".", ".."]) assert.throws(() => client.showTenant(part), /id is missing/);
  await assert.rejects(client.showTenant("../../healthz"), (error) => error instanceof ApiError && error.status >= 400);
  const stranger = new NexusClient({ baseUrl: nexus.url, token: "nxm_no" });
  await assert.rejects(stranger.verify("nx_live_x"), { status: 401 });
});

test("events are waited for longer than the usual limit", async () => {
  const impatient = new NexusClient({ baseUrl: nexus.url, token: nexus.token, timeoutMs: 400 });
  const { data } = /** @type {any} */ (await client.followEvents({ limit: 200 }));
  const answer = await impatient.followEvents({ after: Number(data.at(-1).position), wait: 1 });
  assert.ok(Array.isArray(answer["data"]));
});

test("a verdict is never asked for again, and what is none is", async (context) => {
  const now = { "retry-after": "0" };
  const unavailable = { valid: false, code: "UNAVAILABLE", status: 503, detail: "", response: { status: 503, headers: now, body: {} } };
  const token = "nxm_t";
  const refused = await startServer(context, [{ body: { ...unavailable, code: "RATE_LIMITED", status: 429 } }]);
  const verdict = await new NexusClient({ baseUrl: refused.url, token }).verify("x");
  assert.deepEqual([verdict.code, refused.requests.length], ["RATE_LIMITED", 1]);

  const passing = await startServer(context, [{ body: unavailable }, { status: 503, headers: now }, { body: { valid: true, code: "VALID" } }]);
  assert.ok((await new NexusClient({ baseUrl: passing.url, token }).verify("x")).valid);
  assert.equal(passing.requests.length, 3);
  assert.deepEqual(new Set(passing.requests.map((request) => request.body)).size, 1);

  const lasting = await startServer(context, [{ body: unavailable }]);
  assert.equal((await new NexusClient({ baseUrl: lasting.url, token }).verify("x")).code, "UNAVAILABLE");
  assert.equal(lasting.requests.length, 3);

  for (const answer of [{ body: { hello: "world" } }, { text: "<h1>It works!</h1>" }, { text: "" }]) {
    const other = await startServer(context, [answer]);
    await assert.rejects(new NexusClient({ baseUrl: other.url, token }).verify("x"), ApiError);
  }
  const page = await startServer(context, [{ text: "<h1>It works!</h1>" }]);
  await assert.rejects(new NexusClient({ baseUrl: page.url, token }).listTenants(), ApiError);
});

test("what changes something is repeated with its idempotency key, and otherwise not", async (context) => {
  const lost = await startServer(context, [{ cut: true }, { status: 409, body: { code: "request_in_flight" } }, { body: { id: "t" } }]);
  const options = { baseUrl: lost.url, token: "nxm_t" };
  assert.deepEqual(await new NexusClient(options).createTenant({ name: "Acme", dialect: "nexus" }), { id: "t" });
  const keys = lost.requests.map((request) => request.headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.ok(keys[0] && new Set(keys).size === 1);
  const cut = await startServer(context, [{ cut: true }]);
  await assert.rejects(new NexusClient({ ...options, baseUrl: cut.url }).changeTenant("t", { name: "n" }), NetworkError);
  assert.equal(cut.requests.length, 1);
});

test("the token is needed and not shown", () => {
  assert.throws(() => new NexusClient({ baseUrl: nexus.url }), /token is missing/);
  for (const wrong of ["nxm_t\n", " nxm_t", "nxm_ä", "nxm_t\r\nx-admin: 1"]) {
    assert.throws(() => new NexusClient({ token: wrong }), /space or a line break/);
  }
  assert.equal(JSON.stringify(client).includes(nexus.token), false);
});
