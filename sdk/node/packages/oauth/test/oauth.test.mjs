// What NexusOAuth sends and makes of the answers, byte by byte.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { NexusOAuth, OAuthError, codeChallenge, createCodeVerifier } from "@nexus/oauth";

import { startServer } from "../../../support/nexus.mjs";

const TOKENS = { access_token: "at", token_type: "Bearer", expires_in: 3600, refresh_token: "rt", scope: "read:users write:payments" };
const CLIENT = { clientId: "client:1", clientSecret: "s3cret/+=", redirectUri: "https://yourapp.com/callback" };
const generateRandomState = () => randomBytes(16).toString("base64url");

test("the page's sample runs as it stands", async (context) => {
  const server = await startServer(context, [{ body: TOKENS }]);
  process.env["NEXUS_URL"] = server.url;
  process.env["NEXUS_CLIENT_ID"] = CLIENT.clientId;
  process.env["NEXUS_CLIENT_SECRET"] = CLIENT.clientSecret;
  const code = "the code";

  const oauth = new NexusOAuth({
    clientId: process.env["NEXUS_CLIENT_ID"],
    clientSecret: process.env["NEXUS_CLIENT_SECRET"],
    redirectUri: "https://yourapp.com/callback",
  });
  const authUrl = oauth.getAuthorizationUrl({ scope: ["read:users", "write:payments"], state: generateRandomState() });
  const tokens = await oauth.exchangeCode(code);

  const url = new URL(authUrl);
  assert.equal(url.origin + url.pathname, `${server.url}/oauth/authorize`);
  const { state, ...query } = Object.fromEntries(url.searchParams);
  assert.equal(state?.length, 22);
  assert.deepEqual(query, {
    response_type: "code",
    client_id: "client:1",
    redirect_uri: "https://yourapp.com/callback",
    scope: "read:users write:payments",
  });
  assert.equal(tokens.accessToken, "at");
  assert.equal(tokens.refreshToken, "rt");
  assert.deepEqual(tokens.scope, ["read:users", "write:payments"]);
  assert.ok(Math.abs(tokens.expiresAt.getTime() - Date.now() - 3_600_000) < 60_000);
  const [request] = server.requests;
  assert.equal(request?.url, "/oauth/token");
  assert.equal(request?.headers["content-type"], "application/x-www-form-urlencoded");
  assert.equal(request?.body, "grant_type=authorization_code&code=the+code&redirect_uri=https%3A%2F%2Fyourapp.com%2Fcallback");
  // RFC 6749 section 2.3.1: each is form-encoded, then joined by a colon.
  const basic = Buffer.from("client%3A1:s3cret%2F%2B%3D").toString("base64");
  assert.equal(request?.headers["authorization"], `Basic ${basic}`);
  delete process.env["NEXUS_URL"];
});

test("PKCE is S256", async (context) => {
  // RFC 7636 appendix B.
  const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  assert.equal(codeChallenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  const server = await startServer(context, [{ body: TOKENS }]);
  const oauth = new NexusOAuth({ ...CLIENT, clientSecret: undefined, baseUrl: `${server.url}/` });
  const url = new URL(oauth.getAuthorizationUrl({ scope: [], state: "s", codeVerifier: verifier }));
  assert.equal(url.searchParams.get("code_challenge"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  assert.equal(url.searchParams.get("code_challenge_method"), "S256");
  await oauth.exchangeCode("c", { codeVerifier: verifier });
  const form = new URLSearchParams(server.requests[0]?.body);
  assert.equal(form.get("code_verifier"), verifier);
  assert.equal(form.get("client_id"), CLIENT.clientId);
  assert.equal(server.requests[0]?.headers["authorization"], undefined);
  const made = createCodeVerifier();
  assert.match(made, /^[A-Za-z0-9_-]{43}$/);
  assert.notEqual(made, createCodeVerifier());
  for (const wrong of ["a".repeat(42), "a".repeat(129), `${"a".repeat(42)} `, `${"a".repeat(42)}ä`]) {
    assert.throws(() => codeChallenge(wrong), TypeError);
  }
});

test("what is missing is said at once", async () => {
  assert.throws(() => new NexusOAuth({ clientId: undefined }), /clientId is missing/);
  assert.throws(() => new NexusOAuth({ clientId: "c", clientSecret: "" }), /clientSecret is empty/);
  assert.throws(() => new NexusOAuth({ clientId: "c", baseUrl: "nexus.dev" }), /baseUrl/);
  assert.throws(() => new NexusOAuth({ clientId: "c", baseUrl: "https://u:p@nexus.dev" }), /baseUrl/);
  const app = new NexusOAuth({ clientId: "c", redirectUri: "https://a.example/" });
  assert.throws(() => app.getAuthorizationUrl({ scope: [], state: "s" }), /codeVerifier is needed/);
  await assert.rejects(app.exchangeCode("c"), /codeVerifier is needed/);
  await assert.rejects(app.clientCredentials(), /clientSecret/);
  const server = new NexusOAuth({ clientId: "c", clientSecret: "s" });
  assert.throws(() => server.getAuthorizationUrl({ scope: [], state: "s" }), /redirectUri is missing/);
  assert.throws(() => new NexusOAuth(CLIENT).getAuthorizationUrl({ scope: [], state: "" }), /state is missing/);
});

test("the callback's code is given for the session's state alone", () => {
  const oauth = new NexusOAuth(CLIENT);
  assert.equal(oauth.codeFromCallback("/callback?code=c%2F1&state=abc&iss=x", { state: "abc" }), "c/1");
  /** @type {Array<[string, string | undefined, string]>} */
  const refused = [
    ["/callback?code=c&state=other", "abc", "state_mismatch"],
    ["/callback?code=c", "abc", "state_mismatch"],
    ["/callback?code=c&state=", "", "state_mismatch"],
    ["/callback?code=c&state=abc", undefined, "state_mismatch"],
    ["https://yourapp.com/callback?error=access_denied&error_description=No&state=abc", "abc", "access_denied"],
    ["/callback?state=abc", "abc", "invalid_response"],
    ["/callback?code=mine&code=theirs&state=abc", "abc", "invalid_response"],
  ];
  for (const [url, state, error] of refused) {
    const is = (/** @type {unknown} */ thrown) => thrown instanceof OAuthError && thrown.error === error;
    assert.throws(() => oauth.codeFromCallback(url, { state }), is, url);
  }
});

test("refresh, client credentials, revocation and introspection are what the RFCs say", async (context) => {
  const { refresh_token: _none, scope: _neither, ...bare } = TOKENS;
  const server = await startServer(context, [
    { body: TOKENS },
    { body: { ...bare, token_type: "bearer" } },
    {},
    { body: { active: true, scope: "read:users", client_id: "c" } },
    { body: { active: false } },
  ]);
  const oauth = new NexusOAuth({ ...CLIENT, baseUrl: server.url });
  await oauth.refresh("old", { scope: ["read:users"] });
  const own = await oauth.clientCredentials({ scope: ["tickets:read", "tickets:write"] });
  assert.equal("refreshToken" in own, false);
  assert.deepEqual(own.scope, []);
  await oauth.revoke("rt", { hint: "refresh_token" });
  assert.deepEqual(await oauth.introspect("at"), { active: true, scope: ["read:users"], client_id: "c" });
  assert.deepEqual(await oauth.introspect("at"), { active: false, scope: [] });
  assert.deepEqual(
    server.requests.map((request) => [request.url, request.body]),
    [
      ["/oauth/token", "grant_type=refresh_token&refresh_token=old&scope=read%3Ausers"],
      ["/oauth/token", "grant_type=client_credentials&scope=tickets%3Aread+tickets%3Awrite"],
      ["/oauth/revoke", "token=rt&token_type_hint=refresh_token"],
      ["/oauth/introspect", "token=at"],
      ["/oauth/introspect", "token=at"],
    ],
  );
});

test("refusals keep their name, and what is no token is none", async (context) => {
  const server = await startServer(context, [
    { status: 400, body: { error: "invalid_grant", error_description: "the code is used" } },
    { status: 429, headers: { "retry-after": "3600" }, body: { code: "too_many_requests", detail: "slow down" } },
    { body: { access_token: "at", token_type: "mac", expires_in: 1 } },
    { status: 302, headers: { location: "http://127.0.0.1:9/stolen" } },
  ]);
  const oauth = new NexusOAuth({ ...CLIENT, baseUrl: server.url });
  await assert.rejects(oauth.exchangeCode("c"), { name: "OAuthError", error: "invalid_grant", description: "the code is used", status: 400 });
  await assert.rejects(oauth.exchangeCode("c"), { error: "too_many_requests", status: 429 });
  await assert.rejects(oauth.exchangeCode("c"), { error: "invalid_response" });
  await assert.rejects(oauth.exchangeCode("c"), { error: "invalid_response", status: 302 });
  assert.equal(server.requests.length, 4);
});

test("secrets are not shown", () => {
  const oauth = new NexusOAuth({ ...CLIENT, clientSecret: "not for logs" });
  assert.equal(JSON.stringify(oauth).includes("not for logs"), false);
});
