//! Clients that are remembered: good for tokens while they stand, and for nothing else.

use nexus_domain::client::{ClientAuthentication, ClientType};
use nexus_domain::ids::TokenId;
use nexus_domain::token::TokenState;

use super::*;
use crate::gate::entries::Entries;

struct Unsigned;

impl Sign for Unsigned {
    fn sign(
        &self,
        id: TokenId,
        _: &TokenState,
        _: &nexus_domain::client::ClientState,
    ) -> Result<String, GateError> {
        Ok(id.to_string())
    }
}

fn register() -> Register {
    Register {
        name: "Import".to_owned(),
        client_type: ClientType::Server,
        environment: None,
        authentication: ClientAuthentication::ClientSecret,
        requires_pkce: false,
        require_pushed_authorization_requests: false,
        dpop_bound_access_tokens: false,
        redirect_uris: Vec::new(),
        scopes: Some(["read:users".parse().unwrap()].into()),
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        jwks: Vec::new(),
    }
}

fn at_once() -> Rotate {
    Rotate { grace: Some(chrono::TimeDelta::zero()) }
}

#[tokio::test]
async fn a_client_is_remembered_until_it_changes_whoever_changes_it() {
    for test in databases().await {
        let (one, other, principal) = (Arc::new(gate(&test).await), gate(&test).await, principal());
        let call = one.system_call(&principal, "test");
        let tenant = tenant(&one).await;
        let client = one.register_client(&call, tenant, register()).await.unwrap().answer;
        let (key_id, id) = (client.key_id, client.client.client_id.as_str());
        let loaded = async || one.client(id).await.unwrap().unwrap();
        let issue = async || one.issue_to_client(&call, loaded().await, None, None, &Unsigned).await.unwrap();
        let again = async |known: &KnownClient, scopes| {
            let issued = one.issue_to_remembered(&call, known, scopes, None, &Unsigned).await.unwrap();
            issued.map(|issued| issued.token_id)
        };
        assert!(one.remembered_client(id).is_none());
        let first = issue().await.token_id;
        let known = one.remembered_client(id).unwrap();
        let second = again(&known, None).await.unwrap();
        assert!(second != first && one.issued_token(second).await.unwrap().is_some());
        assert!(one.remembered_client(&id.replace("nx_client_", "nx_other__")).is_none());

        // Nobody is refused by what may be outdated.
        let foreign = Some(["write:users".parse().unwrap()].into());
        assert_eq!(again(&known, foreign).await, None);
        assert!(one.remembered_client(id).is_none() && again(&known, None).await.is_none());

        // Another process changes it: nothing is issued on what is remembered of it.
        issue().await;
        let known = one.remembered_client(id).unwrap();
        other.rotate_client(&call, tenant, key_id, at_once()).await.unwrap();
        assert_eq!(again(&known, None).await, None);
        assert!(one.remembered_client(id).is_none());

        // And whoever follows the log forgets it on the way, and does not remember what was loaded before.
        issue().await;
        let before = one.journal().head().await.unwrap();
        other.rotate_client(&call, tenant, key_id, at_once()).await.unwrap();
        let earlier = loaded().await;
        assert!(one.remembered_client(id).is_some());
        let changes = one.journal().changes(before, 10).await.unwrap();
        Entries::new(Arc::clone(&one)).followed(&changes).await.unwrap();
        assert!(one.remembered_client(id).is_none());
        one.issue_to_client(&call, earlier, None, None, &Unsigned).await.unwrap();
        assert!(one.remembered_client(id).is_none());
        issue().await;
        assert!(one.remembered_client(id).is_some());
    }
}

#[tokio::test]
async fn nothing_is_issued_to_a_remembered_client_of_a_tenant_that_is_suspended() {
    for test in databases().await {
        let (one, other, principal) = (gate(&test).await, gate(&test).await, principal());
        let call = one.system_call(&principal, "test");
        let tenant = tenant(&one).await;
        let client = one.register_client(&call, tenant, register()).await.unwrap().answer;
        let loaded = one.client(&client.client.client_id).await.unwrap().unwrap();
        one.issue_to_client(&call, loaded, None, None, &Unsigned).await.unwrap();
        let known = one.remembered_client(&client.client.client_id).unwrap();
        other.suspend_tenant(&call, tenant, None).await.unwrap();
        assert!(one.issue_to_remembered(&call, &known, None, None, &Unsigned).await.unwrap().is_none());
    }
}
