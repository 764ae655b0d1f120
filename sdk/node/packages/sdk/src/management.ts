// Generated from openapi.json by sdk/generator. Not edited by hand.

import { type CallOptions, type Query, type Sender, inPath } from "./sender.js";

/** The credential may do what was asked. */
export type Accepted = {
  /** Always `VALID`. */
  code: string;
  /** The environment that the key is for. */
  environment: string;
  /** From when on the secret is refused; `null`: never. */
  expires_at?: string | null;
  /** The key. */
  key_id: string;
  /** The key's name. */
  name: string;
  /** Up to which position of the log this node knows everything. */
  position: number;
  /** The dialect's limits that the request was counted against. */
  rate_limits: CountedLimit[];
  response?: Told | null;
  /** What the key was granted. */
  scopes: string[];
  /** Whose the key is. */
  tenant_id: string;
  /** `secret` or `publishable` for a key, `access_token` or `service` for a token. */
  type: string;
  /** Always `true`. */
  valid: boolean;
};

/** An agent as it is shown. */
export type AgentObject = {
  /** When it was created. */
  created_at: string;
  /** Its id. */
  id: string;
  /** Its name. */
  name: string;
  /** `active`, or `restricted`: the keys of its integrations are refused. */
  status: string;
  /** Its owner. */
  tenant_id: string;
};

/** A page of agents. */
export type AgentPage = {
  /** The agents, newest first. */
  data: AgentObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** An entry of the audit trail. */
export type AuditObject = {
  /** What, such as `key.revoked`. */
  action: string;
  /** Who: the id of a key or of a member, `system`, a node, or `anonymous` where somebody failed to sign in. */
  actor?: string | null;
  /** The name of that key where it is a management credential. Told on pages, to whoever sees all tenants. */
  actor_name?: string | null;
  /** The particulars. */
  details: Record<string, unknown>;
  /** The event's id, the same as on the message bus. */
  event_id?: string | null;
  /** From where; `null` where it is unknown or was erased. */
  ip?: string | null;
  /** To which key. */
  key_id?: string | null;
  /** `success`, or the code of the refusal. */
  outcome: string;
  /** Its place in the log. */
  position: number;
  /** The request that caused it. */
  request_id?: string | null;
  /** Whose. */
  tenant_id?: string | null;
  /** When. */
  time: string;
};

/** A page of the audit trail. */
export type AuditPage = {
  /** The entries, newest first. */
  data: AuditObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** What of an agent shall change; what is left out stays. */
export type ChangeAgentBody = {
  /** Another name. */
  name?: string | null;
  /** `restricted`: the keys of its integrations are refused; `active`: they are accepted again. */
  status?: string | null;
};

/** What of a client shall change. What is left out stays. */
export type ChangeClientBody = {
  /** Another allow list; empty: from anywhere. */
  ip_allowlist?: string[] | null;
  /** Another name. */
  name?: string | null;
  /** Other places where codes may be sent, all of them. */
  redirect_uris?: string[] | null;
  /** Other restrictions. */
  restrictions?: Record<string, string[]> | null;
  /** Other scopes, all of them. Tokens that were issued before are held to them as well. */
  scopes?: string[] | null;
};

/** What of an integration shall change; what is left out stays. */
export type ChangeIntegrationBody = {
  /** Another agent. */
  agent_id?: string | null;
  /** `false`: its keys are refused; `true`: they are accepted again. */
  enabled?: boolean | null;
  /** Another name. */
  name?: string | null;
};

/** What of a key shall change; what is left out stays. */
export type ChangeKeyBody = {
  /** Another end: an instant (RFC 3339), or a date for 00:00 UTC of that day; `null`: never. */
  expires_at?: string | null;
  /** Another lifetime, counted from now. */
  expires_in?: string | null;
  /** Another allow list; empty: from anywhere. */
  ip_allowlist?: string[] | null;
  /** Another name. */
  name?: string | null;
  /** Other restrictions. */
  restrictions?: Record<string, string[]> | null;
  /** Other scopes. */
  scopes?: string[] | null;
};

/** An agent that was changed. */
export type ChangedAgent = AgentObject & {
  /** How far the change has come. */
  receipt: Receipt;
};

/** A changed client with the proof that nodes know. */
export type ChangedClient = {
  /** The client. */
  client: ClientObject;
  /** How far the change has come. */
  receipt: Receipt;
};

/** An integration that was changed. */
export type ChangedIntegration = IntegrationObject & {
  /** How far the change has come. */
  receipt: Receipt;
};

/** A key as it was changed. */
export type ChangedKey = KeyObject & {
  /** How far the change has come. */
  receipt: Receipt;
};

/** An OAuth client as it is shown. */
export type ClientObject = {
  /** How it proves who it is: `client_secret`, `private_key_jwt` or `none`. */
  authentication: string;
  /** Its public id, which it sends with every request. */
  client_id: string;
  /** When it was registered. */
  created_at: string;
  /** Who registered it. */
  created_by?: string | null;
  /** Whether it gets access tokens that are bound to a key alone (RFC 9449). */
  dpop_bound_access_tokens: boolean;
  /** The environment of its tokens. */
  environment: string;
  /** Its id, under which the audit trail and usage have it. */
  id: string;
  /** From where its tokens may be used; empty: from anywhere. */
  ip_allowlist: string[];
  /** Its public keys, where it proves who it is with `private_key_jwt`. */
  jwks: (Record<string, unknown>)[];
  /** Its name. */
  name: string;
  /** Where codes may be sent. */
  redirect_uris: string[];
  /** Whether it must push its authorization requests (RFC 9126). */
  require_pushed_authorization_requests: boolean;
  /** Whether its authorization requests need a `code_challenge`. */
  requires_pkce: boolean;
  /** To what its tokens are restricted. */
  restrictions: Record<string, string[]>;
  /** What was noted about it. */
  revocation_note?: string | null;
  /** Why it was revoked. */
  revocation_reason?: string | null;
  /** When it was revoked. */
  revoked_at?: string | null;
  /** What its tokens may allow at most. */
  scopes: string[];
  /** Its secrets, oldest first. */
  secrets: ClientSecretObject[];
  /** `active` or `revoked`. */
  status: string;
  /** Who registered it. */
  tenant_id: string;
  /** `server` or `app`. */
  type: string;
};

/** A page of clients. */
export type ClientPage = {
  /** The clients, newest first. */
  data: ClientObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** A secret of a client as it is shown. */
export type ClientSecretObject = {
  /** When it was made. */
  created_at: string;
  /** 1 for the first. */
  number: number;
  /** The first characters. */
  prefix: string;
  /** Until when it stays valid after being replaced; `null`: it is the current one. */
  superseded_until?: string | null;
};

/** A client with a secret that is shown this once. */
export type ClientWithSecret = {
  /** The client. */
  client: ClientObject;
  /** Its public id. */
  client_id: string;
  /** The secret, where it has one. Store it now: it cannot be retrieved later. */
  client_secret?: string;
};

/** A limit of a tenant's requests that were accepted. */
export type CountedLimit = {
  /** At most so many */
  limit: number;
  /** How many more this node could accept now. Other nodes may hold more. */
  remaining: number;
  /** When the oldest requests that count slide out, so that there is room for more. */
  reset_at?: string | null;
  /** in any stretch of so many seconds. */
  window_seconds: number;
};

/** An agent to create. */
export type CreateAgentBody = {
  /** A name for people, 1 to 100 characters. */
  name: string;
};

/** An integration to create. */
export type CreateIntegrationBody = {
  /** The agent that it is connected to; required where the dialect's integrations have one. */
  agent_id?: string | null;
  /** A name for people, 1 to 100 characters. */
  name: string;
  /** Through what it is used: `api`, which is the default. */
  type?: string | null;
};

/** Who shall be a member. */
export type CreateMemberBody = {
  /** The e-mail address, which no other member of the installation has. */
  email: string;
  /** The first password, 12 characters to 1,024 bytes; left out: the member cannot sign in until one is set. */
  password?: string | null;
  /** `owner`: everything; `admin`: keys, members and the audit trail; `developer`: keys; `auditor`: reads alone. */
  role: string;
};

/** A validating node to come. */
export type CreateNodeBody = {
  /** The dialects whose credentials the node may follow; where left out, all that there are and will be. */
  dialects?: string[] | null;
  /** When its credential ends: an instant (RFC 3339), or a date for 00:00 UTC of that day. */
  expires_at?: string | null;
  /**
   * How long its credential lives, such as `90d`. Where neither this nor `expires_at` is given, as long as it may: until the
   * credential ends that makes it, or for ever.
   */
  expires_in?: string | null;
  /** Addresses and networks it may connect from; from anywhere where empty. */
  ip_allowlist?: string[];
  /** A name for people, 1 to 100 characters. */
  name: string;
};

/** A tenant to create. */
export type CreateTenantBody = {
  /** The dialect of its keys, for good. */
  dialect: string;
  /** A name for people, 1 to 100 characters. */
  name: string;
};

/** One thing that is wrong with a request body or query. */
export type FieldError = {
  /** What to write instead. */
  fix: string;
  /** Where, such as `body.scopes[2]`. */
  location: string;
  /** What is wrong. */
  message: string;
};

/** An integration as it is shown. */
export type IntegrationObject = {
  /** The agent that it is connected to. */
  agent_id?: string | null;
  /** When it was created. */
  created_at: string;
  /** Whether its keys are accepted, as far as it is concerned. */
  enabled: boolean;
  /** Its id. */
  id: string;
  /** Its name. */
  name: string;
  /** Its owner. */
  tenant_id: string;
  /** Through what it is used: `api`. */
  type: string;
};

/** A page of integrations. */
export type IntegrationPage = {
  /** The integrations, newest first. */
  data: IntegrationObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** A secret to create. Without `Debug`: it may hold the secret. */
export type IssueJwtSecretBody = {
  /** Name or alias of an environment; the dialect's first where left out. */
  environment?: string | null;
  /** A name for people, 1 to 100 characters. */
  name: string;
  /** What tokens that are signed with it may do at the most. */
  scopes?: string[];
  /** The tenant's own secret: 32 to 512 visible ASCII characters that nobody can guess. One is made where left out. */
  secret?: string | null;
};

/** A key to create. */
export type IssueKeyBody = {
  /** Name or alias of an environment; the dialect's first where left out. */
  environment?: string | null;
  /** When it ends: an instant (RFC 3339), or a date for 00:00 UTC of that day. */
  expires_at?: string | null;
  /** How long it lives, such as `30d`; for ever where neither this nor `expires_at` is given. */
  expires_in?: string | null;
  /** The integration that it belongs to, for good; required where the dialect's keys belong to one. */
  integration_id?: string | null;
  /**
   * Addresses and networks it may be used from; from anywhere where empty. A network is written without host bits:
   * `10.0.0.0/8`, not `10.0.0.1/8`.
   */
  ip_allowlist?: string[];
  /** A name for people, 1 to 100 characters. */
  name: string;
  /** To what it is restricted, by the names that the dialect has. */
  restrictions?: Record<string, string[]>;
  /** What it may do. */
  scopes?: string[];
  /** `secret`, which is the default, or `publishable`. */
  type?: string | null;
};

/** A secret that is shown this once. */
export type IssuedJwtSecret = {
  /** What is known of it. */
  jwt_secret: JwtSecretObject;
  /** The secret: the whole text is the key of HS256. Store it now: it cannot be retrieved later. */
  secret: string;
};

/** A secret for service JWTs as it is shown. */
export type JwtSecretObject = {
  /** When it was created. */
  created_at: string;
  /** The environment of its tokens. */
  environment: string;
  /** Its id: the `kid` in the headers of the tokens that are signed with it. */
  id: string;
  /** Its name. */
  name: string;
  /** Why it was revoked. */
  revocation_reason?: string | null;
  /** When it was revoked. */
  revoked_at?: string | null;
  /** What its tokens may do at the most. */
  scopes: string[];
  /** `active` or `revoked`. */
  status: string;
  /** Its owner. */
  tenant_id: string;
  /** Its versions, oldest first. */
  versions: JwtSecretVersionObject[];
};

/** A page of secrets for service JWTs. */
export type JwtSecretPage = {
  /** The secrets, newest first. */
  data: JwtSecretObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** A version of a secret as it is shown. */
export type JwtSecretVersionObject = {
  /** When it was made. */
  created_at: string;
  /** 1 for the first. */
  number: number;
  /** Until when it stays valid after being replaced; `null`: it is the current one. */
  superseded_until?: string | null;
};

/** A key as it is shown. */
export type KeyObject = {
  /** Its public client id, where the dialect has them. */
  client_id?: string | null;
  /** When it was created. */
  created_at: string;
  /** Who created it. */
  created_by?: string | null;
  /** The environment's name. */
  environment: string;
  /** When it ends; `null`: never. */
  expires_at?: string | null;
  /** Its id. */
  id: string;
  /** The integration that it belongs to. */
  integration_id?: string | null;
  /** From where; empty: from anywhere. */
  ip_allowlist: string[];
  /** When a node last accepted it, as far as usage has come in. */
  last_used_at?: string | null;
  /** Its name. */
  name: string;
  /** The first characters of its newest secret; of a key that is a JWT, its prefix and its last characters. */
  prefix: string;
  /** To what it is restricted. */
  restrictions: Record<string, string[]>;
  /** What was noted about it. */
  revocation_note?: string | null;
  /** Why it was revoked. */
  revocation_reason?: string | null;
  /** When it was revoked. */
  revoked_at?: string | null;
  /** What it may do. */
  scopes: string[];
  /** `active`, `revoked` or `expired`. */
  status: string;
  /** Its owner. */
  tenant_id: string;
  /** `secret` or `publishable`. */
  type: string;
  /** Its secrets, oldest first. */
  versions: SecretVersionObject[];
};

/** A page of keys. */
export type KeyPage = {
  /** The keys, newest first. */
  data: KeyObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** A key with a secret that is shown this once. */
export type KeyWithSecret = {
  /** The public client id, where the dialect has them. */
  client_id?: string | null;
  /** The key. */
  key: KeyObject;
  /** The secret. Store it now: it cannot be retrieved later. */
  secret: string;
};

/** A right to answer. */
export type LeaseObject = {
  /**
   * The longest time until it ends unless it is renewed, which a node in order does more than once a second; `null` where it
   * has ended.
   */
  expires_in_ms?: number | null;
  /** `held`, or `lapsed`: it answers nothing. */
  state: string;
};

/** A member as it is shown. */
export type MemberObject = {
  /** Since when. */
  created_at: string;
  /** The e-mail address; `null` where it was erased. */
  email?: string | null;
  /** Its id. */
  id: string;
  /** Since when the password is the present one; `null`: the member has none, and cannot sign in. */
  password_set_at?: string | null;
  /** `owner`, `admin`, `developer` or `auditor`. */
  role: string;
};

/** A page of members. */
export type MemberPage = {
  /** The members, newest first. */
  data: MemberObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** The credential of a validating node, without its secret. */
export type NodeCredentialObject = {
  /** When it was created. */
  created_at: string;
  /** Its id: a key of the platform's own tenant, which is where it is revoked. */
  credential_id: string;
  /** The dialects whose credentials the node may follow; `null`: all. */
  dialects?: string[] | null;
  /** When it ends; `null`: never. */
  expires_at?: string | null;
  /** From where it may connect; empty: from anywhere. */
  ip_allowlist: string[];
  /** Its name. */
  name: string;
  /** The first characters of the secret. */
  prefix: string;
};

/** A process that validates. */
export type NodeObject = {
  /** The address of the API node that it is or was connected to; of an API node, its own. */
  api_node: string;
  /**
   * When its stream began; `null`: it has none just now, and is listed as long as it may answer and for a minute more. Of an
   * API node, when it started.
   */
  connected_at?: string | null;
  /** The id of its credential; `null` of an API node. */
  credential_id?: string | null;
  /** The dialects that it answers for. */
  dialects: string[];
  /** What it keeps over restarts, in its folder. Of an API node, its registration, which each start makes anew. */
  id: string;
  /** The run of its process. */
  incarnation: string;
  /** `validator`, or `api`: API nodes validate as well. */
  kind: string;
  /**
   * How many positions it is behind the last change that its API node has for it; an API node, behind the end of the log as it
   * last read that.
   */
  lag: number;
  /** Its right to answer. */
  lease: LeaseObject;
  /** The name of its credential when it connected; `null` of an API node. */
  name?: string | null;
  /** Everything up to this position of the log shows in its answers. */
  position: number;
  /** The version of its program. */
  version: string;
};

/** All nodes. */
export type NodePage = {
  /** The nodes: API nodes, then those that only validate by name. */
  data: NodeObject[];
  /** Always `null`: there is one page. */
  next_cursor?: string | null;
};

/** The credential of a validating node, with the secret that is shown this once. */
export type NodeWithCredential = {
  /** What the node has as `control.credential`. Store it now: it cannot be retrieved later. */
  credential: string;
  /** What was made. */
  node: NodeCredentialObject;
};

/** What the dialect tells the outside. */
export type Outward = {
  /** The body: JSON as such, anything else as a text. */
  body: Record<string, unknown>;
  /** Headers by name. */
  headers: Record<string, string>;
  /** The status. */
  status: number;
};

/** A problem as it is sent (RFC 9457 section 3). */
export type Problem = {
  /** The kind, for machines. */
  code: string;
  /** This occurrence, for people. */
  detail: string;
  /** What is wrong with the request's fields. */
  errors?: FieldError[];
  /** The request's id. */
  request_id: string;
  /** HTTP status. */
  status: number;
  /** The kind, for people. */
  title: string;
  /** Address of a page about this kind of problem, on this server. */
  type: string;
};

/** How far a projection is. */
export type ProjectionObject = {
  /** Up to which position it has folded the log. */
  checkpoint: number;
  /** Why it stands still. */
  error?: string | null;
  /** The last position of the log. */
  head: number;
  /** How many events it is behind. */
  lag: number;
  /** Its name. */
  name: string;
  rebuilding?: RebuildObject | null;
  /** The number of the table set that is read. */
  version: number;
};

/** All projections. */
export type ProjectionPage = {
  /** The projections. */
  data: ProjectionObject[];
  /** Always `null`: there is one page. */
  next_cursor?: string | null;
};

/** A running rebuild. */
export type RebuildObject = {
  /** Up to which position it has come. */
  position: number;
  /** Where it has to go. */
  target: number;
};

/** How far a change that takes something away has come when it is answered: `confirmed` and `lapsed` are all `nodes`. */
export type Receipt = {
  /** Those that confirmed that they answer by it. */
  confirmed: number;
  /** How long it took from the commit until the last of them, in milliseconds. */
  elapsed_ms: number;
  /** Those that did not, and have lost the right to accept anything instead. */
  lapsed: number;
  /**
   * Validating nodes that could have answered without the change when it was made, API nodes among them. One that had gone to
   * another API node less than three seconds before has a right to answer from each, and counts twice.
   */
  nodes: number;
  /** The position of the log that the nodes have applied. */
  position: number;
};

/** A client to register. */
export type RegisterClientBody = {
  /**
   * How it proves who it is: `client_secret`, which is the default, `private_key_jwt` (RFC 7523), or `none` for an app that
   * runs where no secret can be kept.
   */
  authentication?: string | null;
  /** Whether it gets access tokens that are bound to a key alone (RFC 9449); left out, it gets those where it sends a proof. */
  dpop_bound_access_tokens?: boolean | null;
  /** Name or alias of the environment of its tokens; the dialect's first where left out. */
  environment?: string | null;
  /** Addresses and networks that its tokens may be used from; from anywhere where empty. */
  ip_allowlist?: string[];
  /** Its public keys as a JWK set, with `private_key_jwt`: Ed25519, P-256, or RSA of at least 2048 bits. */
  jwks?: Record<string, unknown> | null;
  /** A name, 1 to 100 characters. People read it when they are asked for their consent. */
  name: string;
  /** Where codes may be sent, compared byte for byte; for an app, 1 to 20. */
  redirect_uris?: string[];
  /**
   * Whether it must push its authorization requests to `/oauth/par` (RFC 9126), which it may in any case; `false` where left
   * out.
   */
  require_pushed_authorization_requests?: boolean | null;
  /**
   * Whether its authorization requests need a `code_challenge` (RFC 7636), which they may have in any case. Left out, those of
   * an app do that does not prove who it is, which cannot do without.
   */
  requires_pkce?: boolean | null;
  /** To what its tokens are restricted, by the names that the dialect has. */
  restrictions?: Record<string, string[]>;
  /** What its tokens may allow at most; where left out, every scope of the dialect that does not contain all others. */
  scopes?: string[] | null;
  /** `server` gets tokens for itself (`client_credentials`), `app` for people who agree to it (`authorization_code`). */
  type: string;
};

/** The credential may not do what was asked. */
export type Rejected = {
  /** Why, for machines. */
  code: string;
  /** Why, for insiders. */
  detail: string;
  /** What the dialect tells the outside. */
  response: Outward;
  /** The status for the outside. */
  status: number;
  /** Always `false`. */
  valid: boolean;
};

/** What of a tenant shall change. */
export type RenameTenantBody = {
  /** Another name. */
  name: string;
};

/** A request that was made with a key. */
export type RequestObject = {
  /** When it was decided. */
  at: string;
  /** The version that the caller's client says it has. */
  client_version?: string | null;
  /** The outcome. */
  code: string;
  /** The caller's address; `null` where it is unknown or was erased. */
  ip?: string | null;
  /** HTTP method. */
  method?: string | null;
  /** Path, without the query. */
  path?: string | null;
  /** The caller's request id. */
  request_id?: string | null;
  /** Which secret of the key was presented. */
  version?: number | null;
};

/** A page of requests. */
export type RequestPage = {
  /** The requests, newest first. */
  data: RequestObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** Why a key shall be revoked. */
export type RevokeKeyBody = {
  /** A note for people, at most 100 characters. */
  note?: string | null;
  /**
   * `compromised`, `superseded`, `unused`, `cessation_of_operation`, `privilege_withdrawn` or
   * `unspecified`, which is the default.
   */
  reason?: string | null;
};

/** A revoked client with the proof that nodes know. */
export type RevokedClient = {
  /** The client. */
  client: ClientObject;
  /** How far the revocation has come. */
  receipt: Receipt;
};

/** A revoked secret with the proof that nodes know. */
export type RevokedJwtSecret = {
  /** What is known of it. */
  jwt_secret: JwtSecretObject;
  /** How far the revocation has come. */
  receipt: Receipt;
};

/** A revoked key with the proof that nodes know. */
export type RevokedKey = {
  /** The key. */
  key: KeyObject;
  /** How far the revocation has come. */
  receipt: Receipt;
};

/** A revoked token with the proof that nodes know. */
export type RevokedToken = {
  /** How far the revocation has come. */
  receipt: Receipt;
  /** The token. */
  token: TokenObject;
};

/** How a secret shall be replaced. Without `Debug`: it may hold the secret. */
export type RotateJwtSecretBody = {
  /** How long the old secret stays valid, such as `24h`; `0`: not at all; as for keys where left out. */
  grace?: string | null;
  /** The tenant's own secret, as when one is created. One is made where left out. */
  secret?: string | null;
};

/** How a secret shall be replaced. */
export type RotateKeyBody = {
  /**
   * How long the old secret stays valid, such as `24h`; `0`: not at all; the dialect's default
   * where left out.
   */
  grace?: string | null;
};

/** A client with a new secret that is shown this once. */
export type RotatedClient = ClientWithSecret;

/** A secret that was replaced, with the new one, shown this once. */
export type RotatedJwtSecret = IssuedJwtSecret & {
  receipt?: Receipt | null;
};

/** A key with a new secret that is shown this once. */
export type RotatedKey = KeyWithSecret & {
  /** How far the end of the old secret has come; left out where its grace period goes on. */
  receipt?: Receipt;
};

/** A secret of a key as it is shown. */
export type SecretVersionObject = {
  /** When it was made. */
  created_at: string;
  /** When a node last accepted it. */
  last_used_at?: string | null;
  /** 1 for the first. */
  number: number;
  /** The first characters. */
  prefix: string;
  /** Until when it stays valid after being replaced; `null`: it is the current one. */
  superseded_until?: string | null;
};

/** A session of a member that lives. */
export type SessionObject = {
  /** When the member signed in. */
  created_at: string;
  /** When it ends at the latest; sooner when nothing is asked in it for 30 minutes. */
  expires_at: string;
  /** Its id, which opens nothing. */
  id: string;
  /** From where the member signed in; `null` where it is unknown or was erased. */
  ip?: string | null;
  /** When something was asked in it last, to a minute. */
  last_seen_at: string;
  /** Whose. */
  member_id: string;
  /** The browser, as it says itself. */
  user_agent?: string | null;
};

/** A page of sessions. */
export type SessionPage = {
  /** The sessions, newest first. */
  data: SessionObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** Another password. */
export type SetPasswordBody = {
  /** 12 characters to 1,024 bytes; neither the e-mail address nor the product's name. */
  password: string;
};

/** Why a tenant is suspended. */
export type SuspendTenantBody = {
  /** A note for people, at most 100 characters. */
  note?: string | null;
};

/** A tenant that was suspended. */
export type SuspendedTenant = TenantObject & {
  /** How far the suspension has come. */
  receipt: Receipt;
};

/** A tenant as it is shown. */
export type TenantObject = {
  /** When it was created. */
  created_at: string;
  /** The dialect of its keys. */
  dialect: string;
  /** Its id. */
  id: string;
  /** Its name. */
  name: string;
  /** `active` or `suspended`. */
  status: string;
};

/** A page of tenants. */
export type TenantPage = {
  /** The tenants. */
  data: TenantObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** A token as it is shown. */
export type TokenObject = {
  /** The client that it was issued to. */
  client: string;
  /** Its public id. */
  client_id: string;
  /** Its name. */
  client_name: string;
  /** When it ends. */
  expires_at: string;
  /** The grant of an access token; `null`: the client's own credentials. */
  grant_id?: string | null;
  /** The id of an access token, its `jti`; or that of the grant that a refresh token belongs to. */
  id: string;
  /** When it was issued; of a refresh token, when it was last used. */
  issued_at: string;
  /** `access` or `refresh`. */
  kind: string;
  /** When it was revoked, or its grant or client was. */
  revoked_at?: string | null;
  /** What it allows. */
  scopes: string[];
  /** `active`, `revoked` or `expired`. */
  status: string;
  /** Who agreed to it, or the client itself. */
  subject: string;
};

/** A page of tokens. */
export type TokenPage = {
  /** The tokens, newest first. */
  data: TokenObject[];
  /** Where the next page begins; `null` on the last one. */
  next_cursor?: string | null;
};

/** What an answer to an accepted request should say besides. */
export type Told = {
  /** Headers by name. */
  headers: Record<string, string>;
};

/** Usage of a key. */
export type UsageObject = {
  /** Decisions by outcome and time; steps without any are left out. */
  data: UsageStep[];
  /** Decisions by outcome over the key's whole life. */
  totals: Record<string, number>;
};

/** Usage of a key in a step of time. */
export type UsageStep = {
  /** Decisions by outcome. */
  counts: Record<string, number>;
  /** Its beginning. */
  from: string;
  /** Its end, exclusive. */
  to: string;
};

/** A verdict. */
export type VerifyAnswer = Accepted | Rejected;

/** What is asked. Either `credential`, or `dialect` and `headers`. */
export type VerifyBody = {
  /** The version of the caller's client, for the usage log. */
  client_version?: string | null;
  /** The credential alone; its dialect is found by its prefix. */
  credential?: string | null;
  /** The dialect that is served. */
  dialect?: string | null;
  /** The proof that came with a token of the scheme `DPoP` (RFC 9449), which a token that is bound to a key needs. */
  dpop?: {
    /** The header `DPoP`. Not needed where `headers` has it. */
    proof?: string | null;
    /** The address that the caller asked, such as `https://api.example/v1/users`. */
    url: string;
  } | null;
  /** The environment that is served. */
  environment?: string | null;
  /** The request's own headers, the credential among them. */
  headers?: Record<string, string> | null;
  /** The caller's address. */
  ip?: string | null;
  /** The request's method. */
  method?: string | null;
  /** The request's path, for the usage log. */
  path?: string | null;
  /** The request's id, for the usage log. */
  request_id?: string | null;
  /** Scopes that are all needed. */
  required_scopes?: string[];
  /** What the request touches, by restriction. */
  restrictions?: Record<string, string>;
  /** Whether the caller used `https` or `http`, for dialects that take credentials over HTTPS alone; absent: by HTTPS. */
  scheme?: string | null;
};

/** The management interface: an operation a method, by the name that openapi.json has for it. */
export abstract class Management {
  /** Sends a request and gives its answer. */
  protected abstract readonly send: Sender;

  /**
   * Changes an agent's name, restricts it or makes it active again. When this answers, every validating node refuses the keys of a
   * restricted agent's integrations: each has confirmed it, or cannot answer any more.
   */
  changeAgent(
    tenant: string,
    agent: string,
    body: ChangeAgentBody,
    options: CallOptions = {},
  ): Promise<ChangedAgent> {
    return this.send<ChangedAgent>("PATCH", `/v1/tenants/${inPath(tenant)}/agents/${inPath(agent)}`, { body }, options);
  }

  /**
   * Changes an OAuth client's name, redirect URIs, scopes, allow list or restrictions. What is left out stays. When this answers,
   * the change is in force on every validating node, also for tokens that were issued before: each has confirmed it, or cannot
   * answer any more.
   */
  changeClient(
    tenant: string,
    client: string,
    body: ChangeClientBody,
    options: CallOptions = {},
  ): Promise<ChangedClient> {
    return this.send<ChangedClient>("PATCH", `/v1/tenants/${inPath(tenant)}/clients/${inPath(client)}`, { body }, options);
  }

  /**
   * Changes an integration's name or agent, disables it or enables it again. When this answers, every validating node refuses the
   * keys of a disabled integration: each has confirmed it, or cannot answer any more. No key is changed by it.
   */
  changeIntegration(
    tenant: string,
    integration: string,
    body: ChangeIntegrationBody,
    options: CallOptions = {},
  ): Promise<ChangedIntegration> {
    return this.send<ChangedIntegration>("PATCH", `/v1/tenants/${inPath(tenant)}/integrations/${inPath(integration)}`, { body }, options);
  }

  /**
   * Changes a key's name, scopes, allow list, restrictions or expiry. What is left out stays. When this answers, the change is in
   * force on every validating node: each has confirmed it, or cannot answer any more.
   */
  changeKey(
    tenant: string,
    key: string,
    body: ChangeKeyBody,
    options: CallOptions = {},
  ): Promise<ChangedKey> {
    return this.send<ChangedKey>("PATCH", `/v1/tenants/${inPath(tenant)}/keys/${inPath(key)}`, { body }, options);
  }

  /** Gives a tenant another name. */
  changeTenant(
    tenant: string,
    body: RenameTenantBody,
    options: CallOptions = {},
  ): Promise<TenantObject> {
    return this.send<TenantObject>("PATCH", `/v1/tenants/${inPath(tenant)}`, { body }, options);
  }

  /** Creates an agent, active. Integrations are connected to it. */
  createAgent(
    tenant: string,
    body: CreateAgentBody,
    options: CallOptions = {},
  ): Promise<AgentObject> {
    return this.send<AgentObject>("POST", `/v1/tenants/${inPath(tenant)}/agents`, { body }, options);
  }

  /** Creates an integration, enabled. Keys are made for it with its id as `integration_id`. */
  createIntegration(
    tenant: string,
    body: CreateIntegrationBody,
    options: CallOptions = {},
  ): Promise<IntegrationObject> {
    return this.send<IntegrationObject>("POST", `/v1/tenants/${inPath(tenant)}/integrations`, { body }, options);
  }

  /**
   * Makes somebody a member of a tenant. A member of the platform's own tenant acts in all tenants. Nobody makes a member who may
   * do what they may not do themselves.
   */
  createMember(
    tenant: string,
    body: CreateMemberBody,
    options: CallOptions = {},
  ): Promise<MemberObject> {
    return this.send<MemberObject>("POST", `/v1/tenants/${inPath(tenant)}/members`, { body }, options);
  }

  /**
   * Creates the credential of a validating node: good for the node's stream, and for nothing else. It is shown in this answer and
   * never again, except to a repetition with the same idempotency key within 24 hours.
   * `POST /v1/tenants/00000000-0000-7000-8000-000000000001/keys/{key}/revoke` revokes it: the node is sent nothing more, and
   * answers nothing three seconds later.
   */
  createNode(
    body: CreateNodeBody,
    options: CallOptions = {},
  ): Promise<NodeWithCredential> {
    return this.send<NodeWithCredential>("POST", "/v1/nodes", { body }, options);
  }

  /** Creates a tenant. */
  createTenant(
    body: CreateTenantBody,
    options: CallOptions = {},
  ): Promise<TenantObject> {
    return this.send<TenantObject>("POST", "/v1/tenants", { body }, options);
  }

  /** Ends a session. When this answers, no API node accepts it. Ending a session twice is no error. */
  endSession(
    tenant: string,
    session: string,
    options: CallOptions = {},
  ): Promise<void> {
    return this.send<void>("DELETE", `/v1/tenants/${inPath(tenant)}/sessions/${inPath(session)}`, {}, options);
  }

  /**
   * Destroys the key that a former member's e-mail address is encrypted with, and the addresses that the member's requests came
   * from: nobody can read them any more, on this API node at once and on the others within a minute, and in no copy of the log. What
   * the member did stays in the trail, under an id. Nothing brings the data back. Erasing twice is no error.
   */
  eraseMember(
    tenant: string,
    member: string,
    options: CallOptions = {},
  ): Promise<MemberObject> {
    return this.send<MemberObject>("POST", `/v1/tenants/${inPath(tenant)}/members/${inPath(member)}/erase`, {}, options);
  }

  /** The events behind a position, as CloudEvents, in the log's order. With `wait` the answer is held until there is one. */
  followEvents(
    query: { after?: number; wait?: number; limit?: number } = {},
    options: CallOptions = {},
  ): Promise<Record<string, unknown>> {
    return this.send<Record<string, unknown>>("GET", "/v1/events", { query: query as Query }, options);
  }

  /**
   * Creates a secret with which a tenant's services sign their own tokens (JWTs, HS256), which nodes then accept as that tenant's
   * service. It is shown in this answer and never again, except to a repetition with the same idempotency key within 24 hours.
   */
  issueJwtSecret(
    tenant: string,
    body: IssueJwtSecretBody,
    options: CallOptions = {},
  ): Promise<IssuedJwtSecret> {
    return this.send<IssuedJwtSecret>("POST", `/v1/tenants/${inPath(tenant)}/jwt-secrets`, { body }, options);
  }

  /**
   * Creates a key. The secret is shown in this answer and never again, except to a repetition with
   * the same idempotency key within 24 hours. When this answers, the key works.
   */
  issueKey(
    tenant: string,
    body: IssueKeyBody,
    options: CallOptions = {},
  ): Promise<KeyWithSecret> {
    return this.send<KeyWithSecret>("POST", `/v1/tenants/${inPath(tenant)}/keys`, { body }, options);
  }

  /** Lists a tenant's agents, newest first. */
  listAgents(
    tenant: string,
    query: { limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<AgentPage> {
    return this.send<AgentPage>("GET", `/v1/tenants/${inPath(tenant)}/agents`, { query: query as Query }, options);
  }

  /** Lists a tenant's OAuth clients, newest first, those that are revoked among them. */
  listClients(
    tenant: string,
    query: { limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<ClientPage> {
    return this.send<ClientPage>("GET", `/v1/tenants/${inPath(tenant)}/clients`, { query: query as Query }, options);
  }

  /** Lists a tenant's integrations, newest first. */
  listIntegrations(
    tenant: string,
    query: { limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<IntegrationPage> {
    return this.send<IntegrationPage>("GET", `/v1/tenants/${inPath(tenant)}/integrations`, { query: query as Query }, options);
  }

  /** Lists a tenant's secrets for service JWTs, newest first; never the secrets themselves. */
  listJwtSecrets(
    tenant: string,
    query: { limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<JwtSecretPage> {
    return this.send<JwtSecretPage>("GET", `/v1/tenants/${inPath(tenant)}/jwt-secrets`, { query: query as Query }, options);
  }

  /** Lists the requests that were made with a key, newest first. */
  listKeyRequests(
    tenant: string,
    key: string,
    query: { limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<RequestPage> {
    return this.send<RequestPage>("GET", `/v1/tenants/${inPath(tenant)}/keys/${inPath(key)}/requests`, { query: query as Query }, options);
  }

  /** Lists a tenant's keys, newest first. What was answered before, by whichever API node, is there. */
  listKeys(
    tenant: string,
    query: { status?: string; integration_id?: string; limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<KeyPage> {
    return this.send<KeyPage>("GET", `/v1/tenants/${inPath(tenant)}/keys`, { query: query as Query }, options);
  }

  /** Lists the members of a tenant. */
  listMembers(
    tenant: string,
    query: { limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<MemberPage> {
    return this.send<MemberPage>("GET", `/v1/tenants/${inPath(tenant)}/members`, { query: query as Query }, options);
  }

  /**
   * Lists the nodes that may accept credentials: those that a revocation waits for, and for a minute those that lost the right
   * to. What other API nodes tell of theirs is up to three seconds old.
   */
  listNodes(
    options: CallOptions = {},
  ): Promise<NodePage> {
    return this.send<NodePage>("GET", "/v1/nodes", {}, options);
  }

  /** Tells how far the projections are. */
  listProjections(
    options: CallOptions = {},
  ): Promise<ProjectionPage> {
    return this.send<ProjectionPage>("GET", "/v1/projections", {}, options);
  }

  /** Lists the sessions of a tenant's members that live. */
  listSessions(
    tenant: string,
    query: { limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<SessionPage> {
    return this.send<SessionPage>("GET", `/v1/tenants/${inPath(tenant)}/sessions`, { query: query as Query }, options);
  }

  /** Lists the tenants that the caller sees. */
  listTenants(
    query: { limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<TenantPage> {
    return this.send<TenantPage>("GET", "/v1/tenants", { query: query as Query }, options);
  }

  /** Lists the tokens that open a tenant's data, newest first: access tokens one by one, and the refresh token of each grant. */
  listTokens(
    tenant: string,
    query: { status?: string; client?: string; limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<TokenPage> {
    return this.send<TokenPage>("GET", `/v1/tenants/${inPath(tenant)}/tokens`, { query: query as Query }, options);
  }

  /** Builds a projection anew beside the live one, and switches when it has caught up. */
  rebuildProjection(
    name: string,
    options: CallOptions = {},
  ): Promise<void> {
    return this.send<void>("POST", `/v1/projections/${inPath(name)}/rebuild`, {}, options);
  }

  /**
   * Registers an OAuth client. Its secret is shown in this answer and never again, except to a repetition with the same
   * idempotency key within 24 hours. When this answers, its tokens work.
   */
  registerClient(
    tenant: string,
    body: RegisterClientBody,
    options: CallOptions = {},
  ): Promise<ClientWithSecret> {
    return this.send<ClientWithSecret>("POST", `/v1/tenants/${inPath(tenant)}/clients`, { body }, options);
  }

  /**
   * Ends a membership for good. When this answers, none of the member's sessions is accepted by any API node, and no validating
   * node accepts a token of an app that the member agreed to: `Server-Timing` says how long that took. Removing a member twice is
   * no error.
   */
  removeMember(
    tenant: string,
    member: string,
    options: CallOptions = {},
  ): Promise<void> {
    return this.send<void>("DELETE", `/v1/tenants/${inPath(tenant)}/members/${inPath(member)}`, {}, options);
  }

  /** Accepts the keys of a tenant again. */
  resumeTenant(
    tenant: string,
    options: CallOptions = {},
  ): Promise<TenantObject> {
    return this.send<TenantObject>("POST", `/v1/tenants/${inPath(tenant)}/resume`, {}, options);
  }

  /**
   * Revokes an OAuth client, for ever. When this answers, it gets no more tokens, and every validating node refuses all that it
   * ever got: each has confirmed it, or cannot answer any more. Revoking twice is no error and no second event.
   */
  revokeClient(
    tenant: string,
    client: string,
    body?: RevokeKeyBody,
    options: CallOptions = {},
  ): Promise<RevokedClient> {
    return this.send<RevokedClient>("POST", `/v1/tenants/${inPath(tenant)}/clients/${inPath(client)}/revoke`, { body }, options);
  }

  /**
   * Revokes a secret, for ever. When this answers, every validating node refuses every token that was signed with it: each has
   * confirmed it, or cannot answer any more. Revoking twice is no error and no second event.
   */
  revokeJwtSecret(
    tenant: string,
    secret: string,
    body?: RevokeKeyBody,
    options: CallOptions = {},
  ): Promise<RevokedJwtSecret> {
    return this.send<RevokedJwtSecret>("POST", `/v1/tenants/${inPath(tenant)}/jwt-secrets/${inPath(secret)}/revoke`, { body }, options);
  }

  /**
   * Revokes a key, for ever. When this answers, every validating node refuses every secret of the key: each has confirmed it, or
   * cannot answer any more. Revoking twice is no error and no second event.
   */
  revokeKey(
    tenant: string,
    key: string,
    body?: RevokeKeyBody,
    options: CallOptions = {},
  ): Promise<RevokedKey> {
    return this.send<RevokedKey>("POST", `/v1/tenants/${inPath(tenant)}/keys/${inPath(key)}/revoke`, { body }, options);
  }

  /**
   * Revokes an access token, or with the id of a grant its refresh token and all that it ever gave. When this answers, every
   * validating node refuses them although their signatures are good: each has confirmed it, or cannot answer any more.
   */
  revokeToken(
    tenant: string,
    token: string,
    body?: RevokeKeyBody,
    options: CallOptions = {},
  ): Promise<RevokedToken> {
    return this.send<RevokedToken>("POST", `/v1/tenants/${inPath(tenant)}/tokens/${inPath(token)}/revoke`, { body }, options);
  }

  /**
   * Gives a client a new secret, shown in this answer alone. The old one stays valid for the grace period. Tokens that were
   * issued stay as they are: revoke those that somebody else may have.
   */
  rotateClient(
    tenant: string,
    client: string,
    body?: RotateKeyBody,
    options: CallOptions = {},
  ): Promise<RotatedClient> {
    return this.send<RotatedClient>("POST", `/v1/tenants/${inPath(tenant)}/clients/${inPath(client)}/rotate`, { body }, options);
  }

  /**
   * Replaces a secret under the same id, and shows the new one in this answer alone. Tokens that were signed with the old one are
   * accepted for the grace period; without grace, every validating node refuses them when this answers.
   */
  rotateJwtSecret(
    tenant: string,
    secret: string,
    body?: RotateJwtSecretBody,
    options: CallOptions = {},
  ): Promise<RotatedJwtSecret> {
    return this.send<RotatedJwtSecret>("POST", `/v1/tenants/${inPath(tenant)}/jwt-secrets/${inPath(secret)}/rotate`, { body }, options);
  }

  /**
   * Gives a key a new secret, shown in this answer alone. The old one stays valid for the grace period, and never beyond the
   * key's own expiry. Without grace, every validating node refuses the old secret when this answers: each has confirmed it, or
   * cannot answer any more.
   */
  rotateKey(
    tenant: string,
    key: string,
    body?: RotateKeyBody,
    options: CallOptions = {},
  ): Promise<RotatedKey> {
    return this.send<RotatedKey>("POST", `/v1/tenants/${inPath(tenant)}/keys/${inPath(key)}/rotate`, { body }, options);
  }

  /** Searches the audit trail of all tenants that the caller sees. */
  searchAudit(
    query: { tenant?: string; actor?: string; action?: string; key?: string; ip?: string; outcome?: string; from?: string; to?: string; q?: string; limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<AuditPage> {
    return this.send<AuditPage>("GET", "/v1/audit", { query: query as Query }, options);
  }

  /** Searches the audit trail of a tenant. */
  searchTenantAudit(
    tenant: string,
    query: { actor?: string; action?: string; key?: string; ip?: string; outcome?: string; from?: string; to?: string; q?: string; limit?: number; cursor?: string } = {},
    options: CallOptions = {},
  ): Promise<AuditPage> {
    return this.send<AuditPage>("GET", `/v1/tenants/${inPath(tenant)}/audit`, { query: query as Query }, options);
  }

  /**
   * Gives a member another password. When this answers, no session of the member that was begun before is accepted by any API
   * node, and no validating node accepts a token of an app that the member agreed to before: somebody who knew the old password
   * may have agreed in the member's name.
   */
  setMemberPassword(
    tenant: string,
    member: string,
    body: SetPasswordBody,
    options: CallOptions = {},
  ): Promise<MemberObject> {
    return this.send<MemberObject>("POST", `/v1/tenants/${inPath(tenant)}/members/${inPath(member)}/password`, { body }, options);
  }

  /** Shows an agent. */
  showAgent(
    tenant: string,
    agent: string,
    options: CallOptions = {},
  ): Promise<AgentObject> {
    return this.send<AgentObject>("GET", `/v1/tenants/${inPath(tenant)}/agents/${inPath(agent)}`, {}, options);
  }

  /** Shows an OAuth client. Its secret cannot be shown again. */
  showClient(
    tenant: string,
    client: string,
    options: CallOptions = {},
  ): Promise<ClientObject> {
    return this.send<ClientObject>("GET", `/v1/tenants/${inPath(tenant)}/clients/${inPath(client)}`, {}, options);
  }

  /** Shows an integration. */
  showIntegration(
    tenant: string,
    integration: string,
    options: CallOptions = {},
  ): Promise<IntegrationObject> {
    return this.send<IntegrationObject>("GET", `/v1/tenants/${inPath(tenant)}/integrations/${inPath(integration)}`, {}, options);
  }

  /** Shows what is known of a secret for service JWTs; never the secret. */
  showJwtSecret(
    tenant: string,
    secret: string,
    options: CallOptions = {},
  ): Promise<JwtSecretObject> {
    return this.send<JwtSecretObject>("GET", `/v1/tenants/${inPath(tenant)}/jwt-secrets/${inPath(secret)}`, {}, options);
  }

  /** Shows a key. Its secret cannot be shown again. */
  showKey(
    tenant: string,
    key: string,
    options: CallOptions = {},
  ): Promise<KeyObject> {
    return this.send<KeyObject>("GET", `/v1/tenants/${inPath(tenant)}/keys/${inPath(key)}`, {}, options);
  }

  /** Counts a key's decisions by outcome. Usage comes in from the nodes within seconds. */
  showKeyUsage(
    tenant: string,
    key: string,
    query: { from?: string; to?: string; step?: string } = {},
    options: CallOptions = {},
  ): Promise<UsageObject> {
    return this.send<UsageObject>("GET", `/v1/tenants/${inPath(tenant)}/keys/${inPath(key)}/usage`, { query: query as Query }, options);
  }

  /** Shows a tenant. */
  showTenant(
    tenant: string,
    options: CallOptions = {},
  ): Promise<TenantObject> {
    return this.send<TenantObject>("GET", `/v1/tenants/${inPath(tenant)}`, {}, options);
  }

  /**
   * Refuses all keys of a tenant until it is resumed. When this answers, every validating node refuses them: each has confirmed
   * it, or cannot answer any more.
   */
  suspendTenant(
    tenant: string,
    body?: SuspendTenantBody,
    options: CallOptions = {},
  ): Promise<SuspendedTenant> {
    return this.send<SuspendedTenant>("POST", `/v1/tenants/${inPath(tenant)}/suspend`, { body }, options);
  }
}
