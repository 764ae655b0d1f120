// Proof Key for Code Exchange (RFC 7636), by which a stolen code is worth nothing.

import { createHash, randomBytes } from "node:crypto";

/** A new verifier: 43 characters that hold 256 random bits. Keep it in the user's session until the code comes. */
export function createCodeVerifier(): string {
  return randomBytes(32).toString("base64url");
}

/**
 * What of the verifier goes to the authorization endpoint, by the method S256 (section 4.2).
 *
 * @throws TypeError where the verifier is not 43 to 128 unreserved characters.
 */
export function codeChallenge(verifier: string): string {
  requireCodeVerifier(verifier);
  return createHash("sha256").update(verifier, "ascii").digest("base64url");
}

/** Refuses what is no verifier (section 4.1). */
export function requireCodeVerifier(verifier: string): void {
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) {
    throw new TypeError("codeVerifier is 43 to 128 letters, digits and -._~: make one with createCodeVerifier()");
  }
}
