// The cases that Rust and Python run as well.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { NexusClient, SignatureError, isWellFormed, signWebhook, verifyWebhook } from "@nexus/sdk";

const golden = (/** @type {string} */ name) =>
  JSON.parse(readFileSync(new URL(`../../../../../tests/golden/${name}`, import.meta.url), "utf8"));

test("secrets are told from typing errors", () => {
  const cases = golden("credentials.json");
  assert.ok(cases.well_formed.length >= 10 && cases.ill_formed.length >= 20);
  for (const { name, prefix, text } of cases.well_formed) assert.equal(isWellFormed(text, prefix), true, name);
  for (const { name, prefix, text } of cases.ill_formed) assert.equal(isWellFormed(text, prefix), false, name);
});

test("a token with a typing error is not sent", () => {
  const token = golden("credentials.json").well_formed.find((/** @type {any} */ one) => one.prefix === "nxm_").text;
  assert.ok(new NexusClient({ token, baseUrl: "http://127.0.0.1:9" }));
  const mistyped = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
  assert.throws(() => new NexusClient({ token: mistyped }), /typing error/);
});

test("webhooks are signed and judged", () => {
  const cases = golden("webhooks.json");
  assert.ok(cases.signed.length >= 3 && cases.accepted.length >= 10 && cases.refused.length >= 20);
  for (const { name, payload, secrets, timestamp, header } of cases.signed) {
    assert.equal(signWebhook(payload, secrets, { timestamp }), header, name);
  }
  for (const { name, payload, header, secret, now } of cases.accepted) {
    assert.doesNotThrow(() => verifyWebhook(payload, header, secret, { now: now * 1000 }), name);
    assert.doesNotThrow(() => verifyWebhook(Buffer.from(payload), header, secret, { now: now * 1000 }), name);
  }
  for (const { name, payload, header, secret, now, fault } of cases.refused) {
    const is = (/** @type {unknown} */ error) => error instanceof SignatureError && error.fault === fault;
    assert.throws(() => verifyWebhook(payload, header, secret, { now: now * 1000 }), is, name);
  }
});

test("a webhook is judged by the present time and within the tolerance that is asked for", () => {
  const header = signWebhook("{}", "secret");
  assert.doesNotThrow(() => verifyWebhook("{}", header, "secret"));
  const old = signWebhook("{}", "secret", { timestamp: 1000 });
  assert.throws(() => verifyWebhook("{}", old, "secret"), { fault: "too_old" });
  assert.doesNotThrow(() => verifyWebhook("{}", old, "secret", { now: 1_060_000, tolerance: 60 }));
  assert.throws(() => verifyWebhook("{}", old, "secret", { now: 1_061_000, tolerance: 60 }), { fault: "too_old" });
  assert.throws(() => verifyWebhook("{}", undefined, "secret"), { fault: "missing" });
  assert.throws(() => verifyWebhook("{}", header, ""), /secret is empty/);
  // @ts-expect-error A parsed body is no payload.
  assert.throws(() => verifyWebhook({}, header, "secret"), /before it is parsed/);
});
