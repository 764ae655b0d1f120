// NexusOAuth through the whole code flow with a real Nexus: sign-in and consent as a browser sends them.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";

import { NexusOAuth, OAuthError, createCodeVerifier } from "@nexus/oauth";

import { startNexus } from "../../../support/nexus.mjs";

const REDIRECT = "https://yourapp.com/callback";
const generateRandomState = () => randomBytes(16).toString("base64url");
/** @type {Awaited<ReturnType<typeof startNexus>>} */
let nexus;

before(async () => {
  nexus = await startNexus();
});
after(() => nexus.stop());

/** A browser as far as this needs one: cookies, forms, and no redirects by itself. */
class Browser {
  /** @type {Map<string, string>} */
  #cookies = new Map();

  /** @param {string} address @param {Record<string, string>} [form] */
  async go(address, form) {
    const cookie = [...this.#cookies].map((pair) => pair.join("=")).join("; ");
    const answer = await fetch(new URL(address, nexus.url), {
      redirect: "manual",
      headers: { cookie },
      ...(form ? { method: "POST", body: new URLSearchParams(form) } : {}),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) this.#cookies.set(name, value);
    }
    return { status: answer.status, location: answer.headers.get("location") ?? "", text: await answer.text() };
  }

  /** The hidden fields of the page's form that has this field. @param {string} page @param {string} field */
  static hidden(page, field) {
    const form = page.split("<form").find((one) => one.includes(`name="${field}"`)) ?? "";
    const unescaped = (/** @type {string} */ text) =>
      text.replace(/&#(\d+);/g, (_all, code) => String.fromCodePoint(code)).replaceAll("&quot;", '"').replaceAll("&amp;", "&");
    const fields = form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
    return Object.fromEntries([...fields].map(([, name, value]) => [name, unescaped(value ?? "")]));
  }

  /** Signs the demo admin in. */
  async signIn() {
    const { text } = await this.go("/sign-in");
    const { email, password } = /** @type {any} */ (nexus.announced).dashboard;
    const signed = await this.go("/sign-in", { ...Browser.hidden(text, "password"), email, password });
    assert.equal(signed.status, 303, signed.text);
  }

  /** Opens an authorization request and agrees: where the user is sent. @param {string} authUrl */
  async agree(authUrl, decision = "allow") {
    const page = await this.go(authUrl);
    assert.equal(page.status, 200, `${page.status} ${page.location} ${page.text}`);
    const decided = await this.go("/oauth/authorize", { ...Browser.hidden(page.text, "request"), decision });
    assert.equal(decided.status, 303, decided.text);
    return decided.location;
  }
}

/** @param {Record<string, unknown>} body */
async function register(body) {
  const answer = await fetch(`${nexus.url}/v1/tenants/${nexus.tenant("nexus")}/clients`, {
    method: "POST",
    headers: { authorization: `Bearer ${nexus.token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "Test", type: "app", redirect_uris: [REDIRECT], scopes: ["read:users", "write:payments"], ...body }),
  });
  const registered = /** @type {any} */ (await answer.json());
  assert.equal(answer.status, 201, JSON.stringify(registered));
  return { clientId: registered.client_id, clientSecret: registered.client_secret, redirectUri: REDIRECT, baseUrl: nexus.url };
}

/** Whether a node accepts it. @param {string} token @param {string} scope */
async function status(token, scope) {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${nexus.url}/v1/forward-auth/nexus?scope=${scope}`, { headers })).status;
}

const refused = (/** @type {string} */ why) => (/** @type {unknown} */ error) => error instanceof OAuthError && error.error === why;

test("the page's sample, with a client as it is registered by default", async () => {
  const options = await register({});
  const browser = new Browser();
  await browser.signIn();
  const oauth = new NexusOAuth(options);
  const state = generateRandomState();
  const authUrl = oauth.getAuthorizationUrl({ scope: ["read:users", "write:payments"], state });
  const code = oauth.codeFromCallback(await browser.agree(authUrl), { state });
  const tokens = await oauth.exchangeCode(code);
  assert.equal(tokens.expiresIn, 3600);
  assert.deepEqual(tokens.scope.toSorted(), ["read:users", "write:payments"]);
  assert.equal(await status(tokens.accessToken, "read:users"), 200);
  assert.equal(await status(tokens.accessToken, "write:users"), 403);
});

test("with PKCE: refreshed, told of, revoked, and refused where it should be", async () => {
  const browser = new Browser();
  await browser.signIn();
  const oauth = new NexusOAuth(await register({}));
  const session = { state: generateRandomState(), codeVerifier: createCodeVerifier() };
  const where = await browser.agree(oauth.getAuthorizationUrl({ scope: ["read:users"], ...session }));
  const code = oauth.codeFromCallback(where, session);
  await assert.rejects(oauth.exchangeCode(code, { codeVerifier: createCodeVerifier() }), refused("invalid_grant"));

  const again = await browser.agree(oauth.getAuthorizationUrl({ scope: ["read:users"], ...session }));
  const first = await oauth.exchangeCode(oauth.codeFromCallback(again, session), session);
  assert.equal(await status(first.accessToken, "read:users"), 200);
  const second = await oauth.refresh(String(first.refreshToken));
  assert.notEqual(second.refreshToken, first.refreshToken);
  assert.equal((await oauth.introspect(second.accessToken)).active, true);
  await assert.rejects(oauth.refresh(String(second.refreshToken), { scope: ["write:payments"] }), refused("invalid_scope"));

  const third = await oauth.refresh(String(second.refreshToken));
  await oauth.revoke(String(third.refreshToken), { hint: "refresh_token" });
  assert.equal((await oauth.introspect(third.accessToken)).active, false);
  assert.equal(await status(third.accessToken, "read:users"), 401);
  await assert.rejects(oauth.refresh(String(third.refreshToken)), refused("invalid_grant"));
});

test("a public client, and a user who does not agree", async () => {
  const options = await register({ authentication: "none" });
  assert.equal(options.clientSecret ?? null, null);
  const browser = new Browser();
  await browser.signIn();
  const oauth = new NexusOAuth({ ...options, clientSecret: undefined });
  const session = { state: generateRandomState(), codeVerifier: createCodeVerifier() };
  const authUrl = oauth.getAuthorizationUrl({ scope: ["read:users"], ...session });
  const denied = await browser.agree(authUrl, "deny");
  assert.throws(() => oauth.codeFromCallback(denied, session), refused("access_denied"));
  const tokens = await oauth.exchangeCode(oauth.codeFromCallback(await browser.agree(authUrl), session), session);
  assert.equal(await status(tokens.accessToken, "read:users"), 200);
  await oauth.revoke(tokens.accessToken);
  assert.equal(await status(tokens.accessToken, "read:users"), 401);
});

test("client credentials", async () => {
  const options = await register({ type: "server", redirect_uris: [] });
  const oauth = new NexusOAuth(options);
  const tokens = await oauth.clientCredentials({ scope: ["read:users"] });
  assert.deepEqual([tokens.tokenType, tokens.scope, tokens.refreshToken], ["Bearer", ["read:users"], undefined]);
  assert.equal(await status(tokens.accessToken, "read:users"), 200);
  const wrong = new NexusOAuth({ ...options, clientSecret: `${options.clientSecret}x` });
  await assert.rejects(wrong.clientCredentials(), refused("invalid_client"));
});
