// The packages as others get them: packed, installed into a project of its own, imported, required and type-checked.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const HERE = fileURLToPath(new URL("..", import.meta.url));

/** Fails to compile where a type is lost, since each line that is expected to be an error has to be one. */
const USE = `
import { NexusOAuth, type Tokens } from "@nexus/oauth";
import { NexusClient, type Verdict, verifyWebhook } from "@nexus/sdk";

export async function use(client: NexusClient, oauth: NexusOAuth): Promise<void> {
  const verdict: Verdict = await client.verify("nx_live_x");
  if (verdict.valid) {
    const tenant: string = verdict.tenant_id;
    await client.revokeKey(tenant, verdict.key_id, { reason: "unused" });
  } else {
    const status: number = verdict.response.status;
    // @ts-expect-error A refused credential has no tenant.
    verdict.tenant_id;
    console.log(status);
  }
  const tokens: Tokens = await oauth.exchangeCode("c");
  // @ts-expect-error A Date is no text.
  const expires: string = tokens.expiresAt;
  // @ts-expect-error A key needs a name.
  await client.issueKey("t", {});
  verifyWebhook(new Uint8Array(), undefined, "secret");
  console.log(expires);
}
`;

test("what is published can be installed, imported, required and type-checked", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nexus-sdk-"));
  context.after(() => rmSync(folder, { recursive: true }));
  await run("npm", ["pack", "--silent", "--pack-destination", folder, "--workspaces"], { cwd: HERE });
  const packed = readdirSync(folder).map((name) => join(folder, name));
  assert.equal(packed.length, 2);
  writeFileSync(join(folder, "package.json"), '{ "private": true }');
  await run("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", ...packed], { cwd: folder });
  assert.deepEqual(readdirSync(join(folder, "node_modules")).filter((name) => !name.startsWith(".")), ["@nexus"], "they need nothing else");

  writeFileSync(join(folder, "use.mts"), USE);
  writeFileSync(join(folder, "use.cts"), USE);
  const options = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "false"];
  const types = ["--types", "node", "--typeRoots", join(HERE, "node_modules/@types")];
  const compiler = join(HERE, "node_modules/.bin/tsc");
  const checked = await run(compiler, [...options, ...types, "use.mts", "use.cts"], { cwd: folder }).catch((failed) => failed);
  assert.equal(checked.stdout, "");

  const tell = "console.log(typeof NexusClient, typeof NexusOAuth)";
  const esm = `import { NexusClient } from "@nexus/sdk"; import { NexusOAuth } from "@nexus/oauth"; ${tell}`;
  const cjs = `const { NexusClient } = require("@nexus/sdk"); const { NexusOAuth } = require("@nexus/oauth"); ${tell}`;
  for (const program of [["--input-type=module", "-e", esm], ["-e", cjs]]) {
    const { stdout } = await run(process.execPath, program, { cwd: folder });
    assert.equal(stdout, "function function\n");
  }
});
