// Signatures of webhooks: the header `X-Nexuscore-Signature: t=<unix seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of
// "<t>.<payload>" with the shared secret. While a secret is being replaced there is a v1 for each.

import { createHmac, timingSafeEqual } from "node:crypto";

const TOLERANCE_SECONDS = 300;

/** Why a webhook is not to be trusted. */
export type SignatureFault = "missing" | "malformed" | "mismatch" | "too_old" | "too_new";

/** The webhook was not signed with the secret, or not just now. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";

  constructor(
    /** Why, for programs. */
    readonly fault: SignatureFault,
    message: string,
  ) {
    super(message);
  }
}

/** How a signature is checked. */
export interface VerifyWebhookOptions {
  /** By how many seconds the signature's time may differ from now; 300 where left out. */
  tolerance?: number | undefined;
  /** The time, in milliseconds since 1970. */
  now?: number | undefined;
}

/**
 * Returns when the payload was signed with the secret within the last minutes, and throws otherwise.
 *
 * @param payload The request's body as it arrived. Parsed and written anew it is another text with another signature.
 * @param header The header `X-Nexuscore-Signature`.
 * @throws SignatureError
 */
export function verifyWebhook(
  payload: string | Uint8Array,
  header: string | undefined | null,
  secret: string,
  options: VerifyWebhookOptions = {},
): void {
  if (typeof payload !== "string" && !(payload instanceof Uint8Array)) {
    throw new TypeError("payload is the body as it arrived, before it is parsed: a text or bytes");
  }
  const { time, signatures } = parts(header);
  const expected = digest(time, payload, secret);
  // All are compared, so that the time taken tells nothing about which one fits.
  const fitting = signatures.filter((signature) => timingSafeEqual(signature, expected));
  if (fitting.length === 0) throw new SignatureError("mismatch", "no signature belongs to this payload and secret");
  const age = Math.floor((options.now ?? Date.now()) / 1000) - Number(time);
  const tolerance = options.tolerance ?? TOLERANCE_SECONDS;
  if (age > tolerance) throw new SignatureError("too_old", `signed ${age} s ago, and ${tolerance} s are allowed`);
  if (age < -tolerance) throw new SignatureError("too_new", `signed ${-age} s in the future: is this machine's clock right?`);
}

/**
 * The header for a payload: what Nexus sends, for tests of a receiver.
 *
 * @param secrets Two while a secret is being replaced.
 * @param options `timestamp` in seconds since 1970; now where left out.
 */
export function signWebhook(
  payload: string | Uint8Array,
  secrets: string | readonly string[],
  options: { timestamp?: number | undefined } = {},
): string {
  const time = String(options.timestamp ?? Math.floor(Date.now() / 1000));
  const all = typeof secrets === "string" ? [secrets] : secrets;
  return [`t=${time}`, ...all.map((secret) => `v1=${digest(time, payload, secret).toString("hex")}`)].join(",");
}

function digest(time: string, payload: string | Uint8Array, secret: string): Buffer {
  if (secret === "") throw new TypeError("the secret is empty: anybody could sign with it");
  return createHmac("sha256", secret).update(`${time}.`).update(payload).digest();
}

/** The time as it is written, since that is what was signed, and the signatures of the one form that is known. */
function parts(header: string | undefined | null): { time: string; signatures: Buffer[] } {
  if (!header) throw new SignatureError("missing", "there is no signature");
  const pairs = header.split(",").map((part) => part.trim().split("=", 2));
  const values = (name: string): string[] => pairs.filter((pair) => pair[0] === name).map((pair) => pair[1] ?? "");
  const [time, ...further] = values("t");
  const signatures = values("v1").filter((value) => /^[0-9a-f]{64}$/.test(value));
  if (time === undefined || further.length > 0 || !/^\d{1,12}$/.test(time) || signatures.length === 0) {
    throw new SignatureError("malformed", "not t=<unix seconds>,v1=<64 hexadecimal digits>");
  }
  return { time, signatures: signatures.map((value) => Buffer.from(value, "hex")) };
}
