//! An authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3), read the same way whether it is shown to somebody or
//! agreed to.

use nexus_domain::client::ClientType;
use nexus_domain::grant::Challenge;
use nexus_domain::scope::ScopeSet;
use nexus_infrastructure::gate::KnownClient;

use super::form::Form;
use super::scopes;
use crate::app::App;
use crate::pages::Failure;

/// The longest `state`, in bytes.
const LONGEST_STATE: usize = 2048;

/// A request that may be shown to somebody.
pub(super) struct AuthorizeRequest {
    /// The app that asks.
    pub(super) client: KnownClient,
    /// Where the answer goes.
    pub(super) way_back: WayBack,
    /// What it asks for.
    pub(super) scopes: ScopeSet,
    /// The challenge that the code shall be bound to.
    pub(super) challenge: Option<Challenge>,
}

/// Where answers go: a redirect URI that the client registered, and the state that it sent.
#[derive(Debug, Clone)]
pub(super) struct WayBack {
    /// The redirect URI.
    pub(super) redirect_uri: String,
    state: Option<String>,
    issuer: String,
    /// Whether it is a request of the implicit grant, which finds its answers behind a `#` (section 4.2.2.1).
    in_fragment: bool,
}

/// A request that is not shown.
pub(super) enum RequestRefused {
    /// Nobody knows where to answer (section 4.1.2.1): a page says so, and nothing is sent anywhere.
    Here(Failure),
    /// The app is told.
    There(String),
}

impl WayBack {
    /// The address that brings a code to the app.
    pub(super) fn with_code(&self, code: &str) -> String {
        self.with(&[("code", code)])
    }

    /// The address that tells the app why there is none.
    pub(super) fn with_error(&self, error: &str, description: &str) -> String {
        self.with(&[("error", error), ("error_description", description)])
    }

    /// With the state, and with who answers (RFC 9207): an app that talks to several servers must not take one for another.
    fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut address = self.redirect_uri.clone();
        let mut joint = match (self.in_fragment, address.contains('?')) {
            (true, _) => '#',
            (false, true) => '&',
            (false, false) => '?',
        };
        let state = self.state.as_deref().map(|state| ("state", state));
        let rest = state.into_iter().chain([("iss", self.issuer.as_str())]);
        for (name, value) in parameters.iter().copied().chain(rest) {
            address.push(joint);
            address.push_str(name);
            address.push('=');
            address.push_str(&encoded(value));
            joint = '&';
        }
        address
    }

    /// Where it leads, for the page's policy: browsers hold redirects behind a form to it.
    pub(super) fn origin(&self) -> &str {
        let from = self.redirect_uri.find("://").map_or(0, |at| at + 3);
        let end = self.redirect_uri.get(from..).and_then(|rest| rest.find(['/', '?']));
        match end {
            // A native app's own scheme has no host.
            _ if from == 0 => {
                self.redirect_uri.find(':').and_then(|at| self.redirect_uri.get(..=at)).unwrap_or_default()
            }
            Some(end) => self.redirect_uri.get(..from + end).unwrap_or_default(),
            None => &self.redirect_uri,
        }
    }
}

/// Reads a request, given as the query that it came with.
///
/// # Errors
/// [`RequestRefused`]
pub(super) async fn read(app: &App, query: &str) -> Result<AuthorizeRequest, RequestRefused> {
    let (form, repeated) = Form::parse_query(query).map_err(|error| here(error.description()))?;
    if let Some(repeated) = &repeated
        && ["client_id", "redirect_uri"].iter().any(|name| repeated.has(name))
    {
        return Err(here(&repeated.to_string()));
    }
    let client_id = form.get("client_id").ok_or_else(|| here("client_id is missing"))?;
    let known = app.gate.client(client_id).await.map_err(|error| RequestRefused::Here(error.into()))?;
    let client = known
        .filter(|client| client.state.revoked.is_none() && client.state.client_type == ClientType::App)
        .ok_or_else(|| here("client_id is not that of an app that is registered here"))?;
    let redirect_uri = form.get("redirect_uri").ok_or_else(|| here("redirect_uri is missing"))?;
    if !client.state.redirect_uris.iter().any(|registered| registered == redirect_uri) {
        return Err(here(
            "redirect_uri is not one that the app is registered with; they are compared byte for byte",
        ));
    }
    let state = form.get("state").filter(|state| state.len() <= LONGEST_STATE);
    let way_back = WayBack {
        redirect_uri: redirect_uri.to_owned(),
        state: state.map(str::to_owned),
        issuer: app.signer.issuer().to_owned(),
        in_fragment: false,
    };
    let there = |error: &str, why: &str| RequestRefused::There(way_back.with_error(error, why));
    if form.get("state").is_some() && state.is_none() {
        return Err(there("invalid_request", "state is longer than 2048 bytes"));
    }
    if let Some(repeated) = repeated {
        return Err(there("invalid_request", &repeated.to_string()));
    }
    match form.get("response_type") {
        Some("code") => {}
        Some(other) if other.split(' ').any(|part| part.ends_with("token")) => {
            let there = WayBack { in_fragment: true, ..way_back };
            let error = there.with_error("unsupported_response_type", "response_type must be code");
            return Err(RequestRefused::There(error));
        }
        Some(_) => return Err(there("unsupported_response_type", "response_type must be code")),
        None => return Err(there("invalid_request", "response_type is missing")),
    }
    if form.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(there("invalid_request", "response_mode must be query"));
    }
    for unsupported in ["request", "request_uri"] {
        if form.get(unsupported).is_some() {
            return Err(there(&format!("{unsupported}_not_supported"), "send the parameters themselves"));
        }
    }
    let challenge =
        challenge(&form, client.state.requires_pkce).map_err(|why| there("invalid_request", why))?;
    let scopes = asked(&form, &client).map_err(|why| there("invalid_scope", &why))?;
    Ok(AuthorizeRequest { client, way_back, scopes, challenge })
}

fn here(why: &str) -> RequestRefused {
    let text = format!(
        "The app that sent you here made a mistake: {why}. Nothing was sent to it. Go back, and tell who makes it."
    );
    let status = actix_web::http::StatusCode::BAD_REQUEST;
    RequestRefused::Here(Failure::refused(status, "This request cannot be shown", text))
}

fn challenge(form: &Form, required: bool) -> Result<Option<Challenge>, &'static str> {
    let method = form.get("code_challenge_method");
    match (form.get("code_challenge"), method) {
        (Some(challenge), Some("S256")) => challenge.parse().map(Some).map_err(
            |_| "code_challenge must be SHA-256 of the verifier in base64url without padding, 43 characters",
        ),
        // Without a method it would be `plain` (RFC 7636 section 4.3), which protects from nobody who saw the request.
        (Some(_), _) => Err("code_challenge_method must be S256"),
        (None, Some(_)) => Err("code_challenge_method came without a code_challenge"),
        (None, None) if required => {
            Err("code_challenge is missing: the app is registered to need PKCE (RFC 7636)")
        }
        (None, None) => Ok(None),
    }
}

/// What is asked for: all that the app is registered with, where it does not say.
fn asked(form: &Form, client: &KnownClient) -> Result<ScopeSet, String> {
    let Some(text) = form.get("scope") else {
        return Ok(client.state.scopes.clone());
    };
    let asked = scopes(text).ok_or("scope must be a list of scopes with a space between two")?;
    match asked.difference(&client.state.scopes).next() {
        Some(scope) => Err(format!("the app is not registered for the scope {scope}")),
        None if asked.is_empty() => Err("scope names nothing".to_owned()),
        None => Ok(asked),
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way_back(redirect_uri: &str, state: Option<&str>) -> WayBack {
        WayBack {
            redirect_uri: redirect_uri.to_owned(),
            state: state.map(str::to_owned),
            issuer: "https://nexus.test".to_owned(),
            in_fragment: false,
        }
    }

    #[test]
    fn answers_carry_state_and_issuer_whatever_they_hold() {
        let plain = way_back("https://app.example/cb", Some("a b&c=d#\u{e4}"));
        assert_eq!(
            plain.with_code("nx_code_1"),
            "https://app.example/cb?code=nx_code_1&state=a%20b%26c%3Dd%23%C3%A4&iss=https%3A%2F%2Fnexus.test"
        );
        let asking = way_back("https://app.example/cb?tenant=1", None);
        assert_eq!(
            asking.with_error("access_denied", "no"),
            "https://app.example/cb?tenant=1&error=access_denied&error_description=no&iss=https%3A%2F%2Fnexus.test"
        );
    }

    #[test]
    fn the_origin_of_an_app_is_all_that_a_policy_needs() {
        for (uri, origin) in [
            ("https://app.example/cb", "https://app.example"),
            ("https://app.example:8443?x=/", "https://app.example:8443"),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("com.example.app:/cb", "com.example.app:"),
        ] {
            assert_eq!(way_back(uri, None).origin(), origin);
        }
    }
}
