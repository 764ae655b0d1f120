// The packages as CommonJS modules.
const assert = require("node:assert/strict");
const { test } = require("node:test");

test("require gives the same classes", () => {
  const { NexusOAuth } = require("@nexus/oauth");
  const { NexusClient } = require("@nexus/sdk");
  const { requireScope } = require("@nexus/sdk/express");
  assert.equal(new NexusOAuth({ clientId: "c", clientSecret: "s" }) instanceof NexusOAuth, true);
  assert.equal(new NexusClient({ token: "nxm_t", baseUrl: "https://nexus.example/base/" }) instanceof NexusClient, true);
  assert.equal(typeof requireScope, "function");
});
