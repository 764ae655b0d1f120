//! Who a client is: HTTP Basic or the body (RFC 6749 section 2.3.1), an assertion (RFC 7523), or its id alone where it was
//! registered as one that cannot prove it.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_domain::client::ClientAuthentication;
use nexus_domain::credential::Digest;
use nexus_infrastructure::gate::KnownClient;
use zeroize::Zeroizing;

use super::error::OauthError;
use super::form::Form;
use crate::app::App;

/// What a request shows of its client.
enum Shown {
    Nothing,
    Secret(Digest),
    Assertion(String),
}

/// The client that sent a request, once it has proved who it is in the way that it was registered with.
///
/// # Errors
/// `invalid_client`, the same for all who are not let in; `invalid_request` where it proves it in two ways at once.
pub(super) async fn authenticate(
    app: &App,
    request: &HttpRequest,
    form: &Form,
) -> Result<KnownClient, OauthError> {
    let (client_id, shown) = shown(request, form)?;
    let known = app.gate.client(&client_id).await?;
    let client =
        known.filter(|client| client.state.revoked.is_none()).ok_or_else(OauthError::invalid_client)?;
    let now = app.gate.clock().now();
    let secret = match &shown {
        Shown::Secret(digest) => Some(*digest),
        Shown::Nothing | Shown::Assertion(_) => None,
    };
    let proved = match (client.state.authentication, shown) {
        (ClientAuthentication::ClientSecret, Shown::Secret(digest)) => client.state.has_secret(&digest, now),
        (ClientAuthentication::PrivateKeyJwt, Shown::Assertion(assertion)) => {
            super::assertion::proves(app, &client, &assertion).await?
        }
        (ClientAuthentication::None, Shown::Nothing) => true,
        (
            ClientAuthentication::ClientSecret
            | ClientAuthentication::PrivateKeyJwt
            | ClientAuthentication::None,
            Shown::Nothing | Shown::Secret(_) | Shown::Assertion(_),
        ) => false,
    };
    if proved { Ok(client.shown(secret)) } else { Err(OauthError::invalid_client()) }
}

/// The client that sent a request, where it is remembered and a secret proves by that who it is. It may have changed since: see
/// [`nexus_infrastructure::gate::Gate::remembered_client`]. Where there is none, [`authenticate`] tells.
pub(super) fn remembered(app: &App, request: &HttpRequest, form: &Form) -> Option<KnownClient> {
    let Ok((client_id, Shown::Secret(digest))) = shown(request, form) else { return None };
    let client = app.gate.remembered_client(&client_id)?;
    let now = app.gate.clock().now();
    let is_by_secret = client.state.authentication == ClientAuthentication::ClientSecret;
    (is_by_secret && client.state.revoked.is_none() && client.state.has_secret(&digest, now))
        .then_some(client)
}

/// The public id and what goes with it.
fn shown(request: &HttpRequest, form: &Form) -> Result<(String, Shown), OauthError> {
    let in_body = form.get("client_secret").is_some();
    let asserted = form.get("client_assertion").is_some() || form.get("client_assertion_type").is_some();
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next();
    let ways = usize::from(header.is_some()) + usize::from(in_body) + usize::from(asserted);
    if ways > 1 || headers.next().is_some() {
        return Err(OauthError::invalid_request(
            "the client proves who it is in more than one way; use one alone (RFC 6749 section 2.3)",
        ));
    }
    if let Some(header) = header {
        let (client_id, digest) =
            header.to_str().ok().and_then(basic).ok_or_else(OauthError::invalid_client)?;
        if form.get("client_id").is_some_and(|in_body| in_body != client_id) {
            return Err(OauthError::invalid_request("client_id is another one than in Authorization"));
        }
        return Ok((client_id, Shown::Secret(digest)));
    }
    if asserted {
        return asserting(form);
    }
    let client_id = form.get("client_id").ok_or_else(OauthError::invalid_client)?.to_owned();
    let secret = form.get("client_secret").map(Digest::of);
    Ok((client_id, secret.map_or(Shown::Nothing, Shown::Secret)))
}

fn asserting(form: &Form) -> Result<(String, Shown), OauthError> {
    const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    if form.required("client_assertion_type")? != KIND {
        return Err(OauthError::invalid_request(format!("client_assertion_type must be {KIND}")));
    }
    let assertion = form.required("client_assertion")?;
    let subject = super::assertion::subject(assertion).ok_or_else(OauthError::invalid_client)?;
    if form.get("client_id").is_some_and(|in_body| in_body != subject) {
        return Err(OauthError::invalid_request("client_id is another one than in client_assertion"));
    }
    Ok((subject, Shown::Assertion(assertion.to_owned())))
}

/// Id and secret of HTTP Basic, each form-encoded before (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(String, Digest)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = Zeroizing::new(String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?);
    let (client_id, secret) = text.split_once(':')?;
    let decoded = |part: &str| Form::parse(&format!("v={}", part.replace('&', "%26"))).ok();
    let (client_id, secret) = (decoded(client_id)?, decoded(secret)?);
    Some((client_id.get("v")?.to_owned(), Digest::of(secret.get("v")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_read_as_the_rfc_writes_it() {
        let of = |text: &str| basic(&format!("Basic {}", STANDARD.encode(text)));
        assert_eq!(of("nx_client_1:nx_secret_2"), Some(("nx_client_1".into(), Digest::of("nx_secret_2"))));
        assert_eq!(of("a%3Ab:c+d%26e"), Some(("a:b".into(), Digest::of("c d&e"))));
        assert_eq!(of("a:b:c"), Some(("a".into(), Digest::of("b:c"))));
        for wrong in ["a", ":", "a:", ":b"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        for wrong in ["Basic", "Basic !", "Bearer YTpi", "YTpi"] {
            assert_eq!(basic(wrong), None, "{wrong}");
        }
        assert!(basic("basic YTpi").is_some());
    }
}
