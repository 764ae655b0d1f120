use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::dialect::Dialect;
use crate::key::{InvalidName, KeyRefusal};

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(1))
}

fn nexus() -> Arc<Dialect> {
    let text = include_str!("../../../dialects/nexus.toml");
    Arc::new(Dialect::parse("nexus.toml", text).unwrap())
}

fn scopes(names: &[&str]) -> ScopeSet {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn server() -> RegisterClient {
    RegisterClient {
        tenant_id: tenant(),
        tenant_suspended: false,
        dialect: nexus(),
        name: "Nightly import".into(),
        client_type: ClientType::Server,
        client_id: "nx_client_1".into(),
        environment: None,
        authentication: ClientAuthentication::ClientSecret,
        requires_pkce: true,
        require_pushed_authorization_requests: false,
        dpop_bound_access_tokens: false,
        redirect_uris: Vec::new(),
        scopes: Some(scopes(&["read:users"])),
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        jwks: Vec::new(),
        hint: "nx_secret_ab".into(),
        digest: Digest::of("first"),
        now: noon(),
    }
}

fn app() -> RegisterClient {
    RegisterClient {
        client_type: ClientType::App,
        redirect_uris: vec!["https://app.example/callback".into()],
        ..server()
    }
}

fn registered(command: RegisterClient) -> Client {
    let mut client = Client::default();
    let event = client.decide(ClientCommand::Register(Box::new(command))).unwrap().unwrap();
    client.apply(event);
    client
}

fn refused(command: RegisterClient) -> ClientRefusal {
    Client::default().decide(ClientCommand::Register(Box::new(command))).unwrap_err()
}

#[test]
fn a_server_and_an_app_are_registered_with_what_was_said() {
    let server = registered(server());
    let state = server.state().unwrap();
    assert_eq!((state.client_type, state.environment.as_str()), (ClientType::Server, "live"));
    assert!(state.has_secret(&Digest::of("first"), noon()) && !state.has_secret(&Digest::of("x"), noon()));
    let public = registered(RegisterClient { authentication: ClientAuthentication::None, ..app() });
    assert!(public.state().unwrap().secrets.is_empty(), "what was minted is nobody's secret");
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let jwks = vec![key.as_object().unwrap().clone()];
    let asserting =
        registered(RegisterClient { authentication: ClientAuthentication::PrivateKeyJwt, jwks, ..app() });
    assert!(asserting.state().unwrap().secrets.is_empty());
    assert_eq!(asserting.state().unwrap().jwks.len(), 1);
}

#[test]
fn scopes_that_are_not_restricted_are_all_but_those_that_contain_every_other() {
    let client = registered(RegisterClient { scopes: None, ..server() });
    let granted = &client.state().unwrap().scopes;
    assert!(granted.contains("write:payments") && !granted.contains("admin:all"));
    assert_eq!(
        refused(RegisterClient { scopes: Some(ScopeSet::new()), ..server() }),
        ClientRefusal::NoScopes
    );
}

#[test]
fn what_would_be_unsafe_or_senseless_is_refused() {
    let none = ClientAuthentication::None;
    for (command, refusal) in [
        (RegisterClient { tenant_suspended: true, ..server() }, ClientRefusal::TenantSuspended),
        (RegisterClient { name: " ".into(), ..server() }, ClientRefusal::InvalidName(InvalidName::Empty)),
        (RegisterClient { authentication: none, ..server() }, ClientRefusal::PublicServer),
        (RegisterClient { authentication: none, requires_pkce: false, ..app() }, ClientRefusal::PkceRequired),
        (
            RegisterClient { authentication: ClientAuthentication::PrivateKeyJwt, ..app() },
            ClientRefusal::KeysMismatch,
        ),
        (RegisterClient { jwks: vec![ClientJwk::new()], ..app() }, ClientRefusal::KeysMismatch),
        (RegisterClient { redirect_uris: Vec::new(), ..app() }, ClientRefusal::NoRedirect),
        (RegisterClient { redirect_uris: app().redirect_uris, ..server() }, ClientRefusal::RedirectOfServer),
        (
            RegisterClient { redirect_uris: vec!["https://a.example/".into(); 21], ..app() },
            ClientRefusal::TooManyRedirects,
        ),
        (
            RegisterClient {
                redirect_uris: vec!["https://a.example/".into(), "http://a.example/".into()],
                ..app()
            },
            ClientRefusal::InvalidRedirect { at: 1, why: InvalidRedirect::Insecure },
        ),
    ] {
        assert_eq!(refused(command), refusal);
    }
    let unknown = refused(RegisterClient { scopes: Some(scopes(&["read:mars"])), ..server() });
    assert!(matches!(unknown, ClientRefusal::Terms(KeyRefusal::UnknownScope { .. })), "{unknown:?}");
    let nowhere = refused(RegisterClient { environment: Some("mars".into()), ..server() });
    assert!(matches!(nowhere, ClientRefusal::Terms(KeyRefusal::UnknownEnvironment { .. })), "{nowhere:?}");
    let mut keys_alone = (*nexus()).clone();
    keys_alone.oauth = None;
    let unsupported = refused(RegisterClient { dialect: Arc::new(keys_alone), ..server() });
    assert!(matches!(unsupported, ClientRefusal::Unsupported { .. }), "{unsupported:?}");
}

#[test]
fn a_new_secret_leaves_the_old_one_its_grace() {
    let mut client = registered(server());
    let rotate = |grace| {
        ClientCommand::Rotate(RotateClientSecret {
            tenant_id: tenant(),
            tenant_suspended: false,
            dialect: nexus(),
            grace,
            hint: "nx_secret_cd".into(),
            digest: Digest::of("second"),
            now: noon(),
        })
    };
    let event = client.decide(rotate(Some(TimeDelta::hours(1)))).unwrap().unwrap();
    client.apply(event);
    let state = client.state().unwrap();
    let (first, second) = (Digest::of("first"), Digest::of("second"));
    let later = noon() + TimeDelta::hours(1);
    assert!(state.has_secret(&first, later - TimeDelta::seconds(1)) && !state.has_secret(&first, later));
    assert!(state.has_secret(&second, later));
    let too_long = client.decide(rotate(Some(TimeDelta::days(31)))).unwrap_err();
    assert_eq!(too_long, ClientRefusal::GraceTooLong { longest: TimeDelta::days(30) });
    let public = registered(RegisterClient { authentication: ClientAuthentication::None, ..app() });
    assert_eq!(public.decide(rotate(None)), Err(ClientRefusal::NoSecret));
}

#[test]
fn nothing_happens_to_a_revoked_client_nor_to_somebody_elses() {
    let mut client = registered(server());
    let revoke = |tenant_id| {
        let reason = RevocationReason::Compromised;
        ClientCommand::Revoke(RevokeClient { tenant_id, reason, note: None, now: noon() })
    };
    assert_eq!(client.decide(revoke(TenantId::new(Uuid::from_u128(2)))), Err(ClientRefusal::NotFound));
    let event = client.decide(revoke(tenant())).unwrap().unwrap();
    client.apply(event);
    assert_eq!(client.state().unwrap().revoked, Some((noon(), RevocationReason::Compromised)));
    assert_eq!(client.decide(revoke(tenant())), Ok(None));
    client.apply(Client::default().decide(ClientCommand::Register(Box::new(server()))).unwrap().unwrap());
    assert!(client.state().unwrap().revoked.is_some(), "a second birth revives nothing");
}

#[test]
fn what_is_named_is_replaced_and_what_is_wrong_is_refused_as_at_the_registration() {
    let mut client = registered(app());
    let change = || ChangeClient {
        tenant_id: tenant(),
        dialect: nexus(),
        name: None,
        redirect_uris: None,
        scopes: None,
        ip_allowlist: None,
        restrictions: None,
        now: noon(),
    };
    let decide = |client: &Client, change| client.decide(ClientCommand::Change(change));
    for (wrong, refusal) in [
        (change(), ClientRefusal::NothingToChange),
        (
            ChangeClient { tenant_id: TenantId::new(Uuid::from_u128(2)), name: Some("B".into()), ..change() },
            ClientRefusal::NotFound,
        ),
        (ChangeClient { name: Some(" ".into()), ..change() }, ClientRefusal::InvalidName(InvalidName::Empty)),
        (ChangeClient { redirect_uris: Some(Vec::new()), ..change() }, ClientRefusal::NoRedirect),
        (
            ChangeClient { redirect_uris: Some(vec!["http://a.example/".into()]), ..change() },
            ClientRefusal::InvalidRedirect { at: 0, why: InvalidRedirect::Insecure },
        ),
        (ChangeClient { scopes: Some(ScopeSet::new()), ..change() }, ClientRefusal::NoScopes),
    ] {
        assert_eq!(decide(&client, wrong), Err(refusal));
    }
    let before = client.state().unwrap().clone();
    let uris = vec!["https://b.example/cb".to_owned()];
    let narrower = ChangeClient {
        name: Some("B".into()),
        redirect_uris: Some(uris.clone()),
        scopes: Some(scopes(&["read:users"])),
        ip_allowlist: Some(vec!["192.0.2.7/24".parse().unwrap()]),
        ..change()
    };
    let event = decide(&client, narrower.clone()).unwrap().unwrap();
    client.apply(event);
    let network = vec!["192.0.2.0/24".parse().unwrap()];
    let expected = ClientState {
        name: "B".into(),
        redirect_uris: uris,
        scopes: scopes(&["read:users"]),
        ip_allowlist: network,
        ..before
    };
    assert_eq!(client.state(), Some(&expected));
    assert_eq!(decide(&client, narrower), Ok(None), "it is so already");
    let revoke =
        RevokeClient { tenant_id: tenant(), reason: RevocationReason::Unused, note: None, now: noon() };
    let event = client.decide(ClientCommand::Revoke(revoke)).unwrap().unwrap();
    client.apply(event);
    let late = ChangeClient { name: Some("C".into()), ..change() };
    assert_eq!(decide(&client, late), Err(ClientRefusal::ChangeOfRevoked));
}
