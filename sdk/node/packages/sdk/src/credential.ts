// The form of opaque credentials: a prefix, 33 base62 digits, and 6 of the CRC-32 of everything before them.

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY_DIGITS = 33;
const CHECKSUM_DIGITS = 6;

/**
 * Whether a text is this prefix with a body and the checksum that belongs to them. A typing error passes with a probability of 2⁻³².
 * Says nothing about whether such a credential exists.
 */
export function isWellFormed(text: string, prefix: string): boolean {
  const rest = text.slice(prefix.length);
  if (!text.startsWith(prefix) || rest.length !== BODY_DIGITS + CHECKSUM_DIGITS || !/^[0-9A-Za-z]*$/.test(rest)) {
    return false;
  }
  const digits = [...text.slice(-CHECKSUM_DIGITS)];
  const stated = digits.reduce((number, digit) => number * 62 + ALPHABET.indexOf(digit), 0);
  return crc32(Buffer.from(text.slice(0, -CHECKSUM_DIGITS))) === stated;
}

/** Whether a text has the shape of an opaque credential and the wrong checksum. */
export function isMistyped(text: string): boolean {
  const prefix = text.slice(0, -(BODY_DIGITS + CHECKSUM_DIGITS));
  return /^\w{1,23}_[0-9A-Za-z]{39}$/.test(text) && !isWellFormed(text, prefix);
}

/** CRC-32 (IEEE). node:zlib has it from Node 20.15 on. */
function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return (value ^ 0xffffffff) >>> 0;
}
