// Requests over `fetch` with an end to every wait, repeated where that is safe. What @nexus/oauth and @nexus/sdk share.

/** How requests are sent. */
export interface TransportOptions {
  /** Where Nexus is. Where left out: the variable `NEXUS_URL`, else `https://api.nexus.dev`. */
  baseUrl?: string | undefined;
  /** The most milliseconds that one attempt may take, the answer's body included; 10000 where left out. */
  timeoutMs?: number | undefined;
  /** How often a request is repeated at most; 2 where left out. */
  retries?: number | undefined;
}

/** A request that is to be sent. */
export interface Request {
  method: string;
  /** The address, below the base. */
  path: string;
  headers: Record<string, string>;
  body?: string | undefined;
  /** Whether it may happen twice. If not, it is only repeated where it did not happen: it was refused with 429, or never sent. */
  repeatable: boolean;
  /** Whether an answer that arrived is no answer yet, and how long to wait, as `Retry-After` has it. */
  unsettled?: ((answer: Answer) => { retryAfter?: string | null | undefined } | undefined) | undefined;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** What came back. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** Nexus could not be reached, or did not answer in time. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  /** Whether the request may have arrived all the same. */
  readonly sent: boolean;

  constructor(message: string, sent: boolean, cause: unknown) {
    super(message, { cause });
    this.sent = sent;
  }
}

const TIMEOUT_MS = 10_000;
const RETRIES = 2;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** Whoever is told to wait for longer learns so at once. */
const LONGEST_RETRY_AFTER_MS = 30_000;
const PASSING = new Set([408, 429, 500, 502, 503, 504]);
/** What fails before anything is sent. */
const UNSENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

/** Sends requests to one Nexus. */
export class Transport {
  readonly baseUrl: string;
  readonly #timeoutMs: number;
  readonly #retries: number;

  constructor(options: TransportOptions = {}) {
    this.baseUrl = base(options.baseUrl ?? process.env["NEXUS_URL"] ?? "https://api.nexus.dev");
    this.#timeoutMs = atLeast(1, "timeoutMs", options.timeoutMs ?? TIMEOUT_MS);
    this.#retries = atLeast(0, "retries", options.retries ?? RETRIES);
  }

  /**
   * Gives the last answer, whatever its status.
   *
   * @throws NetworkError where no attempt brought one; the signal's reason where it was aborted.
   */
  async send(request: Request): Promise<Answer> {
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#attempt(request);
      const pause = attempt < this.#retries ? repetition(request, outcome, attempt) : undefined;
      if (pause === undefined) {
        if (outcome instanceof NetworkError) throw outcome;
        return outcome;
      }
      await sleep(pause, request.signal);
    }
  }

  async #attempt(request: Request): Promise<Answer | NetworkError> {
    const { signal } = request;
    signal?.throwIfAborted();
    const limit = new AbortController();
    const milliseconds = request.timeoutMs ?? this.#timeoutMs;
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
    const giveUp = (): void => limit.abort(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      const response = await fetch(this.baseUrl + request.path, {
        method: request.method,
        headers: request.headers,
        // A credential goes where it was sent and nowhere else.
        redirect: "manual",
        signal: limit.signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      signal?.throwIfAborted();
      const reason = limit.signal.aborted ? limit.signal.reason : error;
      const { code, message } = root(reason);
      const place = `${request.method} ${this.baseUrl}${request.path.split("?")[0]}`;
      return new NetworkError(`${place}: ${code ?? message}`, code === undefined || !UNSENT.has(code), reason);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }
}

/** How many milliseconds to wait before a further attempt; undefined: there is none. */
function repetition(request: Request, outcome: Answer | NetworkError, attempt: number): number | undefined {
  if (outcome instanceof NetworkError) {
    return request.repeatable || !outcome.sent ? pauseMs(attempt, undefined) : undefined;
  }
  const unsettled = request.unsettled?.(outcome);
  const again = unsettled !== undefined || (PASSING.has(outcome.status) && (request.repeatable || outcome.status === 429));
  if (!again) return undefined;
  return pauseMs(attempt, unsettled?.retryAfter ?? outcome.headers.get("retry-after"));
}

/**
 * Exponential backoff with full jitter, on top of what the server asks for. Undefined where that is more than 30 s.
 *
 * @param attempt 0 for the first repetition.
 * @param retryAfter The header `Retry-After` (RFC 9110 section 10.2.3): seconds or a date.
 */
export function pauseMs(
  attempt: number,
  retryAfter: string | null | undefined,
  { random = Math.random, now = Date.now }: { random?: () => number; now?: () => number } = {},
): number | undefined {
  const asked = retryAfterMs(retryAfter, now());
  if (asked > LONGEST_RETRY_AFTER_MS) return undefined;
  return asked + random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
}

function retryAfterMs(value: string | null | undefined, now: number): number {
  const text = value?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

/** The system's code of an error, or that of what caused it, and what was the matter in the end. */
function root(error: unknown): { code?: string; message: string } {
  let message = String(error);
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") return { code: at.code, message };
    message = at.message;
  }
  return { message };
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
    return undefined;
  });
}

function base(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError("baseUrl is no address: write it as https://…");
  }
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new TypeError("baseUrl is http:// or https://, a host and at most a path");
  }
  return url.href.replace(/\/+$/, "");
}

function atLeast(least: number, name: string, value: number): number {
  if (!Number.isInteger(value) || value < least) throw new TypeError(`${name} is a whole number, at least ${least}`);
  return value;
}
