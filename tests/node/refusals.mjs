// Bad requests, sent to Nexus and to oidc-provider with the same clients. What both answer must be the same, apart from what the
// table says: there a difference stands with its reason. Whoever starts it registers clients and plays the browser, as for
// flow.mjs.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { start } from './oidc_provider.mjs';
import { cases, verifier } from './refused.mjs';

const { issuer, redirect_uri, cookie } = JSON.parse(process.argv[2]);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const ask = async (message) => {
  console.log(JSON.stringify(message));
  return JSON.parse((await lines.next()).value);
};

const kinds = {
  app: { type: 'app', by: 'client_secret_post' },
  basic: { type: 'app', by: 'client_secret_basic' },
  other: { type: 'app', by: 'client_secret_post' },
  public: { type: 'app', by: 'none' },
  server: { type: 'server', by: 'client_secret_post' },
};
const clients = {};
for (const [name, { type, by }] of Object.entries(kinds)) {
  const body = { name, type, scopes: ['read:users', 'read:payments'], ...(by === 'none' && { authentication: 'none' }) };
  const { client_id, client_secret } = await ask({ client: { ...body, ...(type === 'app' && { redirect_uris: [redirect_uri] }) } });
  clients[name] = { client_id, client_secret, type, by, redirect_uri };
}
const challenge = createHash('sha256').update(verifier).digest('base64url');
const provider = await start(clients);

const servers = {
  nexus: {
    issuer,
    // Errors are brought to apps by those alone who are signed in (RFC 9700 section 4.11.2).
    signedIn: { cookie },
    paths: { token: '/oauth/token', authorize: '/oauth/authorize', revoke: '/oauth/revoke', introspect: '/oauth/introspect' },
    async code(client, challenge) {
      const query = new URLSearchParams({
        response_type: 'code', client_id: client.client_id, redirect_uri, scope: 'read:users read:payments', state: 's',
        ...(challenge && { code_challenge: challenge, code_challenge_method: 'S256' }),
      });
      const { sent_back_to } = await ask({ send_to: `${issuer}/oauth/authorize?${query}` });
      return new URL(sent_back_to).searchParams.get('code');
    },
  },
  provider: {
    issuer: provider.issuer,
    paths: { token: '/token', authorize: '/auth', revoke: '/token/revocation', introspect: '/token/introspection' },
    code: provider.code,
  },
};

// What cases are made of, for one server.
function tools(server) {
  const send = async (endpoint, { method = 'POST', headers = {}, form, text, query = '' }) => {
    const body = text ?? (form && new URLSearchParams(form).toString());
    const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    return fetch(`${server.issuer}${server.paths[endpoint]}${query && `?${query}`}`, {
      method, headers: { accept: endpoint === 'authorize' ? 'text/html' : 'application/json', ...type, ...(endpoint === 'authorize' && server.signedIn), ...headers }, body, redirect: 'manual',
    });
  };
  const code = (client) => server.code(client, challenge);
  const redeem = async (client, code, more = {}) => ({
    form: {
      grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier, client_id: client.client_id,
      ...(client.client_secret && { client_secret: client.client_secret }), ...more,
    },
  });
  const tokens = async (client) => {
    const answer = await send('token', await redeem(client, await code(client)));
    assert.equal(answer.status, 200, `${server.issuer}: a good code is refused: ${await answer.clone().text()}`);
    return answer.json();
  };
  return { clients, redirect_uri, challenge, send, code, redeem, tokens, unbound: (client) => server.code(client) };
}

// What of an answer others see and act by.
async function seen(answer) {
  const kind = (answer.headers.get('content-type') ?? '').split(';')[0];
  const location = answer.headers.get('location');
  const text = await answer.text();
  const told = { status: answer.status };
  if (location) {
    const { origin, pathname, search, hash } = new URL(location, 'http://relative.invalid');
    const back = `${origin}${pathname}` === redirect_uri;
    const inFragment = hash !== '';
    const parameters = new URLSearchParams(inFragment ? hash.slice(1) : search);
    // Where it goes within the server is its own affair, and by which status.
    if (!back) return { status: 'own page' };
    Object.assign(told, { status: 'redirect', error: parameters.get('error'), state: parameters.get('state') });
    Object.assign(told, { issuer: parameters.has('iss'), inFragment });
  } else if (kind === 'text/html') {
    told.page = true;
  } else {
    told.error = kind === 'application/json' ? JSON.parse(text).error : undefined;
    told.active = kind === 'application/json' ? JSON.parse(text).active : undefined;
  }
  told.challenge = answer.headers.get('www-authenticate')?.split(' ')[0];
  told.stored = !/no-store/.test(answer.headers.get('cache-control') ?? '');
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined && value !== null));
}

const wrong = [];
for (const { name, request, differs } of cases) {
  const [ours, theirs] = await Promise.all(
    Object.values(servers).map(async (server) => {
      const tool = tools(server);
      const [endpoint, sent] = await request(tool);
      return seen(await tool.send(endpoint, sent));
    }),
  );
  // A difference is described by what each of them answers there, so that it cannot grow.
  const expected = { ...theirs, ...differs?.nexus };
  for (const absent of differs?.without ?? []) delete expected[absent];
  const otherwise = { ...theirs, ...differs?.provider };
  try {
    assert.deepEqual(ours, expected);
    assert.deepEqual(theirs, otherwise);
    if (differs) {
      assert.notDeepEqual(ours, theirs, 'the difference is gone; take it out of the table');
      assert.match(differs.because, /(RFC \d+|section)/, 'a difference needs its source');
    }
  } catch {
    wrong.push({ name, ours, theirs, differs });
  }
}
provider.stop();
for (const { name, ours, theirs, differs } of wrong) {
  console.error(`${name}\n  Nexus         ${JSON.stringify(ours)}\n  oidc-provider ${JSON.stringify(theirs)}\n  table ${JSON.stringify(differs)}`);
}
assert.equal(wrong.length, 0, `${wrong.length} of ${cases.length} differ from what the table says`);
console.log(JSON.stringify({ done: true }));
process.exit(0);
