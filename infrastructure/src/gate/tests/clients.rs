//! Clients that change while they are answered.

use nexus_domain::client::{ClientAuthentication, ClientState, ClientType};
use nexus_domain::credential::Digest;
use nexus_domain::ids::TokenId;
use nexus_domain::token::{TokenRefusal, TokenState};

use super::*;

/// Tokens whose text nobody reads.
struct Unsigned;

impl Sign for Unsigned {
    fn sign(&self, id: TokenId, _: &TokenState, _: &ClientState) -> Result<String, GateError> {
        Ok(id.to_string())
    }
}

fn register() -> Register {
    Register {
        name: "Import".to_owned(),
        client_type: ClientType::Server,
        environment: None,
        authentication: ClientAuthentication::ClientSecret,
        require_pushed_authorization_requests: false,
        requires_pkce: false,
        dpop_bound_access_tokens: false,
        redirect_uris: Vec::new(),
        scopes: None,
        ip_allowlist: Vec::new(),
        restrictions: Restrictions::new(),
        jwks: Vec::new(),
    }
}

#[tokio::test]
async fn a_secret_that_is_replaced_while_it_is_used_gives_no_token_behind_the_answer() {
    for test in databases().await {
        let (gate, principal) = (gate(&test).await, principal());
        let tenant = tenant(&gate).await;
        let call = gate.system_call(&principal, "test");
        let made = gate.register_client(&call, tenant, register()).await.unwrap().answer;
        let digest = Digest::of(made.secret.as_ref().unwrap().expose());
        let authenticated = async || {
            let known = gate.client_of(made.key_id).await.unwrap().unwrap();
            assert!(known.state.has_secret(&digest, call.now));
            known.shown(Some(digest))
        };
        let issue = async |known| gate.issue_to_client(&call, known, None, None, &Unsigned).await;

        // The old one goes on for a while: the request that was under way is served.
        let known = authenticated().await;
        let grace = Rotate { grace: Some(chrono::TimeDelta::hours(1)) };
        let _rotated = gate.rotate_client(&call, tenant, made.key_id, grace).await.unwrap();
        let _issued = issue(known).await.unwrap();

        let known = authenticated().await;
        let at_once = Rotate { grace: Some(chrono::TimeDelta::zero()) };
        let _rotated = gate.rotate_client(&call, tenant, made.key_id, at_once).await.unwrap();
        let refused = issue(known).await.unwrap_err();
        assert!(
            matches!(refused, GateError::Refused(Refusal::Token(TokenRefusal::ClientRevoked))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_tenant_has_so_many_clients_and_secrets_and_one_that_is_revoked_makes_room() {
    let test = TestDatabase::sqlite().await;
    let (gate, principal) = (gate(&test).await, principal());
    let tenant = tenant(&gate).await;
    let call = gate.system_call(&principal, "test");
    let quotas = gate.dialects().get("nexus").unwrap().quotas;
    let client = async || gate.register_client(&call, tenant, register()).await;
    let first = client().await.unwrap().answer.key_id;
    for _ in 1..quotas.clients {
        let _made = client().await.unwrap();
    }
    let full = client().await.unwrap_err();
    assert_eq!(
        full.to_string(),
        "the tenant has 100 OAuth clients, the most its dialect allows; revoke one first"
    );
    let revoke = || Revoke { reason: RevocationReason::Unused, note: None };
    let _revoked = gate.revoke_client(&call, tenant, first, revoke()).await.unwrap();
    let _made = client().await.unwrap();
    assert!(matches!(client().await, Err(GateError::QuotaExceeded { limit: 100, .. })));

    let issue = || IssueSecret {
        name: "Services".to_owned(),
        environment: None,
        scopes: ["read:users".parse().unwrap()].into(),
        secret: None,
    };
    let secret = async || gate.issue_jwt_secret(&call, tenant, issue()).await;
    let first = secret().await.unwrap().answer.id;
    for _ in 1..quotas.jwt_secrets {
        let _made = secret().await.unwrap();
    }
    assert!(matches!(secret().await, Err(GateError::QuotaExceeded { limit: 20, .. })));
    let _revoked = gate.revoke_jwt_secret(&call, tenant, first, revoke()).await.unwrap();
    let _made = secret().await.unwrap();
    assert!(matches!(secret().await, Err(GateError::QuotaExceeded { limit: 20, .. })));
}
