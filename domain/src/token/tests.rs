use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::client::{Client, ClientAuthentication, ClientEvent, ClientRegistered, ClientState, ClientType};
use crate::verification::Restrictions;

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn tenant(number: u128) -> TenantId {
    TenantId::new(Uuid::from_u128(number))
}

fn key() -> KeyId {
    KeyId::new(Uuid::from_u128(7))
}

fn scopes(names: &[&str]) -> ScopeSet {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn client(client_type: ClientType) -> ClientState {
    let mut client = Client::default();
    client.apply(ClientEvent::ClientRegistered(Box::new(ClientRegistered {
        tenant_id: tenant(1),
        dialect: "nexus".into(),
        name: "Import".into(),
        client_type,
        client_id: "nx_client_1".into(),
        environment: "live".into(),
        authentication: ClientAuthentication::ClientSecret,
        requires_pkce: true,
        require_pushed_authorization_requests: false,
        dpop_bound_access_tokens: false,
        redirect_uris: Vec::new(),
        scopes: scopes(&["read:users", "write:users"]),
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        jwks: Vec::new(),
        hint: None,
        digest: None,
        registered_at: noon(),
    })));
    client.state().unwrap().clone()
}

fn issue(client_type: ClientType, on_behalf_of: Behalf) -> IssueToken {
    IssueToken {
        key_id: key(),
        client: client(client_type),
        tenant_suspended: false,
        on_behalf_of,
        lifetime: TimeDelta::hours(1),
        jkt: None,
        now: noon(),
    }
}

fn itself(asked: Option<&[&str]>) -> Behalf {
    Behalf::Itself { scopes: asked.map(scopes) }
}

fn decide(command: IssueToken) -> Result<Token, TokenRefusal> {
    let mut token = Token::default();
    let event = token.decide(TokenCommand::Issue(Box::new(command)))?.unwrap();
    token.apply(event);
    Ok(token)
}

#[test]
fn a_server_gets_what_it_asks_for_of_what_it_has() {
    let all = decide(issue(ClientType::Server, itself(None))).unwrap();
    let state = all.state().unwrap();
    assert_eq!(state.scopes, scopes(&["read:users", "write:users"]));
    assert_eq!((state.subject.as_str(), state.tenant_id), ("nx_client_1", tenant(1)));
    assert_eq!(state.expires_at, noon() + TimeDelta::hours(1));
    let some = decide(issue(ClientType::Server, itself(Some(&["read:users"])))).unwrap();
    assert_eq!(some.state().unwrap().scopes, scopes(&["read:users"]));
    let refusal = decide(issue(ClientType::Server, itself(Some(&["read:users", "admin:all"])))).unwrap_err();
    assert_eq!(refusal, TokenRefusal::InvalidScope { scope: "admin:all".into() });
}

#[test]
fn who_may_not_get_one_gets_none() {
    let server = || issue(ClientType::Server, itself(None));
    let revoked =
        ClientState { revoked: Some((noon(), RevocationReason::Unused)), ..client(ClientType::Server) };
    for (command, refusal) in [
        (issue(ClientType::App, itself(None)), TokenRefusal::UnauthorizedClient),
        (IssueToken { client: revoked, ..server() }, TokenRefusal::ClientRevoked),
        (IssueToken { tenant_suspended: true, ..server() }, TokenRefusal::TenantSuspended),
    ] {
        assert_eq!(decide(command), Err(refusal));
    }
    let again = decide(server()).unwrap().decide(TokenCommand::Issue(Box::new(server())));
    assert_eq!(again, Err(TokenRefusal::AlreadyIssued));
}

#[test]
fn a_token_is_revoked_by_those_whose_it_is() {
    let for_somebody = Behalf::Somebody {
        grant_id: GrantId::new(Uuid::from_u128(3)),
        tenant_id: tenant(2),
        subject: "member_1".into(),
        scopes: scopes(&["read:users"]),
    };
    let mut token = decide(issue(ClientType::App, for_somebody)).unwrap();
    assert_eq!(token.state().unwrap().tenant_id, tenant(2), "it opens the data of who agreed");
    let revoke = |by| {
        let reason = RevocationReason::Compromised;
        TokenCommand::Revoke(RevokeToken { by, reason, now: noon() })
    };
    let stranger = KeyId::new(Uuid::from_u128(8));
    for by in [Revoker::Tenant(tenant(1)), Revoker::Client(stranger)] {
        assert_eq!(token.decide(revoke(by)), Err(TokenRefusal::NotFound));
    }
    for by in [Revoker::Tenant(tenant(2)), Revoker::Client(key())] {
        assert!(token.decide(revoke(by)).unwrap().is_some());
    }
    let event = token.decide(revoke(Revoker::Client(key()))).unwrap().unwrap();
    token.apply(event);
    assert_eq!(token.state().unwrap().revoked, Some((noon(), RevocationReason::Compromised)));
    assert_eq!(token.decide(revoke(Revoker::Client(key()))), Ok(None));
}

#[test]
fn a_client_for_bound_tokens_gets_none_without_a_key() {
    let command = issue(ClientType::Server, itself(None));
    let bound = ClientState { dpop_bound_access_tokens: true, ..command.client.clone() };
    let command = IssueToken { client: bound, ..command };
    assert_eq!(decide(command.clone()), Err(TokenRefusal::ProofRequired));
    let jkt = Some(crate::credential::Digest::of("key"));
    let token = decide(IssueToken { jkt, ..command }).unwrap();
    assert_eq!(token.state().unwrap().jkt, jkt);
}
