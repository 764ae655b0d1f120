// What is repeated and what is not, against a server that fails as it is told.
import assert from "node:assert/strict";
import { test } from "node:test";

import { NetworkError, NexusOAuth } from "@nexus/oauth";
import { Transport, pauseMs } from "@nexus/oauth/transport";

import { startServer } from "../../../support/nexus.mjs";

const NOW = { "retry-after": "0" };
const CLIENT = { clientId: "c", clientSecret: "s", redirectUri: "https://yourapp.com/callback" };
const TOKENS = { access_token: "at", token_type: "Bearer", expires_in: 3600 };
const GET = { method: "GET", path: "/", headers: {}, repeatable: true };

test("pauses grow, are random from nothing up, and come on top of what the server asks for", () => {
  const most = { random: () => 1 };
  assert.deepEqual([0, 1, 2, 3, 4, 5, 50].map((attempt) => pauseMs(attempt, undefined, most)), [200, 400, 800, 1600, 3200, 5000, 5000]);
  assert.equal(pauseMs(3, undefined, { random: () => 0 }), 0);
  assert.equal(pauseMs(0, "7", { random: () => 0.5 }), 7100);
  const now = () => Date.parse("Sun, 22 Nov 2026 10:00:00 GMT");
  assert.equal(pauseMs(0, "Sun, 22 Nov 2026 10:00:09 GMT", { random: () => 0, now }), 9000);
  assert.equal(pauseMs(0, "Sun, 22 Nov 2026 09:00:00 GMT", { random: () => 0, now }), 0);
  assert.equal(pauseMs(0, "soon", { random: () => 0 }), 0);
  assert.equal(pauseMs(0, "31"), undefined, "whoever has to wait so long learns it at once");
});

for (const status of [408, 429, 500, 502, 503, 504]) {
  test(`${status} is passing`, async (context) => {
    const server = await startServer(context, [{ status, headers: NOW }, { status, headers: NOW }, { body: { ok: 1 } }]);
    const answer = await new Transport({ baseUrl: server.url }).send(GET);
    assert.equal(answer.text, '{"ok":1}');
    assert.equal(server.requests.length, 3);
  });
}

test("what does not pass is the answer, and so is the last of several", async (context) => {
  const refused = await startServer(context, [{ status: 401 }]);
  assert.equal((await new Transport({ baseUrl: refused.url }).send(GET)).status, 401);
  assert.equal(refused.requests.length, 1);
  const down = await startServer(context, [{ status: 503, headers: NOW }]);
  assert.equal((await new Transport({ baseUrl: down.url, retries: 1 }).send(GET)).status, 503);
  assert.equal(down.requests.length, 2);
  const busy = await startServer(context, [{ status: 503, headers: { "retry-after": "3600" } }]);
  assert.equal((await new Transport({ baseUrl: busy.url }).send(GET)).status, 503);
  assert.equal(busy.requests.length, 1);
});

test("a connection that is lost is tried again where that is safe", async (context) => {
  const server = await startServer(context, [{ cut: true }, { body: {} }]);
  assert.equal((await new Transport({ baseUrl: server.url }).send(GET)).status, 200);
  assert.equal(server.requests.length, 2);
});

test("codes and refresh tokens are sent once, whatever becomes of them", async (context) => {
  for (const failure of [{ cut: true }, { status: 503, headers: NOW }, { status: 500 }]) {
    for (const use of [
      (/** @type {NexusOAuth} */ oauth) => oauth.exchangeCode("c"),
      (/** @type {NexusOAuth} */ oauth) => oauth.refresh("r"),
    ]) {
      const server = await startServer(context, [failure, { body: TOKENS }]);
      await assert.rejects(use(new NexusOAuth({ ...CLIENT, baseUrl: server.url })));
      assert.equal(server.requests.length, 1);
    }
  }
});

test("429 did not happen, so a code may be sent again; client credentials may in any case", async (context) => {
  const server = await startServer(context, [{ status: 429, headers: NOW }, { body: TOKENS }]);
  assert.equal((await new NexusOAuth({ ...CLIENT, baseUrl: server.url }).exchangeCode("c")).accessToken, "at");
  const other = await startServer(context, [{ cut: true }, { status: 502, headers: NOW }, { body: TOKENS }]);
  assert.equal((await new NexusOAuth({ ...CLIENT, baseUrl: other.url }).clientCredentials()).accessToken, "at");
});

test("nobody there is told apart from no answer", async (context) => {
  const silent = await startServer(context, [{ silent: true }]);
  const impatient = new Transport({ baseUrl: silent.url, timeoutMs: 50, retries: 0 });
  await assert.rejects(impatient.send(GET), (error) => error instanceof NetworkError && error.sent && /within 50 ms/.test(error.message));
  const closed = await startServer({ after: (end) => end() }, []);
  const away = new Transport({ baseUrl: closed.url, retries: 1 });
  await assert.rejects(away.send({ ...GET, path: "/?secret=1" }), (error) => {
    assert.ok(error instanceof NetworkError && !error.sent);
    assert.match(error.message, /ECONNREFUSED/);
    assert.equal(error.message.includes("secret"), false);
    return true;
  });
});

test("whoever gives up is not kept waiting", async (context) => {
  const silent = await startServer(context, [{ silent: true }]);
  const reason = new Error("enough");
  const stop = new AbortController();
  const answer = new Transport({ baseUrl: silent.url }).send({ ...GET, signal: stop.signal });
  stop.abort(reason);
  await assert.rejects(answer, reason);
  const pausing = await startServer(context, [{ status: 503, headers: { "retry-after": "20" } }]);
  for (const soon of [queueMicrotask, setImmediate, (/** @type {() => void} */ now) => now()]) {
    const pause = new AbortController();
    const paused = new Transport({ baseUrl: pausing.url }).send({
      ...GET,
      signal: pause.signal,
      unsettled: () => void soon(() => pause.abort(reason)),
    });
    await assert.rejects(paused, reason);
  }
  assert.equal(pausing.requests.length, 3);
});

test("redirects are not followed", async (context) => {
  const elsewhere = await startServer(context, [{}]);
  const server = await startServer(context, [{ status: 307, headers: { location: elsewhere.url } }]);
  assert.equal((await new Transport({ baseUrl: server.url }).send(GET)).status, 307);
  assert.equal(elsewhere.requests.length, 0);
});
