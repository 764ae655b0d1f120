//! The claims of an access token, and its signature.

use nexus_domain::client::ClientState;
use nexus_domain::ids::TokenId;
use nexus_domain::token::{ACCESS_TOKEN, AccessClaims, Confirmation, TokenRefusal, TokenState};
use nexus_infrastructure::gate::{GateError, Sign};
use nexus_infrastructure::signing::{Signer, SigningError};

use super::scope_text;

/// Makes access tokens (RFC 9068).
pub(super) struct AccessTokens<'a>(pub(super) &'a Signer);

impl Sign for AccessTokens<'_> {
    fn sign(&self, id: TokenId, token: &TokenState, client: &ClientState) -> Result<String, GateError> {
        let issuer = self.0.issuer();
        let claims = AccessClaims {
            iss: issuer.to_owned(),
            sub: token.subject.clone(),
            aud: issuer.to_owned(),
            exp: token.expires_at.timestamp(),
            iat: token.issued_at.timestamp(),
            jti: id.to_string(),
            client_id: token.client_id.clone(),
            scope: scope_text(&token.scopes),
            tenant_id: token.tenant_id,
            environment: token.environment.clone(),
            grant_id: token.grant_id.map(|grant| grant.to_string()),
            cnf: token.jkt.map(|jkt| Confirmation { jkt }),
            restrictions: client.restrictions.clone(),
        };
        self.0.sign(ACCESS_TOKEN, &claims, None).map_err(|error| match error {
            SigningError::TooLong => GateError::Refused(TokenRefusal::TooLong.into()),
            error => GateError::Internal(Box::new(error)),
        })
    }
}
