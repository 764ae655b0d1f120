//! Proofs of possession at the endpoints for clients (RFC 9449 section 5): to which key what they get is bound.

use actix_web::HttpRequest;
use nexus_domain::credential::Digest;
use nexus_domain::dpop::{InvalidProof, LATEST, Proof, Shown};
use nexus_validator::dpop::is_signed;

use super::error::OauthError;
use crate::app::App;

/// The header.
const HEADER: &str = "dpop";

/// SHA-256 of the key that a request to the endpoint at `path` proves to hold; nothing where it shows no proof. A proof is good
/// once, on whichever API node.
///
/// # Errors
/// `invalid_dpop_proof`, `temporarily_unavailable`
pub(super) async fn proved(
    app: &App,
    request: &HttpRequest,
    path: &str,
) -> Result<Option<Digest>, OauthError> {
    let mut headers = request.headers().get_all(HEADER);
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(OauthError::invalid_dpop_proof("the request has two DPoP headers; send one proof"));
    }
    let text = header.to_str().map_err(|_| OauthError::invalid_dpop_proof("the DPoP header is not ASCII"))?;
    let proof = Proof::read(text)?;
    let url = format!("{}{path}", app.signer.issuer().trim_end_matches('/'));
    let now = app.gate.clock().unix_micros();
    let shown = Shown { method: request.method().as_str(), url: &url, access_token: None };
    let id = proof.check(&shown, now)?;
    if !is_signed(&proof) {
        return Err(OauthError::invalid_dpop_proof("the key in the DPoP proof did not sign it"));
    }
    if !app.gate.take_proof(id, now.saturating_add(LATEST)).await? {
        return Err(OauthError::invalid_dpop_proof(
            "the DPoP proof was used before; make one for each request",
        ));
    }
    Ok(Some(proof.jkt()))
}

impl From<InvalidProof> for OauthError {
    fn from(invalid: InvalidProof) -> Self {
        Self::invalid_dpop_proof(invalid.to_string())
    }
}
