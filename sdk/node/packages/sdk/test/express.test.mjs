// A service with Express between real callers and a real Nexus: what it lets through, and what callers are told.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { after, before, test } from "node:test";

import { NexusClient } from "@nexus/sdk";
import { requireScope } from "@nexus/sdk/express";
import express from "express";

import { eventually, startNexus, startServer } from "../../../support/nexus.mjs";

/** @type {Awaited<ReturnType<typeof startNexus>>} */
let nexus;
/** @type {NexusClient} */
let client;
/** @type {string} */
let service;
/** @type {import("node:http").Server} */
let server;

before(async () => {
  nexus = await startNexus();
  client = new NexusClient({ baseUrl: nexus.url, token: nexus.token });
  const gone = await startServer({ after: (end) => end() }, []);
  const away = new NexusClient({ baseUrl: gone.url, token: "nxm_t", retries: 0 });
  const app = express();
  // Express would print what is passed on to it.
  app.set("env", "test");
  app.get("/v1/users", requireScope("read:users", { client, dialect: "nexus", environment: "live" }), (request, response) => {
    response.json({ tenant: request.nexus?.tenant_id, key: request.nexus?.key_id });
  });
  app.all("/api/products", requireScope(["products:read"], { client, dialect: "nexuscommerce" }), (_request, response) => {
    response.json({ products: [] });
  });
  const unknown = new NexusClient({ baseUrl: nexus.url, token: "nxm_unknown" });
  app.get("/unknown", requireScope("read:users", { client: unknown, dialect: "nexus" }), (_request, response) => response.send("no"));
  app.get("/away", requireScope("read:users", { client: away, dialect: "nexus" }), (_request, response) => response.send("no"));
  server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  service = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`;
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await nexus.stop();
});

const bearer = (/** @type {string} */ secret) => ({ authorization: `Bearer ${secret}` });

test("a live key with the scope is let through, and nobody else", async () => {
  const tenant = nexus.tenant("nexus");
  const { key, secret } = await client.issueKey(tenant, { name: "Reader", scopes: ["read:users"] });
  const answer = await fetch(`${service}/v1/users?page=2`, { headers: { ...bearer(secret), "x-request-id": "req-1", cookie: "a=b" } });
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { tenant, key: key.id });

  const other = await client.issueKey(tenant, { name: "Payer", scopes: ["read:payments"] });
  const test = await client.issueKey(tenant, { name: "Tester", scopes: ["read:users"], environment: "test" });
  await client.revokeKey(tenant, key.id, {});
  for (const headers of [{}, bearer(secret), bearer(other.secret), bearer(test.secret), bearer("nx_live_abc123...")]) {
    const refused = await fetch(`${service}/v1/users`, { headers });
    // The same question over forward auth: the product's own refusal, byte for byte.
    const direct = await fetch(`${nexus.url}/v1/forward-auth/nexus?scope=read:users&environment=live`, { headers });
    assert.equal(refused.status, direct.status);
    assert.notEqual(refused.status, 200);
    assert.equal(await refused.text(), await direct.text());
    for (const name of ["content-type", "www-authenticate"]) {
      assert.equal(refused.headers.get(name), direct.headers.get(name), name);
    }
  }
  const used = await eventually(async () => {
    const { data } = await client.listKeyRequests(tenant, key.id, { limit: 10 });
    return data.find((row) => row.code === "VALID");
  });
  assert.deepEqual([used?.method, used?.path, used?.ip, used?.request_id], ["GET", "/v1/users", "127.0.0.1", "req-1"]);
});

test("a header that comes twice is no credential", async () => {
  const tenant = nexus.tenant("nexus");
  const { secret } = await client.issueKey(tenant, { name: "Twice", scopes: ["read:users"] });
  const twice = async (/** @type {string[]} */ values) => {
    const sent = request(`${service}/v1/users`, { headers: [...values.flatMap((value) => ["authorization", value]), "host", "service.example"] }).end();
    const [answer] = await once(sent, "response");
    answer.resume();
    return answer.statusCode;
  };
  assert.equal(await twice([`Bearer ${secret}`]), 200);
  assert.equal(await twice([`Bearer ${secret}`, `Bearer ${secret}`]), 401);
});

test("a dialect that names the tenant in a header gets it", async () => {
  const tenant = nexus.tenant("nexuscommerce");
  const { secret } = await client.issueKey(tenant, { name: "Shop", scopes: ["products:read"] });
  const headers = { ...bearer(secret), "x-tenant-id": tenant };
  assert.equal((await fetch(`${service}/api/products`, { headers, method: "POST" })).status, 200);
  assert.equal((await fetch(`${service}/api/products`, { headers: bearer(secret) })).status, 401);
});

test("where Nexus cannot be asked, nobody is let through", async () => {
  for (const path of ["/away", "/unknown"]) {
    const answer = await fetch(service + path, { headers: bearer("nx_live_x") });
    assert.equal(answer.status, 503, "the service's own token is no fault of its caller");
  }
});
