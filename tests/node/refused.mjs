// The bad requests, and where Nexus answers them otherwise than oidc-provider on purpose.

export const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

const by = (client, fields) => ({
  form: { client_id: client.client_id, ...(client.client_secret && { client_secret: client.client_secret }), ...fields },
});
const basic = (id, secret) => ({ authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}` });
const own = { grant_type: 'client_credentials' };

// Differences, each with what Nexus answers otherwise and why.
const challenged = {
  nexus: { challenge: 'Basic' },
  because: 'RFC 9110 section 15.5.2: every 401 has WWW-Authenticate, also where no Authorization came (RFC 6749 section 5.2 needs it where one did)',
};
const unidentified = {
  nexus: { status: 401, error: 'invalid_client', challenge: 'Basic' },
  because: 'RFC 6749 section 5.2: invalid_client is for requests with no client authentication, or one of another method',
};
const notAllowed = { nexus: { status: 405 }, because: 'RFC 9110 section 15.5.6: the address is there, its method is another one' };
const invalidScope = {
  nexus: { status: 400, error: 'invalid_scope' },
  because: 'RFC 6749 section 5.2: oidc-provider leaves out what a client cannot have (section 3.3), which shows first where it is missing',
};
const unstored = { nexus: { stored: false }, because: 'RFC 9111 section 5.2.2.5: nothing of these endpoints is kept, whatever it says' };
const both = (...differences) => ({
  nexus: Object.assign({}, ...differences.map(({ nexus }) => nexus)),
  because: differences.map(({ because }) => because).join('; '),
});

const token = (name, request, differs) => ({ name: `token: ${name}`, differs, request: async (t) => ['token', await request(t)] });
const redeemed = (name, change, differs) =>
  token(name, async (t) => t.redeem(t.clients.app, await t.code(t.clients.app), change(t)), differs);
const authorize = (name, change, differs) => ({
  name: `authorize: ${name}`,
  differs,
  request: async (t) => {
    const usual = {
      response_type: 'code', client_id: t.clients.app.client_id, redirect_uri: t.redirect_uri, scope: 'read:users',
      state: 'af0ifjsldkj', code_challenge: t.challenge, code_challenge_method: 'S256',
    };
    const query = new URLSearchParams();
    for (const [field, value] of Object.entries({ ...usual, ...change(t) })) {
      for (const one of [value].flat()) if (one !== undefined) query.append(field, one);
    }
    return ['authorize', { method: 'GET', query: query.toString() }];
  },
});
const neighbour = (endpoint, name, request, differs) => ({
  name: `${endpoint}: ${name}`, differs, request: async (t) => [endpoint, await request(t)],
});

export const cases = [
  // Who the client is.
  token('a wrong secret in the body', ({ clients: { server } }) => by(server, { ...own, client_secret: 'wrong' }), challenged),
  token('a wrong secret in Basic', ({ clients: { basic: app } }) => ({ form: own, headers: basic(app.client_id, 'wrong') })),
  token('an unknown client', () => ({ form: { ...own, client_id: 'nobody', client_secret: 'wrong' } }), challenged),
  token('an unknown client in Basic', () => ({ form: own, headers: basic('nobody', 'wrong') })),
  token('no client', () => ({ form: own }), unidentified),
  token('a client without its secret', ({ clients: { server } }) => ({ form: { ...own, client_id: server.client_id } }), challenged),
  token('a secret for a client that has none', ({ clients: { public: app } }) =>
    by(app, { grant_type: 'refresh_token', refresh_token: 'x', client_secret: 'wrong' }), challenged),
  token('Basic and the body at once', ({ clients: { basic: app } }) => ({
    ...by(app, own), headers: basic(app.client_id, app.client_secret),
  })),
  token('Basic, and another client_id in the body', ({ clients: { basic: app, other } }) => ({
    form: { ...own, client_id: other.client_id }, headers: basic(app.client_id, app.client_secret),
  })),
  token('Basic that is no base64', () => ({ form: own, headers: { authorization: 'Basic !!!' } }), unidentified),
  token('a scheme other than Basic', () => ({ form: own, headers: { authorization: 'Bearer x' } }), unidentified),

  // What the request is.
  token('GET', () => ({ method: 'GET' }), notAllowed),
  token('JSON', ({ clients: { server } }) => ({
    text: JSON.stringify(by(server, own).form), headers: { 'content-type': 'application/json' },
  })),
  token('no body', () => ({})),
  token('no grant_type', ({ clients: { server } }) => by(server, {})),
  token('an unknown grant_type', ({ clients: { server } }) => by(server, { grant_type: 'password', username: 'a', password: 'b' })),
  token('grant_type twice', ({ clients: { server } }) => ({
    text: `grant_type=client_credentials&${new URLSearchParams(by(server, own).form)}`,
  })),
  token('client_id twice', ({ clients: { server } }) => ({
    text: `client_id=${server.client_id}&${new URLSearchParams(by(server, own).form)}`,
  })),
  token('scope twice', ({ clients: { server } }) => ({
    text: `scope=read%3Ausers&${new URLSearchParams(by(server, { ...own, scope: 'read:users' }).form)}`,
  })),
  token('a scope that the client does not have', ({ clients: { server } }) => by(server, { ...own, scope: 'write:users' }), invalidScope),
  token('a scope that nobody has', ({ clients: { server } }) => by(server, { ...own, scope: 'nothing' }), invalidScope),
  token('a grant that the client may not use', ({ clients: { app } }) => by(app, own), {
    nexus: { error: 'unauthorized_client' },
    because: 'RFC 6749 section 5.2: unauthorized_client is for just that',
  }),
  token('a code from a client that gets none', ({ clients: { server } }) =>
    by(server, { grant_type: 'authorization_code', code: 'x', redirect_uri: 'https://app.example/callback' }), {
    nexus: { error: 'invalid_grant' },
    because: 'RFC 6749 section 5.2: nobody was ever given such a code',
  }),

  // Codes.
  redeemed('no code', () => ({ code: '' })),
  redeemed('an unknown code', () => ({ code: 'unknown' })),
  redeemed('no redirect_uri', () => ({ redirect_uri: '' }), {
    nexus: { status: 400, error: 'invalid_grant' },
    because: 'RFC 6749 section 4.1.3: redirect_uri is needed where the authorization request had it',
  }),
  redeemed('another redirect_uri', () => ({ redirect_uri: 'https://app.example/other' })),
  redeemed('no code_verifier', () => ({ code_verifier: '' })),
  redeemed('another code_verifier', () => ({ code_verifier: 'x'.repeat(43) })),
  redeemed('a code_verifier that is too short', () => ({ code_verifier: 'short' }), {
    nexus: { error: 'invalid_grant' },
    because: 'RFC 7636 section 4.6: a verifier that does not give the challenge is invalid_grant',
  }),
  token('a code of another client', async (t) => t.redeem(t.clients.other, await t.code(t.clients.app))),
  token('a verifier for a code without a challenge', async (t) =>
    t.redeem(t.clients.app, await t.unbound(t.clients.app))),
  token('a code that was used', async (t) => {
    const code = await t.code(t.clients.app);
    const sent = await t.redeem(t.clients.app, code);
    await t.send('token', sent);
    return sent;
  }),

  // Refresh tokens.
  token('no refresh_token', ({ clients: { app } }) => by(app, { grant_type: 'refresh_token' })),
  token('an unknown refresh_token', ({ clients: { app } }) => by(app, { grant_type: 'refresh_token', refresh_token: 'unknown' })),
  token('a refresh_token of another client', async (t) => {
    const { refresh_token } = await t.tokens(t.clients.app);
    return by(t.clients.other, { grant_type: 'refresh_token', refresh_token });
  }),
  token('a refresh_token that was used', async (t) => {
    const { refresh_token } = await t.tokens(t.clients.app);
    const sent = by(t.clients.app, { grant_type: 'refresh_token', refresh_token });
    await t.send('token', sent);
    return sent;
  }),
  token('a wider scope than was agreed to', async (t) => {
    const { refresh_token } = await t.tokens(t.clients.app);
    return by(t.clients.app, { grant_type: 'refresh_token', refresh_token, scope: 'read:users write:users' });
  }),

  // Authorization requests.
  authorize('no client_id', () => ({ client_id: undefined })),
  authorize('an unknown client_id', () => ({ client_id: 'nobody' })),
  authorize('client_id twice', (t) => ({ client_id: [t.clients.app.client_id, t.clients.app.client_id] })),
  authorize('an unregistered redirect_uri', () => ({ redirect_uri: 'https://app.example/other' })),
  authorize('a registered redirect_uri with more behind it', (t) => ({ redirect_uri: `${t.redirect_uri}?more=1` })),
  authorize('a redirect_uri that is none', () => ({ redirect_uri: 'not a uri' })),
  authorize('redirect_uri twice', (t) => ({ redirect_uri: [t.redirect_uri, t.redirect_uri] }), {
    nexus: { status: 400, page: true },
    without: ['error', 'state', 'issuer', 'inFragment'],
    because: 'RFC 6749 section 4.1.2.1: with a redirect_uri that is not valid nothing is sent anywhere',
  }),
  authorize('no response_type', () => ({ response_type: undefined })),
  authorize('an unknown response_type', () => ({ response_type: 'magic' })),
  authorize('the implicit grant', () => ({ response_type: 'token' })),
  authorize('a scope that the client does not have', () => ({ scope: 'write:users' }), {
    nexus: { status: 'redirect', error: 'invalid_scope', state: 'af0ifjsldkj', issuer: true, inFragment: false, stored: false },
    because: 'RFC 6749 section 4.1.2.1: oidc-provider leaves such a scope out and asks for the rest',
  }),
  authorize('scope twice', () => ({ scope: ['read:users', 'read:users'] })),
  authorize('state twice', () => ({ state: ['a', 'b'] })),
  authorize('plain', () => ({ code_challenge: verifier, code_challenge_method: 'plain' })),
  authorize('a challenge without a method', () => ({ code_challenge_method: undefined })),
  authorize('a method without a challenge', () => ({ code_challenge: undefined })),
  authorize('a challenge that is too short', () => ({ code_challenge: 'short' })),
  authorize('no challenge of a client that needs one', (t) => ({
    client_id: t.clients.public.client_id, code_challenge: undefined, code_challenge_method: undefined,
  })),
  authorize('a client that gets no codes', (t) => ({ client_id: t.clients.server.client_id })),
  authorize('request', () => ({ request: 'e30.e30.' })),

  // Revocation and introspection.
  ...[['revoke', unstored], ['introspect', undefined]].flatMap(([endpoint, differs]) => {
    const with_ = (more) => (differs ? both(differs, more) : more);
    return [
      neighbour(endpoint, 'a wrong secret', ({ clients: { app } }) => by(app, { token: 'x', client_secret: 'wrong' }), with_(challenged)),
      neighbour(endpoint, 'no client', () => ({ form: { token: 'x' } }), with_(unidentified)),
      neighbour(endpoint, 'no token', ({ clients: { app } }) => by(app, {}), differs),
      neighbour(endpoint, 'token twice', ({ clients: { app } }) => ({
        text: `token=x&${new URLSearchParams(by(app, { token: 'x' }).form)}`,
      }), differs),
      neighbour(endpoint, 'an unknown token', ({ clients: { app } }) => by(app, { token: 'unknown' }), differs),
      neighbour(endpoint, 'an unknown hint', ({ clients: { app } }) => by(app, { token: 'unknown', token_type_hint: 'magic' }), differs),
      neighbour(endpoint, 'GET', () => ({ method: 'GET' }), notAllowed),
      neighbour(endpoint, 'JSON', () => ({ text: '{"token":"x"}', headers: { 'content-type': 'application/json' } }), differs),
    ];
  }),
  neighbour('revoke', 'a token of another client', async (t) => {
    const { refresh_token } = await t.tokens(t.clients.app);
    return by(t.clients.other, { token: refresh_token });
  }, unstored),
  neighbour('introspect', 'a client that cannot prove who it is', ({ clients: { public: app } }) => by(app, { token: 'unknown' }), {
    nexus: { status: 401, error: 'invalid_client', challenge: 'Basic' },
    without: ['active'],
    because: 'RFC 7662 section 4: whoever asks has to prove who they are, so that nobody tries tokens out here',
  }),
];
