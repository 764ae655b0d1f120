// Routes of Express that need a credential: `app.get("/v1/users", requireScope("read:users", { client, dialect: "nexus" }), …)`.

import type { Request, RequestHandler, Response } from "express";

import type { AcceptedVerdict, NexusClient, RejectedVerdict } from "./client.js";

declare global {
  namespace Express {
    interface Request {
      /** Whose request it is, behind `requireScope`. */
      nexus?: AcceptedVerdict;
    }
  }
}

/** What is needed of the credential besides scopes. */
export interface Protection {
  /** Asks, with a token that has the scope `verify`. */
  client: NexusClient;
  /** The product that the route belongs to: how callers send credentials, and how they are refused. */
  dialect: string;
  /** The environment that is served, such as `live`. Where left out, credentials of any are accepted. */
  environment?: string | undefined;
  /** What the request touches, by the dialect's restrictions. */
  restrictions?: ((request: Request) => Record<string, string>) | undefined;
}

/**
 * Lets requests through whose credential has all these scopes, with the verdict as `request.nexus`. Others get the product's own
 * refusal. Where Nexus cannot be asked, the request ends with an error of status 503.
 *
 * The caller's address is `request.ip`: behind a proxy, set Express's `trust proxy`.
 */
export function requireScope(scopes: string | readonly string[], protection: Protection): RequestHandler {
  const { client, dialect, environment, restrictions } = protection;
  const required_scopes = typeof scopes === "string" ? [scopes] : [...scopes];
  return (request, response, next) => {
    const question = {
      dialect,
      required_scopes,
      headers: headersOf(request),
      method: request.method,
      path: request.originalUrl.split("?")[0] ?? "/",
      ...defined("ip", request.ip),
      ...defined("environment", environment),
      ...defined("restrictions", restrictions?.(request)),
      ...defined("request_id", request.get("x-request-id")),
      ...defined("client_version", request.get("x-client-version")),
    };
    client.verify(question).then((verdict) => {
      if (verdict.valid) {
        request.nexus = verdict;
        next();
      } else {
        refuse(response, verdict);
      }
    }, (error: unknown) => next(new Unchecked(error)));
  };
}

/** The credential could not be checked, which says nothing about it. The caller is told no more than that: the cause is ours. */
class Unchecked extends Error {
  override readonly name = "Unchecked";
  /** For Express, which answers with it. */
  readonly status = 503;

  constructor(cause: unknown) {
    super("the credential cannot be checked just now", { cause });
  }
}

/** Every header but cookies, which no dialect reads. One that came twice is joined (RFC 9110 section 5.3), and so no credential any more. */
function headersOf(request: Request): Record<string, string> {
  const all = Object.entries(request.headersDistinct).filter(([name, values]) => name !== "cookie" && values !== undefined);
  return Object.fromEntries(all.map(([name, values]) => [name, (values ?? []).join(", ")]));
}

function refuse(response: Response, verdict: RejectedVerdict): void {
  const { status, headers, body } = verdict.response;
  response.status(status);
  // Neither `set` nor `json`, which would give the content type a charset that the product's has not.
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(typeof body === "string" ? body : body === null ? "" : JSON.stringify(body));
}

function defined<Name extends string, Value>(name: Name, value: Value | undefined): { [Key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [Key in Name]?: Value });
}
