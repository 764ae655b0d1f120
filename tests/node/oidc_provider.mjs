// oidc-provider beside Nexus, with the same clients: what it answers to bad requests is what others expect.

import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import Provider from 'oidc-provider';

// Its notes are not for whoever reads the answers on stdout.
console.info = console.warn = () => {};

const scopes = ['read:users', 'read:payments'];

// Starts it on loopback. `clients` are by name: {client_id, client_secret, type, redirect_uri, by}, `by` being the way in which the
// client proves who it is, of which it has one alone here.
export async function start(clients) {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: Object.values(clients).map(metadata),
    claims: {},
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    scopes: [...scopes, 'offline_access'],
    responseTypes: ['code'],
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    // As for RFC 9700 section 2.1.1: what proves nothing has to bring a challenge.
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' },
    renderError: (ctx) => {
      ctx.type = 'html';
      ctx.body = 'an error';
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => client.clientId === token.clientId },
    },
  });
  server.on('request', provider.callback());
  return {
    issuer,
    stop: () => server.close(),
    // A code that somebody agreed to. The pages before it are each server's own.
    async code(client, challenge) {
      const accountId = 'ada';
      const grant = new provider.Grant({ accountId, clientId: client.client_id });
      grant.addOIDCScope(scopes.join(' '));
      const code = new provider.AuthorizationCode({
        accountId,
        client: await provider.Client.find(client.client_id),
        grantId: await grant.save(),
        gty: 'authorization_code',
        redirectUri: client.redirect_uri,
        scope: scopes.join(' '),
        ...(challenge && { codeChallenge: challenge, codeChallengeMethod: 'S256' }),
        authTime: Math.floor(Date.now() / 1000),
        sessionUid: randomBytes(8).toString('hex'),
      });
      return code.save();
    },
  };
}

function metadata({ client_id, client_secret, type, redirect_uri, by }) {
  const app = type === 'app';
  return {
    client_id,
    ...(client_secret && { client_secret }),
    token_endpoint_auth_method: by,
    grant_types: app ? ['authorization_code', 'refresh_token'] : ['client_credentials'],
    response_types: app ? ['code'] : [],
    redirect_uris: app ? [redirect_uri] : [],
    scope: scopes.join(' '),
  };
}
