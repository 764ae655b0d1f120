/** Settings of one call. */
export interface CallOptions {
  /** Under which a POST happens once, however often it is sent. Where left out, each call has one of its own. */
  idempotencyKey?: string | undefined;
  /** The most milliseconds that one attempt may take. */
  timeoutMs?: number | undefined;
  /** Ends the call. */
  signal?: AbortSignal | undefined;
}

export type Query = Record<string, string | number | boolean | undefined>;

export type Sender = <Answer>(
  method: string,
  path: string,
  parts: { body?: unknown; query?: Query },
  options: CallOptions,
) => Promise<Answer>;

/** A part of a path. `.` and `..` would lead to another operation, and an empty part to a list. */
export function inPath(part: string): string {
  if (part === "" || part === "." || part === "..") throw new TypeError(`an id is missing: got "${part}"`);
  return encodeURIComponent(part);
}
