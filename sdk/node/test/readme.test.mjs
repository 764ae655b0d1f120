// The READMEs' examples, run as they stand one after the other, with a real Nexus where they ask one.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { NexusClient } from "@nexus/sdk";

import { startNexus, startServer } from "../support/nexus.mjs";

const run = promisify(execFile);

/**
 * Runs a package's examples as one program, with lines before and behind them.
 *
 * @param {string} name @param {string} before @param {string} behind @param {Record<string, string>} environment
 */
async function examples(name, before, behind, environment) {
  const folder = new URL(`../packages/${name}/`, import.meta.url);
  const page = readFileSync(new URL("README.md", folder), "utf8");
  const blocks = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map((block) => block[1]);
  assert.ok(blocks.length >= 3, "the examples are there");
  const program = fileURLToPath(new URL(`readme.${process.pid}.mjs`, folder));
  writeFileSync(program, [before, ...blocks, behind].join("\n"));
  try {
    const { stdout } = await run(process.execPath, [program], { env: { PATH: process.env["PATH"], ...environment }, timeout: 60_000 });
    return stdout.split("\n");
  } finally {
    rmSync(program);
  }
}

test("the examples of @nexus/oauth", async (context) => {
  const tokens = { access_token: "at", token_type: "Bearer", expires_in: 3600, refresh_token: "rt", scope: "read:users" };
  const server = await startServer(context, [{ body: tokens }]);
  const lines = await examples(
    "oauth",
    "const request = { get url() { return `/callback?code=the-code&state=${session.state}`; } };",
    "console.log(JSON.stringify({ authUrl, tokens }));",
    { NEXUS_URL: server.url, NEXUS_CLIENT_ID: "id", NEXUS_CLIENT_SECRET: "secret" },
  );
  const printed = JSON.parse(String(lines[0]));
  const asked = new URL(printed.authUrl).searchParams;
  assert.equal(asked.get("code_challenge_method"), "S256");
  assert.equal(printed.tokens.refreshToken, "rt");
  const form = new URLSearchParams(server.requests[0]?.body);
  assert.deepEqual([form.get("code"), form.get("code_verifier")?.length], ["the-code", 43]);
});

test("the examples of @nexus/sdk", async (context) => {
  const nexus = await startNexus();
  context.after(() => nexus.stop());
  const client = new NexusClient({ baseUrl: nexus.url, token: nexus.token });
  const tenant = nexus.tenant("nexus");
  const { secret } = await client.issueKey(tenant, { name: "Reader", scopes: ["read:users"] });
  const lines = await examples(
    "sdk",
    `const credential = ${JSON.stringify(secret)}, tenant = ${JSON.stringify(tenant)};`,
    `import { signWebhook } from "@nexus/sdk";
    const server = app.listen(0, "127.0.0.1", async () => {
      const at = "http://127.0.0.1:" + server.address().port;
      const users = (headers) => fetch(at + "/v1/users", { headers });
      const hook = (signature) => fetch(at + "/webhooks", { method: "POST", body: "{}", headers: { "X-Nexuscore-Signature": signature } });
      const answers = [await users({ authorization: "Bearer " + credential }), await users({}), await hook(signWebhook("{}", "whsec")), await hook("t=1,v1=0")];
      console.log("statuses " + answers.map((answer) => answer.status));
      console.log("token " + token.split(".").length);
      console.log("receipt " + (receipt.confirmed === receipt.nodes));
      server.close();
      server.closeAllConnections();
    });`,
    { NEXUS_URL: nexus.url, NEXUS_TOKEN: nexus.token, WEBHOOK_SECRET: "whsec", NEXUS_JWT_SECRET: `nxjs_jws${"0".repeat(32)}_${"x".repeat(43)}`, NODE_ENV: "test" },
  );
  assert.equal(lines[0], `${tenant} [ 'read:users' ]`);
  assert.ok(lines.includes("Billing service active"), lines.join("\n"));
  assert.ok(lines.includes("statuses 200,401,204,500"), lines.join("\n"));
  assert.ok(lines.includes("token 3"), lines.join("\n"));
  assert.ok(lines.includes("receipt true"), lines.join("\n"));
});
