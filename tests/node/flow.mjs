// The flows of OAuth with openid-client, and the tokens under jose. Whoever starts it plays the browser: it is told where to
// send somebody, and tells where they were sent back to. One JSON object a line in both directions.

import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import * as jose from 'jose';
import * as oauth from 'openid-client';

const { issuer, app, server, redirect_uri, resource } = JSON.parse(process.argv[2]);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (message) => console.log(JSON.stringify(message));
const hear = async () => JSON.parse((await lines.next()).value);

// The metadata are those of RFC 8414.
const options = { algorithm: 'oauth2' };
const discover = (client_id, authentication) =>
  oauth.discovery(new URL(issuer), client_id, undefined, authentication, options);

assert.equal(new URL(issuer).protocol, 'https:');
const config = await discover(app.client_id, oauth.ClientSecretBasic(app.client_secret));
const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
const checked = (token) => jose.jwtVerify(token, keys, { issuer, audience: issuer, typ: 'at+jwt' });

const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
const expectedState = oauth.randomState();
const address = oauth.buildAuthorizationUrl(config, {
  redirect_uri,
  scope: 'read:users read:payments',
  code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: expectedState,
});
say({ send_to: address.href });
const { sent_back_to } = await hear();
const tokens = await oauth.authorizationCodeGrant(config, new URL(sent_back_to), { pkceCodeVerifier, expectedState });
assert.equal(tokens.expires_in, 3600);
assert.equal((await checked(tokens.access_token)).payload.client_id, app.client_id);

// The same with a request that is pushed before (RFC 9126).
const pushedState = oauth.randomState();
const pushed = await oauth.buildAuthorizationUrlWithPAR(config, {
  redirect_uri,
  scope: 'read:users',
  code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  state: pushedState,
});
assert.deepEqual([...pushed.searchParams.keys()].sort(), ['client_id', 'request_uri']);
say({ send_to: pushed.href });
const answered = new URL((await hear()).sent_back_to);
const forPushed = await oauth.authorizationCodeGrant(config, answered, { pkceCodeVerifier, expectedState: pushedState });
assert.equal((await checked(forPushed.access_token)).payload.scope, 'read:users');

const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token, { scope: 'read:users' });
assert.equal((await checked(refreshed.access_token)).payload.scope, 'read:users');
assert.equal((await oauth.tokenIntrospection(config, refreshed.access_token)).active, true);
await oauth.tokenRevocation(config, refreshed.refresh_token);
assert.equal((await oauth.tokenIntrospection(config, refreshed.access_token)).active, false);
await assert.rejects(oauth.refreshTokenGrant(config, refreshed.refresh_token), { error: 'invalid_grant' });

// Tokens that are bound to a key (RFC 9449), and the API behind a node.
const api = new URL(resource);
const asked = new Headers({ 'x-original-method': 'GET', 'x-original-uri': api.pathname });
for (const algorithm of ['ES256', 'Ed25519', 'RS256']) {
  const DPoP = oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair(algorithm));
  const state = oauth.randomState();
  const parameters = {
    redirect_uri,
    scope: 'read:users',
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state,
  };
  say({ send_to: (await oauth.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })).href });
  const back = new URL((await hear()).sent_back_to);
  const bound = await oauth.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState: state }, undefined, { DPoP });
  assert.equal(bound.token_type, 'dpop');
  const next = await oauth.refreshTokenGrant(config, bound.refresh_token, undefined, { DPoP });
  for (const { access_token } of [bound, next]) {
    const answer = await oauth.fetchProtectedResource(config, access_token, api, 'GET', undefined, asked, { DPoP });
    assert.equal(answer.status, 200);
    const told = await oauth.tokenIntrospection(config, access_token);
    assert.deepEqual([told.token_type, told.cnf.jkt], ['DPoP', await DPoP.calculateThumbprint()]);
    const asBearer = oauth.fetchProtectedResource(config, access_token, api, 'GET', undefined, asked);
    await assert.rejects(asBearer, ({ status, cause }) => status === 401 && cause[0].scheme === 'dpop');
  }
}

for (const authentication of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
  const own = await discover(server.client_id, authentication(server.client_secret));
  const token = await oauth.clientCredentialsGrant(own, { scope: 'read:users' });
  assert.equal((await checked(token.access_token)).payload.sub, server.client_id);
}

for (const [algorithm, parameters] of [
  ['ES256', { name: 'ECDSA', namedCurve: 'P-256' }],
  ['EdDSA', { name: 'Ed25519' }],
]) {
  const pair = await crypto.subtle.generateKey(parameters, true, ['sign', 'verify']);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
  say({ register: { kty, crv, x, ...(y && { y }), kid: algorithm } });
  const { client_id } = await hear();
  const signing = await discover(client_id, oauth.PrivateKeyJwt({ key: pair.privateKey, kid: algorithm }));
  const token = await oauth.clientCredentialsGrant(signing, {});
  assert.equal((await checked(token.access_token)).payload.sub, client_id);
  const other = await crypto.subtle.generateKey(parameters, true, ['sign', 'verify']);
  const forged = await discover(client_id, oauth.PrivateKeyJwt({ key: other.privateKey, kid: algorithm }));
  await assert.rejects(oauth.clientCredentialsGrant(forged, {}), { status: 401 });
}

say({ done: true });
process.exit(0);
