//! Redirect URIs: one that may be registered leads a browser to an app of its own or to a server over HTTPS, and the one that is
//! accepted later is one that was registered, byte for byte.
#![no_main]

use std::sync::{Arc, LazyLock};

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use nexus_domain::client::{
    Client, ClientAuthentication, ClientCommand, ClientEvent, ClientState, ClientType, InvalidRedirect,
    LONGEST_REDIRECT, MOST_REDIRECTS, RegisterClient, check_redirect,
};
use nexus_domain::credential::Digest;
use nexus_domain::dialect::{Dialect, built_in};
use nexus_domain::ids::TenantId;
use url::Url;
use uuid::Uuid;

static DIALECT: LazyLock<Arc<Dialect>> =
    LazyLock::new(|| Arc::clone(built_in().get("nexus").expect("a dialect with apps")));

fuzz_target!(|text: &str| {
    // The first line is what is asked for, the others are registered.
    let mut lines = text.lines();
    let Some(asked) = lines.next() else { return };
    let registered: Vec<&str> = lines.collect();
    for uri in registered.iter().copied().chain([asked]) {
        match check_redirect(uri) {
            Ok(()) => leads_where_it_may(uri),
            Err(why) => explains(uri, why),
        }
    }
    let good = registered.iter().all(|uri| check_redirect(uri).is_ok());
    let few = (1..=MOST_REDIRECTS).contains(&registered.len());
    let client = client(&registered);
    assert_eq!(client.is_some(), good && few);
    let Some(client) = client else { return };
    assert_eq!(client.redirects_to(asked), registered.contains(&asked));
    assert!(registered.iter().all(|uri| client.redirects_to(uri)));
});

fn explains(uri: &str, why: InvalidRedirect) {
    assert!(!why.to_string().is_empty());
    assert_eq!(why == InvalidRedirect::TooLong, uri.len() > LONGEST_REDIRECT);
}

/// As browsers read it, whose parser is another one.
fn leads_where_it_may(uri: &str) {
    assert!(uri.is_ascii() && uri.len() <= LONGEST_REDIRECT && !uri.contains(['#', '*', '\\', ' ']));
    let Ok(url) = Url::parse(uri) else { return };
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{uri}");
    match url.scheme() {
        "https" => assert!(url.host_str().is_some_and(|host| !host.is_empty()), "{uri}"),
        "http" => assert!(matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")), "{uri}"),
        own => assert!(own.contains('.'), "{uri}"),
    }
}

fn client(redirect_uris: &[&str]) -> Option<ClientState> {
    let register = RegisterClient {
        tenant_id: TenantId::new(Uuid::nil()),
        tenant_suspended: false,
        dialect: Arc::clone(&DIALECT),
        name: "App".to_owned(),
        client_type: ClientType::App,
        client_id: "nx_client_1".to_owned(),
        environment: None,
        authentication: ClientAuthentication::ClientSecret,
        requires_pkce: true,
        require_pushed_authorization_requests: false,
        dpop_bound_access_tokens: false,
        redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
        scopes: None,
        ip_allowlist: Vec::new(),
        restrictions: Default::default(),
        jwks: Vec::new(),
        hint: "nx_secret_01".to_owned(),
        digest: Digest::of("nx_secret_01"),
        now: DateTime::UNIX_EPOCH,
    };
    match Client::default().decide(ClientCommand::Register(Box::new(register))) {
        Ok(Some(ClientEvent::ClientRegistered(registered))) => Some((*registered).into()),
        Ok(other) => panic!("{other:?}"),
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            None
        }
    }
}
