export { OAuthError } from "./error.js";
export { type AuthorizationRequest, NexusOAuth, type NexusOAuthOptions } from "./oauth.js";
export { codeChallenge, createCodeVerifier } from "./pkce.js";
export type { Introspection, Tokens } from "./tokens.js";
export { NetworkError, type TransportOptions } from "./transport.js";
