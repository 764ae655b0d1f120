import { OAuthError, parsed } from "./error.js";
import type { Answer } from "./transport.js";

/** What a token request gives (RFC 6749 section 5.1). */
export interface Tokens {
  /** Sent as `Authorization: Bearer …`. */
  accessToken: string;
  /** Always `Bearer`. */
  tokenType: string;
  /** How many seconds the access token lives. */
  expiresIn: number;
  /** When it ends, by this machine's clock. */
  expiresAt: Date;
  /** Gives new tokens without the user. Absent for client credentials. */
  refreshToken?: string;
  /** What was granted, which may be less than what was asked for. */
  scope: string[];
}

/** What is known of a token (RFC 7662 section 2.2); `active` alone where it is not active. */
export interface Introspection {
  active: boolean;
  scope: string[];
  [claim: string]: unknown;
}

export function readTokens(answer: Answer): Tokens {
  const body = parsed(answer.text);
  const { access_token: accessToken, token_type: tokenType, expires_in: expiresIn, refresh_token: refreshToken } = body;
  const understood =
    typeof accessToken === "string" &&
    typeof tokenType === "string" &&
    tokenType.toLowerCase() === "bearer" &&
    typeof expiresIn === "number";
  if (!understood) throw new OAuthError("invalid_response", "the answer holds no bearer token", answer.status);
  return {
    accessToken,
    tokenType,
    expiresIn,
    expiresAt: new Date(Date.now() + expiresIn * 1000),
    ...(typeof refreshToken === "string" ? { refreshToken } : {}),
    scope: scopes(body["scope"]),
  };
}

export function readIntrospection(answer: Answer): Introspection {
  const body = parsed(answer.text);
  if (typeof body["active"] !== "boolean") {
    throw new OAuthError("invalid_response", "the answer does not say whether the token is active", answer.status);
  }
  return { ...body, active: body["active"], scope: scopes(body["scope"]) };
}

function scopes(value: unknown): string[] {
  return typeof value === "string" ? value.split(" ").filter((scope) => scope !== "") : [];
}
