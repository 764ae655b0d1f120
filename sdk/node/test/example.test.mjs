// examples/node-service as it stands, between callers and a real Nexus.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { NexusClient } from "@nexus/sdk";

import { startNexus } from "../support/nexus.mjs";

test("the example's service answers live keys with the scope, and nobody while Nexus is away", async (context) => {
  const nexus = await startNexus();
  context.after(() => nexus.stop());
  // Beside what it imports.
  const program = fileURLToPath(new URL(`../example.${process.pid}.mjs`, import.meta.url));
  copyFileSync(new URL("../../../examples/node-service/service.mjs", import.meta.url), program);
  context.after(() => rmSync(program));
  const client = new NexusClient({ baseUrl: nexus.url, token: nexus.token });
  const platform = "00000000-0000-7000-8000-000000000001";
  const { secret: token } = await client.issueKey(platform, { name: "Service", scopes: ["verify"] });
  const service = spawn(process.execPath, [program], {
    env: { PATH: process.env["PATH"], NEXUS_URL: nexus.url, NEXUS_TOKEN: token, PORT: "0" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  process.on("exit", () => service.kill());
  const ended = once(service, "exit");
  const [url] = await once(createInterface({ input: service.stdout }), "line");

  const tenant = nexus.tenant("nexus");
  const { secret } = await client.issueKey(tenant, { name: "Caller", scopes: ["read:users"] });
  const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
  const users = await fetch(`${url}/v1/users`, { headers });
  assert.deepEqual([users.status, await users.json()], [200, { tenant, users: ["ada", "grace"] }]);
  assert.equal((await fetch(`${url}/v1/users`)).status, 401);
  const pay = { method: "POST", headers, body: '{"amount":1}' };
  assert.equal((await fetch(`${url}/v1/payments`, pay)).status, 403);
  const { secret: payer } = await client.issueKey(tenant, { name: "Payer", scopes: ["write:payments"] });
  assert.equal((await fetch(`${url}/v1/payments`, { ...pay, headers: { ...headers, authorization: `Bearer ${payer}` } })).status, 201);

  await nexus.stop();
  assert.equal((await fetch(`${url}/v1/users`, { headers })).status, 503);
  service.kill();
  assert.deepEqual(await ended, [0, null], "it ends in order");
});
