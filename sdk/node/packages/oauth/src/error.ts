import type { Answer } from "./transport.js";

/** A refusal of the authorization server (RFC 6749 sections 4.1.2.1 and 5.2). */
export class OAuthError extends Error {
  override readonly name = "OAuthError";
  /** Why, for programs: `invalid_grant`, `invalid_client`, `access_denied`, … */
  readonly error: string;
  /** Why, for people. */
  readonly description: string | undefined;
  /** The HTTP status; undefined where the refusal came with the user's browser. */
  readonly status: number | undefined;

  constructor(error: string, description?: string, status?: number) {
    super(description === undefined ? error : `${error}: ${description}`);
    this.error = error;
    this.description = description;
    this.status = status;
  }

  /** Out of an answer that is no success. */
  static of(answer: Answer): OAuthError {
    const body = parsed(answer.text);
    const error = text(body["error"]) ?? text(body["code"]) ?? "invalid_response";
    const description = text(body["error_description"]) ?? text(body["detail"]) ?? `status ${answer.status}`;
    return new OAuthError(error, description, answer.status);
  }
}

/** The members of a JSON object; none where the text is something else. */
export function parsed(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
