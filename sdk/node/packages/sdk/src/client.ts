import { randomUUID } from "node:crypto";

import { type Answer, Transport, type TransportOptions } from "@nexus/oauth/transport";

import { isMistyped } from "./credential.js";
import { ApiError, object } from "./errors.js";
import { type Accepted, Management, type Rejected, type VerifyBody } from "./management.js";
import type { CallOptions, Query } from "./sender.js";

/** How Nexus is reached. */
export interface NexusClientOptions extends TransportOptions {
  /** A management credential, `nxm_…`. Where left out: the variable `NEXUS_TOKEN`. */
  token?: string | undefined;
}

/** A credential that may do what was asked. */
export type AcceptedVerdict = Accepted & { valid: true };
/** One that may not; `response` is what the product tells the outside. */
export type RejectedVerdict = Rejected & { valid: false };
/** Whether a credential may do something. */
export type Verdict = AcceptedVerdict | RejectedVerdict;

/**
 * Nexus: the management interface, and the question whether a credential may do something.
 *
 * What is safe to repeat is repeated, with growing, random pauses: reading, `verify`, and every POST, since it carries an idempotency
 * key. What changes something without one is repeated only where it certainly did not happen.
 */
export class NexusClient extends Management {
  readonly #transport: Transport;
  readonly #token: string;

  constructor(options: NexusClientOptions = {}) {
    super();
    const token = options.token ?? process.env["NEXUS_TOKEN"];
    if (!token) throw new TypeError("token is missing: give a management credential, or set NEXUS_TOKEN");
    if (!/^[\x21-\x7e]+$/.test(token)) throw new TypeError("token has a space or a line break: give it without");
    if (isMistyped(token)) throw new TypeError("token has a typing error: its checksum is wrong");
    this.#token = token;
    this.#transport = new Transport(options);
  }

  /**
   * Whether a credential may do something. Needs a token with the scope `verify`, on an API node or a validating node.
   *
   * @param question A credential, or the request's own headers with their dialect, and what is needed.
   * @returns The verdict. `UNAVAILABLE` is none: it is asked again, and given only where every attempt ended so.
   * @throws ApiError where the question is wrong; NetworkError where nobody answered. Neither says that the credential is valid.
   */
  async verify(question: string | VerifyBody, options: CallOptions = {}): Promise<Verdict> {
    const asked = typeof question === "string" ? { credential: question } : question;
    const answer = await this.#exchange("POST", "/v1/verify", JSON.stringify(asked), undefined, options, undecided);
    const verdict = object(answer.text);
    if (typeof verdict["valid"] !== "boolean") throw ApiError.of(answer);
    return verdict as unknown as Verdict;
  }

  protected readonly send = async <Result>(
    method: string,
    path: string,
    parts: { body?: unknown; query?: Query },
    options: CallOptions,
  ): Promise<Result> => {
    const body = parts.body === undefined ? undefined : JSON.stringify(parts.body);
    const key = method === "POST" ? (options.idempotencyKey ?? randomUUID()) : undefined;
    // An answer that is asked to wait for an event may take that much longer.
    const wait = Number(parts.query?.["wait"] ?? 0) * 1000;
    const timeoutMs = options.timeoutMs ?? (wait > 0 ? wait + 10_000 : undefined);
    const answer = await this.#exchange(method, path + search(parts.query), body, key, { ...options, timeoutMs }, running);
    if (answer.text === "") return undefined as Result;
    try {
      return JSON.parse(answer.text) as Result;
    } catch {
      // A page of something between here and Nexus.
      throw ApiError.of(answer);
    }
  };

  async #exchange(
    method: string,
    path: string,
    body: string | undefined,
    idempotencyKey: string | undefined,
    options: CallOptions,
    unsettled: (answer: Answer) => { retryAfter?: string | undefined } | undefined,
  ): Promise<Answer> {
    const headers: Record<string, string> = { accept: "application/json", authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (idempotencyKey !== undefined) headers["idempotency-key"] = idempotencyKey;
    const answer = await this.#transport.send({
      method,
      path,
      headers,
      body,
      repeatable: method === "GET" || idempotencyKey !== undefined || path === "/v1/verify",
      unsettled,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
    });
    if (answer.status < 200 || answer.status > 299) throw ApiError.of(answer);
    return answer;
  }
}

/** A node that may not answer just now has said nothing about the credential. */
function undecided(answer: Answer): { retryAfter?: string | undefined } | undefined {
  const verdict = answer.status === 200 ? object(answer.text) : {};
  if (verdict["code"] !== "UNAVAILABLE") return undefined;
  return { retryAfter: (verdict as Partial<Rejected>).response?.headers["retry-after"] };
}

/** The first request with this idempotency key has not ended. */
function running(answer: Answer): object | undefined {
  return answer.status === 409 && object(answer.text)["code"] === "request_in_flight" ? {} : undefined;
}

function search(query: Query = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? "" : `?${given}`;
}
