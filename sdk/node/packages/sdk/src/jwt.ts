// Service tokens: JWTs (RFC 7519) that a tenant signs with a secret of its own, by HS256.

import { createHmac, randomUUID } from "node:crypto";

const LONGEST_SECONDS = 24 * 60 * 60;
/** Bytes that a secret has at least: as many as the digest (RFC 7518 section 3.2). */
const SHORTEST_SECRET = 32;

/** How a service token is made. */
export interface GenerateJwtOptions {
  /** Seconds that it lives, 1 to 86400; 3600 where left out. */
  expiresIn?: number | undefined;
  /** The id of a secret that the tenant brought, which does not name it. */
  keyId?: string | undefined;
  /** Its `jti`; a random one where left out. */
  tokenId?: string | undefined;
  /** The time, in milliseconds since 1970. */
  now?: number | undefined;
}

/**
 * A token for authentication between services: these claims, with `iat`, `exp` and `jti` added.
 *
 * @param secret The tenant's signing secret, `nxjs_…`.
 * @throws TypeError where the secret or the lifetime is none, or the claims hold one of those that are added.
 */
export function generateJwt(secret: string, claims: Record<string, unknown>, options: GenerateJwtOptions = {}): string {
  const { expiresIn = 3600, tokenId = randomUUID(), now = Date.now() } = options;
  if (Buffer.byteLength(secret) < SHORTEST_SECRET) throw new TypeError(`the secret is too short: ${SHORTEST_SECRET} bytes at least`);
  const kid = options.keyId ?? keyIdOf(secret);
  if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > LONGEST_SECONDS) {
    throw new TypeError(`expiresIn is 1 to ${LONGEST_SECONDS} seconds`);
  }
  const ours = ["iat", "exp", "jti"].filter((name) => name in claims);
  if (ours.length > 0) throw new TypeError(`leave ${ours.join(", ")} out of the claims: they are set here, exp by expiresIn`);
  const iat = Math.floor(now / 1000);
  const signed = `${encoded({ alg: "HS256", typ: "JWT", kid })}.${encoded({ ...claims, iat, exp: iat + expiresIn, jti: tokenId })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** The id in a secret of the form `nxjs_<id>_<random>`, by which Nexus finds it. */
function keyIdOf(secret: string): string {
  const id = /^nxjs_([0-9A-Za-z-]{1,64})_[0-9A-Za-z_-]+$/.exec(secret)?.[1];
  if (id === undefined) throw new TypeError("the secret names no id, as nxjs_<id>_… does: a secret of your own needs keyId as well");
  return id;
}

function encoded(value: Record<string, unknown>): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
