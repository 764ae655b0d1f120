import type { Answer } from "@nexus/oauth/transport";

import type { FieldError } from "./management.js";

/** A request that was refused (RFC 9457). */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** The kind, for programs. */
    readonly code: string,
    /** This occurrence, for people. */
    readonly detail: string,
    /** What is wrong with the fields. */
    readonly errors: FieldError[],
    /** The request's id, by which the server's log and audit trail are searched. */
    readonly requestId: string | undefined,
  ) {
    super(`${code}: ${detail}`);
  }

  /** Out of an answer that is no success. */
  static of(answer: Answer): ApiError {
    const body = object(answer.text);
    const text = (name: string): string | undefined => (typeof body[name] === "string" ? body[name] : undefined);
    return new ApiError(
      answer.status,
      text("code") ?? "unexpected_answer",
      text("detail") ?? `status ${answer.status}`,
      Array.isArray(body["errors"]) ? (body["errors"] as FieldError[]) : [],
      text("request_id") ?? answer.headers.get("x-request-id") ?? undefined,
    );
  }
}

/** The members of a JSON object; none where the text is something else. */
export function object(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
