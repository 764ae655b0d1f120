// Service tokens.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { generateJwt } from "@nexus/sdk";

const golden = JSON.parse(readFileSync(new URL("../../../../../tests/golden/jwt.json", import.meta.url), "utf8"));
const decoded = (/** @type {string | undefined} */ part) => JSON.parse(Buffer.from(part ?? "", "base64url").toString());
const { secret, claims: all, header } = golden.service;
const { iat, exp, jti, ...claims } = all;

test("the golden case's claims give its header and claims, signed as its token is", () => {
  const token = generateJwt(secret, claims, { expiresIn: exp - iat, tokenId: jti, now: iat * 1000 });
  const [head, body, signature] = token.split(".");
  assert.deepEqual([decoded(head), decoded(body)], [header, all]);
  const sign = (/** @type {string} */ signed) => createHmac("sha256", secret).update(signed).digest("base64url");
  assert.equal(sign(`${head}.${body}`), signature);
  assert.equal(sign(golden.service.signed), golden.service.signature);
});

test("a token lives for an hour, has an id of its own and begins now", () => {
  const [first, second] = [generateJwt(secret, { service: "a" }), generateJwt(secret, { service: "a" })];
  const body = decoded(first.split(".")[1]);
  assert.equal(body.exp - body.iat, 3600);
  assert.ok(Math.abs(body.iat * 1000 - Date.now()) < 60_000);
  assert.notEqual(body.jti, decoded(second.split(".")[1]).jti);
});

test("a lifetime is a second to a day", () => {
  for (const expiresIn of [0, -1, 86_401, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => generateJwt(secret, {}, { expiresIn }), /1 to 86400 seconds/);
  }
  const body = decoded(generateJwt(secret, {}, { expiresIn: 86_400 }).split(".")[1]);
  assert.equal(body.exp - body.iat, 86_400);
});

test("claims are none of ours, and a secret is long and names its id", () => {
  assert.throws(() => generateJwt(secret, { exp: 1 }), /leave exp out/);
  assert.throws(() => generateJwt("nxjs_a_short", {}), /too short/);
  const own = "of our own, and long enough for HS256";
  assert.throws(() => generateJwt(own, {}), /needs keyId/);
  assert.equal(decoded(generateJwt(own, {}, { keyId: "jws1" }).split(".")[0]).kid, "jws1");
});
