import { timingSafeEqual } from "node:crypto";

import { OAuthError } from "./error.js";
import { codeChallenge, requireCodeVerifier } from "./pkce.js";
import { type Introspection, type Tokens, readIntrospection, readTokens } from "./tokens.js";
import { type Answer, Transport, type TransportOptions } from "./transport.js";

/** A client of Nexus's authorization server. */
export interface NexusOAuthOptions extends TransportOptions {
  /** The client's public id. */
  clientId: string | undefined;
  /** Its secret; left out for a public client, which needs a code verifier instead. */
  clientSecret?: string | undefined;
  /** Where users come back to, as it is registered, byte for byte. Client credentials need none. */
  redirectUri?: string | undefined;
}

/** What users are asked for. */
export interface AuthorizationRequest {
  /** The scopes that the application needs. */
  scope: readonly string[];
  /** A random text that comes back with the code. Keep it in the user's session and compare it: `codeFromCallback` does. */
  state: string;
  /** A verifier for PKCE, from `createCodeVerifier()`. Give the same one to `exchangeCode`. */
  codeVerifier?: string | undefined;
}

/** OAuth 2.0 with Nexus (RFC 6749, RFC 7009, RFC 7636, RFC 7662). */
export class NexusOAuth {
  readonly #transport: Transport;
  readonly #clientId: string;
  readonly #clientSecret: string | undefined;
  readonly #redirectUri: string | undefined;

  constructor(options: NexusOAuthOptions) {
    if (!options.clientId) throw new TypeError("clientId is missing: it is shown where the client was registered");
    if (options.clientSecret === "") throw new TypeError("clientSecret is empty: leave it out for a public client");
    this.#transport = new Transport(options);
    this.#clientId = options.clientId;
    this.#clientSecret = options.clientSecret;
    this.#redirectUri = options.redirectUri;
  }

  /** The address to send the user's browser to. The user sees every scope and consents or not. */
  getAuthorizationUrl(request: AuthorizationRequest): string {
    const { scope, state, codeVerifier } = request;
    if (!state) throw new TypeError("state is missing: give a random text, and compare it when the user comes back");
    this.#requireProof(codeVerifier);
    const query = new URLSearchParams({
      response_type: "code",
      client_id: this.#clientId,
      redirect_uri: this.#whereTo(),
      scope: scope.join(" "),
      state,
    });
    if (codeVerifier !== undefined) {
      query.set("code_challenge", codeChallenge(codeVerifier));
      query.set("code_challenge_method", "S256");
    }
    return `${this.#transport.baseUrl}/oauth/authorize?${query}`;
  }

  /**
   * The code in the address that the user came back to.
   *
   * @param url The request's address; its path and query are enough.
   * @param expected The state in the user's session.
   * @throws OAuthError where the user or Nexus refused, and where the state is another one: the answer is to somebody else's question.
   */
  codeFromCallback(url: string | URL, expected: { state: string | undefined }): string {
    const query = new URL(url, "http://localhost").searchParams;
    if (!expected.state || !same(query.get("state") ?? "", expected.state)) {
      throw new OAuthError("state_mismatch", "the state is not the one of this session: begin again");
    }
    const error = query.get("error");
    if (error !== null) throw new OAuthError(error, query.get("error_description") ?? undefined);
    const [code, ...further] = query.getAll("code");
    if (!code || further.length > 0) throw new OAuthError("invalid_response", "there is neither one code nor an error");
    return code;
  }

  /**
   * Exchanges a code for tokens. A code works once, and a second use revokes what the first one gave: this is sent once, unless it
   * certainly did not arrive.
   *
   * @throws OAuthError where Nexus refuses, such as `invalid_grant` for a code that is too old or was used; NetworkError.
   */
  async exchangeCode(code: string, options: { codeVerifier?: string | undefined } = {}): Promise<Tokens> {
    const { codeVerifier } = options;
    this.#requireProof(codeVerifier);
    if (codeVerifier !== undefined) requireCodeVerifier(codeVerifier);
    const form = { grant_type: "authorization_code", code, redirect_uri: this.#whereTo(), code_verifier: codeVerifier };
    return readTokens(await this.#post("/oauth/token", form, false));
  }

  /**
   * Exchanges a refresh token for new tokens. Store the new refresh token: the old one is used up, and using it again revokes all of
   * the user's tokens. This is sent once, unless it certainly did not arrive.
   *
   * @param options `scope` asks for less than was granted.
   */
  async refresh(refreshToken: string, options: { scope?: readonly string[] | undefined } = {}): Promise<Tokens> {
    const form = { grant_type: "refresh_token", refresh_token: refreshToken, scope: options.scope?.join(" ") };
    return readTokens(await this.#post("/oauth/token", form, false));
  }

  /** Tokens for the client itself (RFC 6749 section 4.4), without a user. When they expire, ask again. */
  async clientCredentials(options: { scope?: readonly string[] | undefined } = {}): Promise<Tokens> {
    if (this.#clientSecret === undefined) throw new TypeError("client credentials need a clientSecret");
    const form = { grant_type: "client_credentials", scope: options.scope?.join(" ") };
    return readTokens(await this.#post("/oauth/token", form, true));
  }

  /** Revokes an access token, or a refresh token with all that came of it. A token that is unknown or revoked is no error. */
  async revoke(token: string, options: { hint?: "access_token" | "refresh_token" | undefined } = {}): Promise<void> {
    await this.#post("/oauth/revoke", { token, token_type_hint: options.hint }, true);
  }

  /** Whether a token is active, and what it may do. */
  async introspect(token: string): Promise<Introspection> {
    return readIntrospection(await this.#post("/oauth/introspect", { token }, true));
  }

  /** Sends a form as this client. */
  async #post(path: string, form: Record<string, string | undefined>, repeatable: boolean): Promise<Answer> {
    const given = Object.entries(form).filter((pair): pair is [string, string] => pair[1] !== undefined);
    const body = new URLSearchParams(given);
    const headers: Record<string, string> = {
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
    };
    if (this.#clientSecret === undefined) {
      body.set("client_id", this.#clientId);
    } else {
      // Each is form-encoded first (RFC 6749 section 2.3.1), as a colon may be in either.
      const pair = `${formEncoded(this.#clientId)}:${formEncoded(this.#clientSecret)}`;
      headers["authorization"] = `Basic ${Buffer.from(pair).toString("base64")}`;
    }
    const answer = await this.#transport.send({ method: "POST", path, headers, body: body.toString(), repeatable });
    if (answer.status !== 200) throw OAuthError.of(answer);
    return answer;
  }

  #requireProof(codeVerifier: string | undefined): void {
    if (this.#clientSecret === undefined && codeVerifier === undefined) {
      throw new TypeError("without a clientSecret a codeVerifier is needed: make one with createCodeVerifier()");
    }
  }

  #whereTo(): string {
    if (!this.#redirectUri) throw new TypeError("redirectUri is missing: it is one of those that the client was registered with");
    return this.#redirectUri;
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
