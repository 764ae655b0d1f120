"""The management interface. Generated from openapi.json by sdk/generator. Not edited by hand."""

from __future__ import annotations

from typing import Any, NotRequired, TypeAlias, TypedDict

from nexus._send import AsyncSender, Sender, in_path


class Accepted(TypedDict):
    """The credential may do what was asked."""

    code: str
    """Always `VALID`."""

    environment: str
    """The environment that the key is for."""

    expires_at: NotRequired[str | None]
    """From when on the secret is refused; `null`: never."""

    key_id: str
    """The key."""

    name: str
    """The key's name."""

    position: int
    """Up to which position of the log this node knows everything."""

    rate_limits: list[CountedLimit]
    """The dialect's limits that the request was counted against."""

    response: NotRequired[Told | None]

    scopes: list[str]
    """What the key was granted."""

    tenant_id: str
    """Whose the key is."""

    type: str
    """`secret` or `publishable` for a key, `access_token` or `service` for a token."""

    valid: bool
    """Always `true`."""


class AgentObject(TypedDict):
    """An agent as it is shown."""

    created_at: str
    """When it was created."""

    id: str
    """Its id."""

    name: str
    """Its name."""

    status: str
    """`active`, or `restricted`: the keys of its integrations are refused."""

    tenant_id: str
    """Its owner."""


class AgentPage(TypedDict):
    """A page of agents."""

    data: list[AgentObject]
    """The agents, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class AuditObject(TypedDict):
    """An entry of the audit trail."""

    action: str
    """What, such as `key.revoked`."""

    actor: NotRequired[str | None]
    """Who: the id of a key or of a member, `system`, a node, or `anonymous` where somebody failed to sign in."""

    actor_name: NotRequired[str | None]
    """The name of that key where it is a management credential. Told on pages, to whoever sees all tenants."""

    details: dict[str, Any]
    """The particulars."""

    event_id: NotRequired[str | None]
    """The event's id, the same as on the message bus."""

    ip: NotRequired[str | None]
    """From where; `null` where it is unknown or was erased."""

    key_id: NotRequired[str | None]
    """To which key."""

    outcome: str
    """`success`, or the code of the refusal."""

    position: int
    """Its place in the log."""

    request_id: NotRequired[str | None]
    """The request that caused it."""

    tenant_id: NotRequired[str | None]
    """Whose."""

    time: str
    """When."""


class AuditPage(TypedDict):
    """A page of the audit trail."""

    data: list[AuditObject]
    """The entries, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class ChangeAgentBody(TypedDict):
    """What of an agent shall change; what is left out stays."""

    name: NotRequired[str | None]
    """Another name."""

    status: NotRequired[str | None]
    """`restricted`: the keys of its integrations are refused; `active`: they are accepted again."""


class ChangeClientBody(TypedDict):
    """What of a client shall change. What is left out stays."""

    ip_allowlist: NotRequired[list[str] | None]
    """Another allow list; empty: from anywhere."""

    name: NotRequired[str | None]
    """Another name."""

    redirect_uris: NotRequired[list[str] | None]
    """Other places where codes may be sent, all of them."""

    restrictions: NotRequired[dict[str, list[str]] | None]
    """Other restrictions."""

    scopes: NotRequired[list[str] | None]
    """Other scopes, all of them. Tokens that were issued before are held to them as well."""


class ChangeIntegrationBody(TypedDict):
    """What of an integration shall change; what is left out stays."""

    agent_id: NotRequired[str | None]
    """Another agent."""

    enabled: NotRequired[bool | None]
    """`false`: its keys are refused; `true`: they are accepted again."""

    name: NotRequired[str | None]
    """Another name."""


class ChangeKeyBody(TypedDict):
    """What of a key shall change; what is left out stays."""

    expires_at: NotRequired[str | None]
    """Another end: an instant (RFC 3339), or a date for 00:00 UTC of that day; `null`: never."""

    expires_in: NotRequired[str | None]
    """Another lifetime, counted from now."""

    ip_allowlist: NotRequired[list[str] | None]
    """Another allow list; empty: from anywhere."""

    name: NotRequired[str | None]
    """Another name."""

    restrictions: NotRequired[dict[str, list[str]] | None]
    """Other restrictions."""

    scopes: NotRequired[list[str] | None]
    """Other scopes."""


class Receipt(TypedDict):
    """How far a change that takes something away has come when it is answered: `confirmed` and `lapsed` are all `nodes`."""

    confirmed: int
    """Those that confirmed that they answer by it."""

    elapsed_ms: int
    """How long it took from the commit until the last of them, in milliseconds."""

    lapsed: int
    """Those that did not, and have lost the right to accept anything instead."""

    nodes: int
    """Validating nodes that could have answered without the change when it was made, API nodes among them. One that had gone to
    another API node less than three seconds before has a right to answer from each, and counts twice.
    """

    position: int
    """The position of the log that the nodes have applied."""


class ChangedAgent(AgentObject):
    """An agent that was changed."""

    receipt: Receipt
    """How far the change has come."""


class ChangedClient(TypedDict):
    """A changed client with the proof that nodes know."""

    client: ClientObject
    """The client."""

    receipt: Receipt
    """How far the change has come."""


class IntegrationObject(TypedDict):
    """An integration as it is shown."""

    agent_id: NotRequired[str | None]
    """The agent that it is connected to."""

    created_at: str
    """When it was created."""

    enabled: bool
    """Whether its keys are accepted, as far as it is concerned."""

    id: str
    """Its id."""

    name: str
    """Its name."""

    tenant_id: str
    """Its owner."""

    type: str
    """Through what it is used: `api`."""


class ChangedIntegration(IntegrationObject):
    """An integration that was changed."""

    receipt: Receipt
    """How far the change has come."""


class KeyObject(TypedDict):
    """A key as it is shown."""

    client_id: NotRequired[str | None]
    """Its public client id, where the dialect has them."""

    created_at: str
    """When it was created."""

    created_by: NotRequired[str | None]
    """Who created it."""

    environment: str
    """The environment's name."""

    expires_at: NotRequired[str | None]
    """When it ends; `null`: never."""

    id: str
    """Its id."""

    integration_id: NotRequired[str | None]
    """The integration that it belongs to."""

    ip_allowlist: list[str]
    """From where; empty: from anywhere."""

    last_used_at: NotRequired[str | None]
    """When a node last accepted it, as far as usage has come in."""

    name: str
    """Its name."""

    prefix: str
    """The first characters of its newest secret; of a key that is a JWT, its prefix and its last characters."""

    restrictions: dict[str, list[str]]
    """To what it is restricted."""

    revocation_note: NotRequired[str | None]
    """What was noted about it."""

    revocation_reason: NotRequired[str | None]
    """Why it was revoked."""

    revoked_at: NotRequired[str | None]
    """When it was revoked."""

    scopes: list[str]
    """What it may do."""

    status: str
    """`active`, `revoked` or `expired`."""

    tenant_id: str
    """Its owner."""

    type: str
    """`secret` or `publishable`."""

    versions: list[SecretVersionObject]
    """Its secrets, oldest first."""


class ChangedKey(KeyObject):
    """A key as it was changed."""

    receipt: Receipt
    """How far the change has come."""


class ClientObject(TypedDict):
    """An OAuth client as it is shown."""

    authentication: str
    """How it proves who it is: `client_secret`, `private_key_jwt` or `none`."""

    client_id: str
    """Its public id, which it sends with every request."""

    created_at: str
    """When it was registered."""

    created_by: NotRequired[str | None]
    """Who registered it."""

    dpop_bound_access_tokens: bool
    """Whether it gets access tokens that are bound to a key alone (RFC 9449)."""

    environment: str
    """The environment of its tokens."""

    id: str
    """Its id, under which the audit trail and usage have it."""

    ip_allowlist: list[str]
    """From where its tokens may be used; empty: from anywhere."""

    jwks: list[dict[str, Any]]
    """Its public keys, where it proves who it is with `private_key_jwt`."""

    name: str
    """Its name."""

    redirect_uris: list[str]
    """Where codes may be sent."""

    require_pushed_authorization_requests: bool
    """Whether it must push its authorization requests (RFC 9126)."""

    requires_pkce: bool
    """Whether its authorization requests need a `code_challenge`."""

    restrictions: dict[str, list[str]]
    """To what its tokens are restricted."""

    revocation_note: NotRequired[str | None]
    """What was noted about it."""

    revocation_reason: NotRequired[str | None]
    """Why it was revoked."""

    revoked_at: NotRequired[str | None]
    """When it was revoked."""

    scopes: list[str]
    """What its tokens may allow at most."""

    secrets: list[ClientSecretObject]
    """Its secrets, oldest first."""

    status: str
    """`active` or `revoked`."""

    tenant_id: str
    """Who registered it."""

    type: str
    """`server` or `app`."""


class ClientPage(TypedDict):
    """A page of clients."""

    data: list[ClientObject]
    """The clients, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class ClientSecretObject(TypedDict):
    """A secret of a client as it is shown."""

    created_at: str
    """When it was made."""

    number: int
    """1 for the first."""

    prefix: str
    """The first characters."""

    superseded_until: NotRequired[str | None]
    """Until when it stays valid after being replaced; `null`: it is the current one."""


class ClientWithSecret(TypedDict):
    """A client with a secret that is shown this once."""

    client: ClientObject
    """The client."""

    client_id: str
    """Its public id."""

    client_secret: NotRequired[str]
    """The secret, where it has one. Store it now: it cannot be retrieved later."""


class CountedLimit(TypedDict):
    """A limit of a tenant's requests that were accepted."""

    limit: int
    """At most so many"""

    remaining: int
    """How many more this node could accept now. Other nodes may hold more."""

    reset_at: NotRequired[str | None]
    """When the oldest requests that count slide out, so that there is room for more."""

    window_seconds: int
    """in any stretch of so many seconds."""


class CreateAgentBody(TypedDict):
    """An agent to create."""

    name: str
    """A name for people, 1 to 100 characters."""


class CreateIntegrationBody(TypedDict):
    """An integration to create."""

    agent_id: NotRequired[str | None]
    """The agent that it is connected to; required where the dialect's integrations have one."""

    name: str
    """A name for people, 1 to 100 characters."""

    type: NotRequired[str | None]
    """Through what it is used: `api`, which is the default."""


class CreateMemberBody(TypedDict):
    """Who shall be a member."""

    email: str
    """The e-mail address, which no other member of the installation has."""

    password: NotRequired[str | None]
    """The first password, 12 characters to 1,024 bytes; left out: the member cannot sign in until one is set."""

    role: str
    """`owner`: everything; `admin`: keys, members and the audit trail; `developer`: keys; `auditor`: reads alone."""


class CreateNodeBody(TypedDict):
    """A validating node to come."""

    dialects: NotRequired[list[str] | None]
    """The dialects whose credentials the node may follow; where left out, all that there are and will be."""

    expires_at: NotRequired[str | None]
    """When its credential ends: an instant (RFC 3339), or a date for 00:00 UTC of that day."""

    expires_in: NotRequired[str | None]
    """How long its credential lives, such as `90d`. Where neither this nor `expires_at` is given, as long as it may: until the
    credential ends that makes it, or for ever.
    """

    ip_allowlist: NotRequired[list[str]]
    """Addresses and networks it may connect from; from anywhere where empty."""

    name: str
    """A name for people, 1 to 100 characters."""


class CreateTenantBody(TypedDict):
    """A tenant to create."""

    dialect: str
    """The dialect of its keys, for good."""

    name: str
    """A name for people, 1 to 100 characters."""


class FieldError(TypedDict):
    """One thing that is wrong with a request body or query."""

    fix: str
    """What to write instead."""

    location: str
    """Where, such as `body.scopes[2]`."""

    message: str
    """What is wrong."""


class IntegrationPage(TypedDict):
    """A page of integrations."""

    data: list[IntegrationObject]
    """The integrations, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class IssueJwtSecretBody(TypedDict):
    """A secret to create. Without `Debug`: it may hold the secret."""

    environment: NotRequired[str | None]
    """Name or alias of an environment; the dialect's first where left out."""

    name: str
    """A name for people, 1 to 100 characters."""

    scopes: NotRequired[list[str]]
    """What tokens that are signed with it may do at the most."""

    secret: NotRequired[str | None]
    """The tenant's own secret: 32 to 512 visible ASCII characters that nobody can guess. One is made where left out."""


class IssueKeyBody(TypedDict):
    """A key to create."""

    environment: NotRequired[str | None]
    """Name or alias of an environment; the dialect's first where left out."""

    expires_at: NotRequired[str | None]
    """When it ends: an instant (RFC 3339), or a date for 00:00 UTC of that day."""

    expires_in: NotRequired[str | None]
    """How long it lives, such as `30d`; for ever where neither this nor `expires_at` is given."""

    integration_id: NotRequired[str | None]
    """The integration that it belongs to, for good; required where the dialect's keys belong to one."""

    ip_allowlist: NotRequired[list[str]]
    """Addresses and networks it may be used from; from anywhere where empty. A network is written without host bits:
    `10.0.0.0/8`, not `10.0.0.1/8`.
    """

    name: str
    """A name for people, 1 to 100 characters."""

    restrictions: NotRequired[dict[str, list[str]]]
    """To what it is restricted, by the names that the dialect has."""

    scopes: NotRequired[list[str]]
    """What it may do."""

    type: NotRequired[str | None]
    """`secret`, which is the default, or `publishable`."""


class IssuedJwtSecret(TypedDict):
    """A secret that is shown this once."""

    jwt_secret: JwtSecretObject
    """What is known of it."""

    secret: str
    """The secret: the whole text is the key of HS256. Store it now: it cannot be retrieved later."""


class JwtSecretObject(TypedDict):
    """A secret for service JWTs as it is shown."""

    created_at: str
    """When it was created."""

    environment: str
    """The environment of its tokens."""

    id: str
    """Its id: the `kid` in the headers of the tokens that are signed with it."""

    name: str
    """Its name."""

    revocation_reason: NotRequired[str | None]
    """Why it was revoked."""

    revoked_at: NotRequired[str | None]
    """When it was revoked."""

    scopes: list[str]
    """What its tokens may do at the most."""

    status: str
    """`active` or `revoked`."""

    tenant_id: str
    """Its owner."""

    versions: list[JwtSecretVersionObject]
    """Its versions, oldest first."""


class JwtSecretPage(TypedDict):
    """A page of secrets for service JWTs."""

    data: list[JwtSecretObject]
    """The secrets, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class JwtSecretVersionObject(TypedDict):
    """A version of a secret as it is shown."""

    created_at: str
    """When it was made."""

    number: int
    """1 for the first."""

    superseded_until: NotRequired[str | None]
    """Until when it stays valid after being replaced; `null`: it is the current one."""


class KeyPage(TypedDict):
    """A page of keys."""

    data: list[KeyObject]
    """The keys, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class KeyWithSecret(TypedDict):
    """A key with a secret that is shown this once."""

    client_id: NotRequired[str | None]
    """The public client id, where the dialect has them."""

    key: KeyObject
    """The key."""

    secret: str
    """The secret. Store it now: it cannot be retrieved later."""


class LeaseObject(TypedDict):
    """A right to answer."""

    expires_in_ms: NotRequired[int | None]
    """The longest time until it ends unless it is renewed, which a node in order does more than once a second; `null` where it
    has ended.
    """

    state: str
    """`held`, or `lapsed`: it answers nothing."""


class MemberObject(TypedDict):
    """A member as it is shown."""

    created_at: str
    """Since when."""

    email: NotRequired[str | None]
    """The e-mail address; `null` where it was erased."""

    id: str
    """Its id."""

    password_set_at: NotRequired[str | None]
    """Since when the password is the present one; `null`: the member has none, and cannot sign in."""

    role: str
    """`owner`, `admin`, `developer` or `auditor`."""


class MemberPage(TypedDict):
    """A page of members."""

    data: list[MemberObject]
    """The members, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class NodeCredentialObject(TypedDict):
    """The credential of a validating node, without its secret."""

    created_at: str
    """When it was created."""

    credential_id: str
    """Its id: a key of the platform's own tenant, which is where it is revoked."""

    dialects: NotRequired[list[str] | None]
    """The dialects whose credentials the node may follow; `null`: all."""

    expires_at: NotRequired[str | None]
    """When it ends; `null`: never."""

    ip_allowlist: list[str]
    """From where it may connect; empty: from anywhere."""

    name: str
    """Its name."""

    prefix: str
    """The first characters of the secret."""


class NodeObject(TypedDict):
    """A process that validates."""

    api_node: str
    """The address of the API node that it is or was connected to; of an API node, its own."""

    connected_at: NotRequired[str | None]
    """When its stream began; `null`: it has none just now, and is listed as long as it may answer and for a minute more. Of an
    API node, when it started.
    """

    credential_id: NotRequired[str | None]
    """The id of its credential; `null` of an API node."""

    dialects: list[str]
    """The dialects that it answers for."""

    id: str
    """What it keeps over restarts, in its folder. Of an API node, its registration, which each start makes anew."""

    incarnation: str
    """The run of its process."""

    kind: str
    """`validator`, or `api`: API nodes validate as well."""

    lag: int
    """How many positions it is behind the last change that its API node has for it; an API node, behind the end of the log as it
    last read that.
    """

    lease: LeaseObject
    """Its right to answer."""

    name: NotRequired[str | None]
    """The name of its credential when it connected; `null` of an API node."""

    position: int
    """Everything up to this position of the log shows in its answers."""

    version: str
    """The version of its program."""


class NodePage(TypedDict):
    """All nodes."""

    data: list[NodeObject]
    """The nodes: API nodes, then those that only validate by name."""

    next_cursor: NotRequired[str | None]
    """Always `null`: there is one page."""


class NodeWithCredential(TypedDict):
    """The credential of a validating node, with the secret that is shown this once."""

    credential: str
    """What the node has as `control.credential`. Store it now: it cannot be retrieved later."""

    node: NodeCredentialObject
    """What was made."""


class Outward(TypedDict):
    """What the dialect tells the outside."""

    body: dict[str, Any]
    """The body: JSON as such, anything else as a text."""

    headers: dict[str, str]
    """Headers by name."""

    status: int
    """The status."""


class Problem(TypedDict):
    """A problem as it is sent (RFC 9457 section 3)."""

    code: str
    """The kind, for machines."""

    detail: str
    """This occurrence, for people."""

    errors: NotRequired[list[FieldError]]
    """What is wrong with the request's fields."""

    request_id: str
    """The request's id."""

    status: int
    """HTTP status."""

    title: str
    """The kind, for people."""

    type: str
    """Address of a page about this kind of problem, on this server."""


class ProjectionObject(TypedDict):
    """How far a projection is."""

    checkpoint: int
    """Up to which position it has folded the log."""

    error: NotRequired[str | None]
    """Why it stands still."""

    head: int
    """The last position of the log."""

    lag: int
    """How many events it is behind."""

    name: str
    """Its name."""

    rebuilding: NotRequired[RebuildObject | None]

    version: int
    """The number of the table set that is read."""


class ProjectionPage(TypedDict):
    """All projections."""

    data: list[ProjectionObject]
    """The projections."""

    next_cursor: NotRequired[str | None]
    """Always `null`: there is one page."""


class RebuildObject(TypedDict):
    """A running rebuild."""

    position: int
    """Up to which position it has come."""

    target: int
    """Where it has to go."""


class RegisterClientBody(TypedDict):
    """A client to register."""

    authentication: NotRequired[str | None]
    """How it proves who it is: `client_secret`, which is the default, `private_key_jwt` (RFC 7523), or `none` for an app that
    runs where no secret can be kept.
    """

    dpop_bound_access_tokens: NotRequired[bool | None]
    """Whether it gets access tokens that are bound to a key alone (RFC 9449); left out, it gets those where it sends a proof."""

    environment: NotRequired[str | None]
    """Name or alias of the environment of its tokens; the dialect's first where left out."""

    ip_allowlist: NotRequired[list[str]]
    """Addresses and networks that its tokens may be used from; from anywhere where empty."""

    jwks: NotRequired[dict[str, Any] | None]
    """Its public keys as a JWK set, with `private_key_jwt`: Ed25519, P-256, or RSA of at least 2048 bits."""

    name: str
    """A name, 1 to 100 characters. People read it when they are asked for their consent."""

    redirect_uris: NotRequired[list[str]]
    """Where codes may be sent, compared byte for byte; for an app, 1 to 20."""

    require_pushed_authorization_requests: NotRequired[bool | None]
    """Whether it must push its authorization requests to `/oauth/par` (RFC 9126), which it may in any case; `false` where left
    out.
    """

    requires_pkce: NotRequired[bool | None]
    """Whether its authorization requests need a `code_challenge` (RFC 7636), which they may have in any case. Left out, those of
    an app do that does not prove who it is, which cannot do without.
    """

    restrictions: NotRequired[dict[str, list[str]]]
    """To what its tokens are restricted, by the names that the dialect has."""

    scopes: NotRequired[list[str] | None]
    """What its tokens may allow at most; where left out, every scope of the dialect that does not contain all others."""

    type: str
    """`server` gets tokens for itself (`client_credentials`), `app` for people who agree to it (`authorization_code`)."""


class Rejected(TypedDict):
    """The credential may not do what was asked."""

    code: str
    """Why, for machines."""

    detail: str
    """Why, for insiders."""

    response: Outward
    """What the dialect tells the outside."""

    status: int
    """The status for the outside."""

    valid: bool
    """Always `false`."""


class RenameTenantBody(TypedDict):
    """What of a tenant shall change."""

    name: str
    """Another name."""


class RequestObject(TypedDict):
    """A request that was made with a key."""

    at: str
    """When it was decided."""

    client_version: NotRequired[str | None]
    """The version that the caller's client says it has."""

    code: str
    """The outcome."""

    ip: NotRequired[str | None]
    """The caller's address; `null` where it is unknown or was erased."""

    method: NotRequired[str | None]
    """HTTP method."""

    path: NotRequired[str | None]
    """Path, without the query."""

    request_id: NotRequired[str | None]
    """The caller's request id."""

    version: NotRequired[int | None]
    """Which secret of the key was presented."""


class RequestPage(TypedDict):
    """A page of requests."""

    data: list[RequestObject]
    """The requests, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class RevokeKeyBody(TypedDict):
    """Why a key shall be revoked."""

    note: NotRequired[str | None]
    """A note for people, at most 100 characters."""

    reason: NotRequired[str | None]
    """`compromised`, `superseded`, `unused`, `cessation_of_operation`, `privilege_withdrawn` or
    `unspecified`, which is the default.
    """


class RevokedClient(TypedDict):
    """A revoked client with the proof that nodes know."""

    client: ClientObject
    """The client."""

    receipt: Receipt
    """How far the revocation has come."""


class RevokedJwtSecret(TypedDict):
    """A revoked secret with the proof that nodes know."""

    jwt_secret: JwtSecretObject
    """What is known of it."""

    receipt: Receipt
    """How far the revocation has come."""


class RevokedKey(TypedDict):
    """A revoked key with the proof that nodes know."""

    key: KeyObject
    """The key."""

    receipt: Receipt
    """How far the revocation has come."""


class RevokedToken(TypedDict):
    """A revoked token with the proof that nodes know."""

    receipt: Receipt
    """How far the revocation has come."""

    token: TokenObject
    """The token."""


class RotateJwtSecretBody(TypedDict):
    """How a secret shall be replaced. Without `Debug`: it may hold the secret."""

    grace: NotRequired[str | None]
    """How long the old secret stays valid, such as `24h`; `0`: not at all; as for keys where left out."""

    secret: NotRequired[str | None]
    """The tenant's own secret, as when one is created. One is made where left out."""


class RotateKeyBody(TypedDict):
    """How a secret shall be replaced."""

    grace: NotRequired[str | None]
    """How long the old secret stays valid, such as `24h`; `0`: not at all; the dialect's default
    where left out.
    """


class RotatedClient(ClientWithSecret):
    """A client with a new secret that is shown this once."""


class RotatedJwtSecret(IssuedJwtSecret):
    """A secret that was replaced, with the new one, shown this once."""

    receipt: NotRequired[Receipt | None]


class RotatedKey(KeyWithSecret):
    """A key with a new secret that is shown this once."""

    receipt: NotRequired[Receipt]
    """How far the end of the old secret has come; left out where its grace period goes on."""


class SecretVersionObject(TypedDict):
    """A secret of a key as it is shown."""

    created_at: str
    """When it was made."""

    last_used_at: NotRequired[str | None]
    """When a node last accepted it."""

    number: int
    """1 for the first."""

    prefix: str
    """The first characters."""

    superseded_until: NotRequired[str | None]
    """Until when it stays valid after being replaced; `null`: it is the current one."""


class SessionObject(TypedDict):
    """A session of a member that lives."""

    created_at: str
    """When the member signed in."""

    expires_at: str
    """When it ends at the latest; sooner when nothing is asked in it for 30 minutes."""

    id: str
    """Its id, which opens nothing."""

    ip: NotRequired[str | None]
    """From where the member signed in; `null` where it is unknown or was erased."""

    last_seen_at: str
    """When something was asked in it last, to a minute."""

    member_id: str
    """Whose."""

    user_agent: NotRequired[str | None]
    """The browser, as it says itself."""


class SessionPage(TypedDict):
    """A page of sessions."""

    data: list[SessionObject]
    """The sessions, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class SetPasswordBody(TypedDict):
    """Another password."""

    password: str
    """12 characters to 1,024 bytes; neither the e-mail address nor the product's name."""


class SuspendTenantBody(TypedDict):
    """Why a tenant is suspended."""

    note: NotRequired[str | None]
    """A note for people, at most 100 characters."""


class TenantObject(TypedDict):
    """A tenant as it is shown."""

    created_at: str
    """When it was created."""

    dialect: str
    """The dialect of its keys."""

    id: str
    """Its id."""

    name: str
    """Its name."""

    status: str
    """`active` or `suspended`."""


class SuspendedTenant(TenantObject):
    """A tenant that was suspended."""

    receipt: Receipt
    """How far the suspension has come."""


class TenantPage(TypedDict):
    """A page of tenants."""

    data: list[TenantObject]
    """The tenants."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class TokenObject(TypedDict):
    """A token as it is shown."""

    client: str
    """The client that it was issued to."""

    client_id: str
    """Its public id."""

    client_name: str
    """Its name."""

    expires_at: str
    """When it ends."""

    grant_id: NotRequired[str | None]
    """The grant of an access token; `null`: the client's own credentials."""

    id: str
    """The id of an access token, its `jti`; or that of the grant that a refresh token belongs to."""

    issued_at: str
    """When it was issued; of a refresh token, when it was last used."""

    kind: str
    """`access` or `refresh`."""

    revoked_at: NotRequired[str | None]
    """When it was revoked, or its grant or client was."""

    scopes: list[str]
    """What it allows."""

    status: str
    """`active`, `revoked` or `expired`."""

    subject: str
    """Who agreed to it, or the client itself."""


class TokenPage(TypedDict):
    """A page of tokens."""

    data: list[TokenObject]
    """The tokens, newest first."""

    next_cursor: NotRequired[str | None]
    """Where the next page begins; `null` on the last one."""


class Told(TypedDict):
    """What an answer to an accepted request should say besides."""

    headers: dict[str, str]
    """Headers by name."""


class UsageObject(TypedDict):
    """Usage of a key."""

    data: list[UsageStep]
    """Decisions by outcome and time; steps without any are left out."""

    totals: dict[str, int]
    """Decisions by outcome over the key's whole life."""


# Usage of a key in a step of time.
UsageStep = TypedDict(
    "UsageStep",
    {
        "counts": "dict[str, int]",
        "from": "str",
        "to": "str",
    },
)


VerifyAnswer: TypeAlias = "Accepted | Rejected"


class VerifyBody(TypedDict):
    """What is asked. Either `credential`, or `dialect` and `headers`."""

    client_version: NotRequired[str | None]
    """The version of the caller's client, for the usage log."""

    credential: NotRequired[str | None]
    """The credential alone; its dialect is found by its prefix."""

    dialect: NotRequired[str | None]
    """The dialect that is served."""

    dpop: NotRequired[dict[str, Any] | None]
    """The proof that came with a token of the scheme `DPoP` (RFC 9449), which a token that is bound to a key needs."""

    environment: NotRequired[str | None]
    """The environment that is served."""

    headers: NotRequired[dict[str, str] | None]
    """The request's own headers, the credential among them."""

    ip: NotRequired[str | None]
    """The caller's address."""

    method: NotRequired[str | None]
    """The request's method."""

    path: NotRequired[str | None]
    """The request's path, for the usage log."""

    request_id: NotRequired[str | None]
    """The request's id, for the usage log."""

    required_scopes: NotRequired[list[str]]
    """Scopes that are all needed."""

    restrictions: NotRequired[dict[str, str]]
    """What the request touches, by restriction."""

    scheme: NotRequired[str | None]
    """Whether the caller used `https` or `http`, for dialects that take credentials over HTTPS alone; absent: by HTTPS."""


class Management:
    """An operation a method, by the name that openapi.json has for it."""

    _send: Sender

    def change_agent(
        self,
        tenant: str,
        agent: str,
        body: ChangeAgentBody,
    ) -> ChangedAgent:
        """Changes an agent's name, restricts it or makes it active again. When this answers, every validating node refuses the keys of a
        restricted agent's integrations: each has confirmed it, or cannot answer any more.
        """
        answer: ChangedAgent = self._send("PATCH", f"/v1/tenants/{in_path(tenant)}/agents/{in_path(agent)}", body=body)
        return answer

    def change_client(
        self,
        tenant: str,
        client: str,
        body: ChangeClientBody,
    ) -> ChangedClient:
        """Changes an OAuth client's name, redirect URIs, scopes, allow list or restrictions. What is left out stays. When this answers,
        the change is in force on every validating node, also for tokens that were issued before: each has confirmed it, or cannot
        answer any more.
        """
        answer: ChangedClient = self._send("PATCH", f"/v1/tenants/{in_path(tenant)}/clients/{in_path(client)}", body=body)
        return answer

    def change_integration(
        self,
        tenant: str,
        integration: str,
        body: ChangeIntegrationBody,
    ) -> ChangedIntegration:
        """Changes an integration's name or agent, disables it or enables it again. When this answers, every validating node refuses the
        keys of a disabled integration: each has confirmed it, or cannot answer any more. No key is changed by it.
        """
        answer: ChangedIntegration = self._send("PATCH", f"/v1/tenants/{in_path(tenant)}/integrations/{in_path(integration)}", body=body)
        return answer

    def change_key(
        self,
        tenant: str,
        key: str,
        body: ChangeKeyBody,
    ) -> ChangedKey:
        """Changes a key's name, scopes, allow list, restrictions or expiry. What is left out stays. When this answers, the change is in
        force on every validating node: each has confirmed it, or cannot answer any more.
        """
        answer: ChangedKey = self._send("PATCH", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}", body=body)
        return answer

    def change_tenant(
        self,
        tenant: str,
        body: RenameTenantBody,
    ) -> TenantObject:
        """Gives a tenant another name."""
        answer: TenantObject = self._send("PATCH", f"/v1/tenants/{in_path(tenant)}", body=body)
        return answer

    def create_agent(
        self,
        tenant: str,
        body: CreateAgentBody,
        *,
        idempotency_key: str | None = None,
    ) -> AgentObject:
        """Creates an agent, active. Integrations are connected to it."""
        answer: AgentObject = self._send("POST", f"/v1/tenants/{in_path(tenant)}/agents", body=body, idempotency_key=idempotency_key)
        return answer

    def create_integration(
        self,
        tenant: str,
        body: CreateIntegrationBody,
        *,
        idempotency_key: str | None = None,
    ) -> IntegrationObject:
        """Creates an integration, enabled. Keys are made for it with its id as `integration_id`."""
        answer: IntegrationObject = self._send("POST", f"/v1/tenants/{in_path(tenant)}/integrations", body=body, idempotency_key=idempotency_key)
        return answer

    def create_member(
        self,
        tenant: str,
        body: CreateMemberBody,
        *,
        idempotency_key: str | None = None,
    ) -> MemberObject:
        """Makes somebody a member of a tenant. A member of the platform's own tenant acts in all tenants. Nobody makes a member who may
        do what they may not do themselves.
        """
        answer: MemberObject = self._send("POST", f"/v1/tenants/{in_path(tenant)}/members", body=body, idempotency_key=idempotency_key)
        return answer

    def create_node(
        self,
        body: CreateNodeBody,
        *,
        idempotency_key: str | None = None,
    ) -> NodeWithCredential:
        """Creates the credential of a validating node: good for the node's stream, and for nothing else. It is shown in this answer and
        never again, except to a repetition with the same idempotency key within 24 hours.
        `POST /v1/tenants/00000000-0000-7000-8000-000000000001/keys/{key}/revoke` revokes it: the node is sent nothing more, and
        answers nothing three seconds later.
        """
        answer: NodeWithCredential = self._send("POST", "/v1/nodes", body=body, idempotency_key=idempotency_key)
        return answer

    def create_tenant(
        self,
        body: CreateTenantBody,
        *,
        idempotency_key: str | None = None,
    ) -> TenantObject:
        """Creates a tenant."""
        answer: TenantObject = self._send("POST", "/v1/tenants", body=body, idempotency_key=idempotency_key)
        return answer

    def end_session(
        self,
        tenant: str,
        session: str,
    ) -> None:
        """Ends a session. When this answers, no API node accepts it. Ending a session twice is no error."""
        self._send("DELETE", f"/v1/tenants/{in_path(tenant)}/sessions/{in_path(session)}")

    def erase_member(
        self,
        tenant: str,
        member: str,
        *,
        idempotency_key: str | None = None,
    ) -> MemberObject:
        """Destroys the key that a former member's e-mail address is encrypted with, and the addresses that the member's requests came
        from: nobody can read them any more, on this API node at once and on the others within a minute, and in no copy of the log. What
        the member did stays in the trail, under an id. Nothing brings the data back. Erasing twice is no error.
        """
        answer: MemberObject = self._send("POST", f"/v1/tenants/{in_path(tenant)}/members/{in_path(member)}/erase", idempotency_key=idempotency_key)
        return answer

    def follow_events(
        self,
        *,
        after: int | None = None,
        wait: int | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """The events behind a position, as CloudEvents, in the log's order. With `wait` the answer is held until there is one."""
        answer: dict[str, Any] = self._send("GET", "/v1/events", query={"after": after, "wait": wait, "limit": limit})
        return answer

    def issue_jwt_secret(
        self,
        tenant: str,
        body: IssueJwtSecretBody,
        *,
        idempotency_key: str | None = None,
    ) -> IssuedJwtSecret:
        """Creates a secret with which a tenant's services sign their own tokens (JWTs, HS256), which nodes then accept as that tenant's
        service. It is shown in this answer and never again, except to a repetition with the same idempotency key within 24 hours.
        """
        answer: IssuedJwtSecret = self._send("POST", f"/v1/tenants/{in_path(tenant)}/jwt-secrets", body=body, idempotency_key=idempotency_key)
        return answer

    def issue_key(
        self,
        tenant: str,
        body: IssueKeyBody,
        *,
        idempotency_key: str | None = None,
    ) -> KeyWithSecret:
        """Creates a key. The secret is shown in this answer and never again, except to a repetition with
        the same idempotency key within 24 hours. When this answers, the key works.
        """
        answer: KeyWithSecret = self._send("POST", f"/v1/tenants/{in_path(tenant)}/keys", body=body, idempotency_key=idempotency_key)
        return answer

    def list_agents(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AgentPage:
        """Lists a tenant's agents, newest first."""
        answer: AgentPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/agents", query={"limit": limit, "cursor": cursor})
        return answer

    def list_clients(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ClientPage:
        """Lists a tenant's OAuth clients, newest first, those that are revoked among them."""
        answer: ClientPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/clients", query={"limit": limit, "cursor": cursor})
        return answer

    def list_integrations(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> IntegrationPage:
        """Lists a tenant's integrations, newest first."""
        answer: IntegrationPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/integrations", query={"limit": limit, "cursor": cursor})
        return answer

    def list_jwt_secrets(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JwtSecretPage:
        """Lists a tenant's secrets for service JWTs, newest first; never the secrets themselves."""
        answer: JwtSecretPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/jwt-secrets", query={"limit": limit, "cursor": cursor})
        return answer

    def list_key_requests(
        self,
        tenant: str,
        key: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> RequestPage:
        """Lists the requests that were made with a key, newest first."""
        answer: RequestPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}/requests", query={"limit": limit, "cursor": cursor})
        return answer

    def list_keys(
        self,
        tenant: str,
        *,
        status: str | None = None,
        integration_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> KeyPage:
        """Lists a tenant's keys, newest first. What was answered before, by whichever API node, is there."""
        answer: KeyPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/keys", query={"status": status, "integration_id": integration_id, "limit": limit, "cursor": cursor})
        return answer

    def list_members(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> MemberPage:
        """Lists the members of a tenant."""
        answer: MemberPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/members", query={"limit": limit, "cursor": cursor})
        return answer

    def list_nodes(
        self,
    ) -> NodePage:
        """Lists the nodes that may accept credentials: those that a revocation waits for, and for a minute those that lost the right
        to. What other API nodes tell of theirs is up to three seconds old.
        """
        answer: NodePage = self._send("GET", "/v1/nodes")
        return answer

    def list_projections(
        self,
    ) -> ProjectionPage:
        """Tells how far the projections are."""
        answer: ProjectionPage = self._send("GET", "/v1/projections")
        return answer

    def list_sessions(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> SessionPage:
        """Lists the sessions of a tenant's members that live."""
        answer: SessionPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/sessions", query={"limit": limit, "cursor": cursor})
        return answer

    def list_tenants(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TenantPage:
        """Lists the tenants that the caller sees."""
        answer: TenantPage = self._send("GET", "/v1/tenants", query={"limit": limit, "cursor": cursor})
        return answer

    def list_tokens(
        self,
        tenant: str,
        *,
        status: str | None = None,
        client: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TokenPage:
        """Lists the tokens that open a tenant's data, newest first: access tokens one by one, and the refresh token of each grant."""
        answer: TokenPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/tokens", query={"status": status, "client": client, "limit": limit, "cursor": cursor})
        return answer

    def rebuild_projection(
        self,
        name: str,
        *,
        idempotency_key: str | None = None,
    ) -> None:
        """Builds a projection anew beside the live one, and switches when it has caught up."""
        self._send("POST", f"/v1/projections/{in_path(name)}/rebuild", idempotency_key=idempotency_key)

    def register_client(
        self,
        tenant: str,
        body: RegisterClientBody,
        *,
        idempotency_key: str | None = None,
    ) -> ClientWithSecret:
        """Registers an OAuth client. Its secret is shown in this answer and never again, except to a repetition with the same
        idempotency key within 24 hours. When this answers, its tokens work.
        """
        answer: ClientWithSecret = self._send("POST", f"/v1/tenants/{in_path(tenant)}/clients", body=body, idempotency_key=idempotency_key)
        return answer

    def remove_member(
        self,
        tenant: str,
        member: str,
    ) -> None:
        """Ends a membership for good. When this answers, none of the member's sessions is accepted by any API node, and no validating
        node accepts a token of an app that the member agreed to: `Server-Timing` says how long that took. Removing a member twice is
        no error.
        """
        self._send("DELETE", f"/v1/tenants/{in_path(tenant)}/members/{in_path(member)}")

    def resume_tenant(
        self,
        tenant: str,
        *,
        idempotency_key: str | None = None,
    ) -> TenantObject:
        """Accepts the keys of a tenant again."""
        answer: TenantObject = self._send("POST", f"/v1/tenants/{in_path(tenant)}/resume", idempotency_key=idempotency_key)
        return answer

    def revoke_client(
        self,
        tenant: str,
        client: str,
        body: RevokeKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RevokedClient:
        """Revokes an OAuth client, for ever. When this answers, it gets no more tokens, and every validating node refuses all that it
        ever got: each has confirmed it, or cannot answer any more. Revoking twice is no error and no second event.
        """
        answer: RevokedClient = self._send("POST", f"/v1/tenants/{in_path(tenant)}/clients/{in_path(client)}/revoke", body=body, idempotency_key=idempotency_key)
        return answer

    def revoke_jwt_secret(
        self,
        tenant: str,
        secret: str,
        body: RevokeKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RevokedJwtSecret:
        """Revokes a secret, for ever. When this answers, every validating node refuses every token that was signed with it: each has
        confirmed it, or cannot answer any more. Revoking twice is no error and no second event.
        """
        answer: RevokedJwtSecret = self._send("POST", f"/v1/tenants/{in_path(tenant)}/jwt-secrets/{in_path(secret)}/revoke", body=body, idempotency_key=idempotency_key)
        return answer

    def revoke_key(
        self,
        tenant: str,
        key: str,
        body: RevokeKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RevokedKey:
        """Revokes a key, for ever. When this answers, every validating node refuses every secret of the key: each has confirmed it, or
        cannot answer any more. Revoking twice is no error and no second event.
        """
        answer: RevokedKey = self._send("POST", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}/revoke", body=body, idempotency_key=idempotency_key)
        return answer

    def revoke_token(
        self,
        tenant: str,
        token: str,
        body: RevokeKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RevokedToken:
        """Revokes an access token, or with the id of a grant its refresh token and all that it ever gave. When this answers, every
        validating node refuses them although their signatures are good: each has confirmed it, or cannot answer any more.
        """
        answer: RevokedToken = self._send("POST", f"/v1/tenants/{in_path(tenant)}/tokens/{in_path(token)}/revoke", body=body, idempotency_key=idempotency_key)
        return answer

    def rotate_client(
        self,
        tenant: str,
        client: str,
        body: RotateKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RotatedClient:
        """Gives a client a new secret, shown in this answer alone. The old one stays valid for the grace period. Tokens that were
        issued stay as they are: revoke those that somebody else may have.
        """
        answer: RotatedClient = self._send("POST", f"/v1/tenants/{in_path(tenant)}/clients/{in_path(client)}/rotate", body=body, idempotency_key=idempotency_key)
        return answer

    def rotate_jwt_secret(
        self,
        tenant: str,
        secret: str,
        body: RotateJwtSecretBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RotatedJwtSecret:
        """Replaces a secret under the same id, and shows the new one in this answer alone. Tokens that were signed with the old one are
        accepted for the grace period; without grace, every validating node refuses them when this answers.
        """
        answer: RotatedJwtSecret = self._send("POST", f"/v1/tenants/{in_path(tenant)}/jwt-secrets/{in_path(secret)}/rotate", body=body, idempotency_key=idempotency_key)
        return answer

    def rotate_key(
        self,
        tenant: str,
        key: str,
        body: RotateKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RotatedKey:
        """Gives a key a new secret, shown in this answer alone. The old one stays valid for the grace period, and never beyond the
        key's own expiry. Without grace, every validating node refuses the old secret when this answers: each has confirmed it, or
        cannot answer any more.
        """
        answer: RotatedKey = self._send("POST", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}/rotate", body=body, idempotency_key=idempotency_key)
        return answer

    def search_audit(
        self,
        *,
        tenant: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        key: str | None = None,
        ip: str | None = None,
        outcome: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AuditPage:
        """Searches the audit trail of all tenants that the caller sees."""
        answer: AuditPage = self._send("GET", "/v1/audit", query={"tenant": tenant, "actor": actor, "action": action, "key": key, "ip": ip, "outcome": outcome, "from": from_, "to": to, "q": q, "limit": limit, "cursor": cursor})
        return answer

    def search_tenant_audit(
        self,
        tenant: str,
        *,
        actor: str | None = None,
        action: str | None = None,
        key: str | None = None,
        ip: str | None = None,
        outcome: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AuditPage:
        """Searches the audit trail of a tenant."""
        answer: AuditPage = self._send("GET", f"/v1/tenants/{in_path(tenant)}/audit", query={"actor": actor, "action": action, "key": key, "ip": ip, "outcome": outcome, "from": from_, "to": to, "q": q, "limit": limit, "cursor": cursor})
        return answer

    def set_member_password(
        self,
        tenant: str,
        member: str,
        body: SetPasswordBody,
        *,
        idempotency_key: str | None = None,
    ) -> MemberObject:
        """Gives a member another password. When this answers, no session of the member that was begun before is accepted by any API
        node, and no validating node accepts a token of an app that the member agreed to before: somebody who knew the old password
        may have agreed in the member's name.
        """
        answer: MemberObject = self._send("POST", f"/v1/tenants/{in_path(tenant)}/members/{in_path(member)}/password", body=body, idempotency_key=idempotency_key)
        return answer

    def show_agent(
        self,
        tenant: str,
        agent: str,
    ) -> AgentObject:
        """Shows an agent."""
        answer: AgentObject = self._send("GET", f"/v1/tenants/{in_path(tenant)}/agents/{in_path(agent)}")
        return answer

    def show_client(
        self,
        tenant: str,
        client: str,
    ) -> ClientObject:
        """Shows an OAuth client. Its secret cannot be shown again."""
        answer: ClientObject = self._send("GET", f"/v1/tenants/{in_path(tenant)}/clients/{in_path(client)}")
        return answer

    def show_integration(
        self,
        tenant: str,
        integration: str,
    ) -> IntegrationObject:
        """Shows an integration."""
        answer: IntegrationObject = self._send("GET", f"/v1/tenants/{in_path(tenant)}/integrations/{in_path(integration)}")
        return answer

    def show_jwt_secret(
        self,
        tenant: str,
        secret: str,
    ) -> JwtSecretObject:
        """Shows what is known of a secret for service JWTs; never the secret."""
        answer: JwtSecretObject = self._send("GET", f"/v1/tenants/{in_path(tenant)}/jwt-secrets/{in_path(secret)}")
        return answer

    def show_key(
        self,
        tenant: str,
        key: str,
    ) -> KeyObject:
        """Shows a key. Its secret cannot be shown again."""
        answer: KeyObject = self._send("GET", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}")
        return answer

    def show_key_usage(
        self,
        tenant: str,
        key: str,
        *,
        from_: str | None = None,
        to: str | None = None,
        step: str | None = None,
    ) -> UsageObject:
        """Counts a key's decisions by outcome. Usage comes in from the nodes within seconds."""
        answer: UsageObject = self._send("GET", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}/usage", query={"from": from_, "to": to, "step": step})
        return answer

    def show_tenant(
        self,
        tenant: str,
    ) -> TenantObject:
        """Shows a tenant."""
        answer: TenantObject = self._send("GET", f"/v1/tenants/{in_path(tenant)}")
        return answer

    def suspend_tenant(
        self,
        tenant: str,
        body: SuspendTenantBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> SuspendedTenant:
        """Refuses all keys of a tenant until it is resumed. When this answers, every validating node refuses them: each has confirmed
        it, or cannot answer any more.
        """
        answer: SuspendedTenant = self._send("POST", f"/v1/tenants/{in_path(tenant)}/suspend", body=body, idempotency_key=idempotency_key)
        return answer


class AsyncManagement:
    """An operation a method, by the name that openapi.json has for it."""

    _send: AsyncSender

    async def change_agent(
        self,
        tenant: str,
        agent: str,
        body: ChangeAgentBody,
    ) -> ChangedAgent:
        """Changes an agent's name, restricts it or makes it active again. When this answers, every validating node refuses the keys of a
        restricted agent's integrations: each has confirmed it, or cannot answer any more.
        """
        answer: ChangedAgent = await self._send("PATCH", f"/v1/tenants/{in_path(tenant)}/agents/{in_path(agent)}", body=body)
        return answer

    async def change_client(
        self,
        tenant: str,
        client: str,
        body: ChangeClientBody,
    ) -> ChangedClient:
        """Changes an OAuth client's name, redirect URIs, scopes, allow list or restrictions. What is left out stays. When this answers,
        the change is in force on every validating node, also for tokens that were issued before: each has confirmed it, or cannot
        answer any more.
        """
        answer: ChangedClient = await self._send("PATCH", f"/v1/tenants/{in_path(tenant)}/clients/{in_path(client)}", body=body)
        return answer

    async def change_integration(
        self,
        tenant: str,
        integration: str,
        body: ChangeIntegrationBody,
    ) -> ChangedIntegration:
        """Changes an integration's name or agent, disables it or enables it again. When this answers, every validating node refuses the
        keys of a disabled integration: each has confirmed it, or cannot answer any more. No key is changed by it.
        """
        answer: ChangedIntegration = await self._send("PATCH", f"/v1/tenants/{in_path(tenant)}/integrations/{in_path(integration)}", body=body)
        return answer

    async def change_key(
        self,
        tenant: str,
        key: str,
        body: ChangeKeyBody,
    ) -> ChangedKey:
        """Changes a key's name, scopes, allow list, restrictions or expiry. What is left out stays. When this answers, the change is in
        force on every validating node: each has confirmed it, or cannot answer any more.
        """
        answer: ChangedKey = await self._send("PATCH", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}", body=body)
        return answer

    async def change_tenant(
        self,
        tenant: str,
        body: RenameTenantBody,
    ) -> TenantObject:
        """Gives a tenant another name."""
        answer: TenantObject = await self._send("PATCH", f"/v1/tenants/{in_path(tenant)}", body=body)
        return answer

    async def create_agent(
        self,
        tenant: str,
        body: CreateAgentBody,
        *,
        idempotency_key: str | None = None,
    ) -> AgentObject:
        """Creates an agent, active. Integrations are connected to it."""
        answer: AgentObject = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/agents", body=body, idempotency_key=idempotency_key)
        return answer

    async def create_integration(
        self,
        tenant: str,
        body: CreateIntegrationBody,
        *,
        idempotency_key: str | None = None,
    ) -> IntegrationObject:
        """Creates an integration, enabled. Keys are made for it with its id as `integration_id`."""
        answer: IntegrationObject = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/integrations", body=body, idempotency_key=idempotency_key)
        return answer

    async def create_member(
        self,
        tenant: str,
        body: CreateMemberBody,
        *,
        idempotency_key: str | None = None,
    ) -> MemberObject:
        """Makes somebody a member of a tenant. A member of the platform's own tenant acts in all tenants. Nobody makes a member who may
        do what they may not do themselves.
        """
        answer: MemberObject = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/members", body=body, idempotency_key=idempotency_key)
        return answer

    async def create_node(
        self,
        body: CreateNodeBody,
        *,
        idempotency_key: str | None = None,
    ) -> NodeWithCredential:
        """Creates the credential of a validating node: good for the node's stream, and for nothing else. It is shown in this answer and
        never again, except to a repetition with the same idempotency key within 24 hours.
        `POST /v1/tenants/00000000-0000-7000-8000-000000000001/keys/{key}/revoke` revokes it: the node is sent nothing more, and
        answers nothing three seconds later.
        """
        answer: NodeWithCredential = await self._send("POST", "/v1/nodes", body=body, idempotency_key=idempotency_key)
        return answer

    async def create_tenant(
        self,
        body: CreateTenantBody,
        *,
        idempotency_key: str | None = None,
    ) -> TenantObject:
        """Creates a tenant."""
        answer: TenantObject = await self._send("POST", "/v1/tenants", body=body, idempotency_key=idempotency_key)
        return answer

    async def end_session(
        self,
        tenant: str,
        session: str,
    ) -> None:
        """Ends a session. When this answers, no API node accepts it. Ending a session twice is no error."""
        await self._send("DELETE", f"/v1/tenants/{in_path(tenant)}/sessions/{in_path(session)}")

    async def erase_member(
        self,
        tenant: str,
        member: str,
        *,
        idempotency_key: str | None = None,
    ) -> MemberObject:
        """Destroys the key that a former member's e-mail address is encrypted with, and the addresses that the member's requests came
        from: nobody can read them any more, on this API node at once and on the others within a minute, and in no copy of the log. What
        the member did stays in the trail, under an id. Nothing brings the data back. Erasing twice is no error.
        """
        answer: MemberObject = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/members/{in_path(member)}/erase", idempotency_key=idempotency_key)
        return answer

    async def follow_events(
        self,
        *,
        after: int | None = None,
        wait: int | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """The events behind a position, as CloudEvents, in the log's order. With `wait` the answer is held until there is one."""
        answer: dict[str, Any] = await self._send("GET", "/v1/events", query={"after": after, "wait": wait, "limit": limit})
        return answer

    async def issue_jwt_secret(
        self,
        tenant: str,
        body: IssueJwtSecretBody,
        *,
        idempotency_key: str | None = None,
    ) -> IssuedJwtSecret:
        """Creates a secret with which a tenant's services sign their own tokens (JWTs, HS256), which nodes then accept as that tenant's
        service. It is shown in this answer and never again, except to a repetition with the same idempotency key within 24 hours.
        """
        answer: IssuedJwtSecret = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/jwt-secrets", body=body, idempotency_key=idempotency_key)
        return answer

    async def issue_key(
        self,
        tenant: str,
        body: IssueKeyBody,
        *,
        idempotency_key: str | None = None,
    ) -> KeyWithSecret:
        """Creates a key. The secret is shown in this answer and never again, except to a repetition with
        the same idempotency key within 24 hours. When this answers, the key works.
        """
        answer: KeyWithSecret = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/keys", body=body, idempotency_key=idempotency_key)
        return answer

    async def list_agents(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AgentPage:
        """Lists a tenant's agents, newest first."""
        answer: AgentPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/agents", query={"limit": limit, "cursor": cursor})
        return answer

    async def list_clients(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ClientPage:
        """Lists a tenant's OAuth clients, newest first, those that are revoked among them."""
        answer: ClientPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/clients", query={"limit": limit, "cursor": cursor})
        return answer

    async def list_integrations(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> IntegrationPage:
        """Lists a tenant's integrations, newest first."""
        answer: IntegrationPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/integrations", query={"limit": limit, "cursor": cursor})
        return answer

    async def list_jwt_secrets(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> JwtSecretPage:
        """Lists a tenant's secrets for service JWTs, newest first; never the secrets themselves."""
        answer: JwtSecretPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/jwt-secrets", query={"limit": limit, "cursor": cursor})
        return answer

    async def list_key_requests(
        self,
        tenant: str,
        key: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> RequestPage:
        """Lists the requests that were made with a key, newest first."""
        answer: RequestPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}/requests", query={"limit": limit, "cursor": cursor})
        return answer

    async def list_keys(
        self,
        tenant: str,
        *,
        status: str | None = None,
        integration_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> KeyPage:
        """Lists a tenant's keys, newest first. What was answered before, by whichever API node, is there."""
        answer: KeyPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/keys", query={"status": status, "integration_id": integration_id, "limit": limit, "cursor": cursor})
        return answer

    async def list_members(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> MemberPage:
        """Lists the members of a tenant."""
        answer: MemberPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/members", query={"limit": limit, "cursor": cursor})
        return answer

    async def list_nodes(
        self,
    ) -> NodePage:
        """Lists the nodes that may accept credentials: those that a revocation waits for, and for a minute those that lost the right
        to. What other API nodes tell of theirs is up to three seconds old.
        """
        answer: NodePage = await self._send("GET", "/v1/nodes")
        return answer

    async def list_projections(
        self,
    ) -> ProjectionPage:
        """Tells how far the projections are."""
        answer: ProjectionPage = await self._send("GET", "/v1/projections")
        return answer

    async def list_sessions(
        self,
        tenant: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> SessionPage:
        """Lists the sessions of a tenant's members that live."""
        answer: SessionPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/sessions", query={"limit": limit, "cursor": cursor})
        return answer

    async def list_tenants(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TenantPage:
        """Lists the tenants that the caller sees."""
        answer: TenantPage = await self._send("GET", "/v1/tenants", query={"limit": limit, "cursor": cursor})
        return answer

    async def list_tokens(
        self,
        tenant: str,
        *,
        status: str | None = None,
        client: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> TokenPage:
        """Lists the tokens that open a tenant's data, newest first: access tokens one by one, and the refresh token of each grant."""
        answer: TokenPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/tokens", query={"status": status, "client": client, "limit": limit, "cursor": cursor})
        return answer

    async def rebuild_projection(
        self,
        name: str,
        *,
        idempotency_key: str | None = None,
    ) -> None:
        """Builds a projection anew beside the live one, and switches when it has caught up."""
        await self._send("POST", f"/v1/projections/{in_path(name)}/rebuild", idempotency_key=idempotency_key)

    async def register_client(
        self,
        tenant: str,
        body: RegisterClientBody,
        *,
        idempotency_key: str | None = None,
    ) -> ClientWithSecret:
        """Registers an OAuth client. Its secret is shown in this answer and never again, except to a repetition with the same
        idempotency key within 24 hours. When this answers, its tokens work.
        """
        answer: ClientWithSecret = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/clients", body=body, idempotency_key=idempotency_key)
        return answer

    async def remove_member(
        self,
        tenant: str,
        member: str,
    ) -> None:
        """Ends a membership for good. When this answers, none of the member's sessions is accepted by any API node, and no validating
        node accepts a token of an app that the member agreed to: `Server-Timing` says how long that took. Removing a member twice is
        no error.
        """
        await self._send("DELETE", f"/v1/tenants/{in_path(tenant)}/members/{in_path(member)}")

    async def resume_tenant(
        self,
        tenant: str,
        *,
        idempotency_key: str | None = None,
    ) -> TenantObject:
        """Accepts the keys of a tenant again."""
        answer: TenantObject = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/resume", idempotency_key=idempotency_key)
        return answer

    async def revoke_client(
        self,
        tenant: str,
        client: str,
        body: RevokeKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RevokedClient:
        """Revokes an OAuth client, for ever. When this answers, it gets no more tokens, and every validating node refuses all that it
        ever got: each has confirmed it, or cannot answer any more. Revoking twice is no error and no second event.
        """
        answer: RevokedClient = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/clients/{in_path(client)}/revoke", body=body, idempotency_key=idempotency_key)
        return answer

    async def revoke_jwt_secret(
        self,
        tenant: str,
        secret: str,
        body: RevokeKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RevokedJwtSecret:
        """Revokes a secret, for ever. When this answers, every validating node refuses every token that was signed with it: each has
        confirmed it, or cannot answer any more. Revoking twice is no error and no second event.
        """
        answer: RevokedJwtSecret = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/jwt-secrets/{in_path(secret)}/revoke", body=body, idempotency_key=idempotency_key)
        return answer

    async def revoke_key(
        self,
        tenant: str,
        key: str,
        body: RevokeKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RevokedKey:
        """Revokes a key, for ever. When this answers, every validating node refuses every secret of the key: each has confirmed it, or
        cannot answer any more. Revoking twice is no error and no second event.
        """
        answer: RevokedKey = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}/revoke", body=body, idempotency_key=idempotency_key)
        return answer

    async def revoke_token(
        self,
        tenant: str,
        token: str,
        body: RevokeKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RevokedToken:
        """Revokes an access token, or with the id of a grant its refresh token and all that it ever gave. When this answers, every
        validating node refuses them although their signatures are good: each has confirmed it, or cannot answer any more.
        """
        answer: RevokedToken = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/tokens/{in_path(token)}/revoke", body=body, idempotency_key=idempotency_key)
        return answer

    async def rotate_client(
        self,
        tenant: str,
        client: str,
        body: RotateKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RotatedClient:
        """Gives a client a new secret, shown in this answer alone. The old one stays valid for the grace period. Tokens that were
        issued stay as they are: revoke those that somebody else may have.
        """
        answer: RotatedClient = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/clients/{in_path(client)}/rotate", body=body, idempotency_key=idempotency_key)
        return answer

    async def rotate_jwt_secret(
        self,
        tenant: str,
        secret: str,
        body: RotateJwtSecretBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RotatedJwtSecret:
        """Replaces a secret under the same id, and shows the new one in this answer alone. Tokens that were signed with the old one are
        accepted for the grace period; without grace, every validating node refuses them when this answers.
        """
        answer: RotatedJwtSecret = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/jwt-secrets/{in_path(secret)}/rotate", body=body, idempotency_key=idempotency_key)
        return answer

    async def rotate_key(
        self,
        tenant: str,
        key: str,
        body: RotateKeyBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> RotatedKey:
        """Gives a key a new secret, shown in this answer alone. The old one stays valid for the grace period, and never beyond the
        key's own expiry. Without grace, every validating node refuses the old secret when this answers: each has confirmed it, or
        cannot answer any more.
        """
        answer: RotatedKey = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}/rotate", body=body, idempotency_key=idempotency_key)
        return answer

    async def search_audit(
        self,
        *,
        tenant: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        key: str | None = None,
        ip: str | None = None,
        outcome: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AuditPage:
        """Searches the audit trail of all tenants that the caller sees."""
        answer: AuditPage = await self._send("GET", "/v1/audit", query={"tenant": tenant, "actor": actor, "action": action, "key": key, "ip": ip, "outcome": outcome, "from": from_, "to": to, "q": q, "limit": limit, "cursor": cursor})
        return answer

    async def search_tenant_audit(
        self,
        tenant: str,
        *,
        actor: str | None = None,
        action: str | None = None,
        key: str | None = None,
        ip: str | None = None,
        outcome: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AuditPage:
        """Searches the audit trail of a tenant."""
        answer: AuditPage = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/audit", query={"actor": actor, "action": action, "key": key, "ip": ip, "outcome": outcome, "from": from_, "to": to, "q": q, "limit": limit, "cursor": cursor})
        return answer

    async def set_member_password(
        self,
        tenant: str,
        member: str,
        body: SetPasswordBody,
        *,
        idempotency_key: str | None = None,
    ) -> MemberObject:
        """Gives a member another password. When this answers, no session of the member that was begun before is accepted by any API
        node, and no validating node accepts a token of an app that the member agreed to before: somebody who knew the old password
        may have agreed in the member's name.
        """
        answer: MemberObject = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/members/{in_path(member)}/password", body=body, idempotency_key=idempotency_key)
        return answer

    async def show_agent(
        self,
        tenant: str,
        agent: str,
    ) -> AgentObject:
        """Shows an agent."""
        answer: AgentObject = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/agents/{in_path(agent)}")
        return answer

    async def show_client(
        self,
        tenant: str,
        client: str,
    ) -> ClientObject:
        """Shows an OAuth client. Its secret cannot be shown again."""
        answer: ClientObject = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/clients/{in_path(client)}")
        return answer

    async def show_integration(
        self,
        tenant: str,
        integration: str,
    ) -> IntegrationObject:
        """Shows an integration."""
        answer: IntegrationObject = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/integrations/{in_path(integration)}")
        return answer

    async def show_jwt_secret(
        self,
        tenant: str,
        secret: str,
    ) -> JwtSecretObject:
        """Shows what is known of a secret for service JWTs; never the secret."""
        answer: JwtSecretObject = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/jwt-secrets/{in_path(secret)}")
        return answer

    async def show_key(
        self,
        tenant: str,
        key: str,
    ) -> KeyObject:
        """Shows a key. Its secret cannot be shown again."""
        answer: KeyObject = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}")
        return answer

    async def show_key_usage(
        self,
        tenant: str,
        key: str,
        *,
        from_: str | None = None,
        to: str | None = None,
        step: str | None = None,
    ) -> UsageObject:
        """Counts a key's decisions by outcome. Usage comes in from the nodes within seconds."""
        answer: UsageObject = await self._send("GET", f"/v1/tenants/{in_path(tenant)}/keys/{in_path(key)}/usage", query={"from": from_, "to": to, "step": step})
        return answer

    async def show_tenant(
        self,
        tenant: str,
    ) -> TenantObject:
        """Shows a tenant."""
        answer: TenantObject = await self._send("GET", f"/v1/tenants/{in_path(tenant)}")
        return answer

    async def suspend_tenant(
        self,
        tenant: str,
        body: SuspendTenantBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> SuspendedTenant:
        """Refuses all keys of a tenant until it is resumed. When this answers, every validating node refuses them: each has confirmed
        it, or cannot answer any more.
        """
        answer: SuspendedTenant = await self._send("POST", f"/v1/tenants/{in_path(tenant)}/suspend", body=body, idempotency_key=idempotency_key)
        return answer
