// oidc-provider with what token-issue asks for: client credentials, and access tokens that are JWTs (RFC 9068) for one
// resource (RFC 8707). Its store is its own adapter in memory. Prints where it listens, and its client, as a line of JSON.

import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import Provider from 'oidc-provider';

const resource = 'https://api.example/';
const client = { client_id: 'measured', client_secret: randomBytes(32).toString('hex') };
const scope = 'read:users write:users';

function jwk(type, options, more) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', ...more };
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    clients: [{
      ...client,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope,
      token_endpoint_auth_method: 'client_secret_post',
      // It signs nothing for this client but access tokens.
      id_token_signed_response_alg: 'EdDSA',
    }],
    clientAuthMethods: ['client_secret_post'],
    jwks: { keys: [jwk('ed25519', {}, { alg: 'EdDSA' })] },
    scopes: scope.split(' '),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope, accessTokenFormat: 'jwt', accessTokenTTL: 3600, jwt: { sign: { alg: 'EdDSA' } } }),
      },
    },
    ttl: { ClientCredentials: 3600 },
  });
  server.on('request', provider.callback());
  console.log(JSON.stringify({ url, ...client, resource }));
});
process.on('SIGTERM', () => process.exit(0));
