//! An authorization request (RFC 6749 section 4.1.1, RFC 7636 section 4.3), read the same way whether it is pushed (RFC 9126),
//! shown to somebody or agreed to.

use actix_web::http::StatusCode;
use nexus_domain::client::ClientType;
use nexus_domain::credential::Digest;
use nexus_domain::grant::Challenge;
use nexus_domain::scope::ScopeSet;
use nexus_infrastructure::gate::{GateError, KnownClient};
use nexus_infrastructure::pushed_requests::REFERENCE;
use zeroize::Zeroizing;

use super::form::Form;
use super::scopes;
use crate::app::App;
use crate::pages::Failure;

/// The longest `state`, in bytes.
const LONGEST_STATE: usize = 2048;
/// What a pushed request is kept of: all that is looked at here, and nothing by which clients prove who they are.
const PARAMETERS: [&str; 8] = [
    "response_type",
    "response_mode",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
];

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
    /// SHA-256 of the key that the code shall be bound to (RFC 9449 section 10).
    pub(super) dpop_jkt: Option<Digest>,
    /// The reference behind which it stands, where it was pushed.
    reference: Option<String>,
}

/// What is wrong with a request.
pub(super) struct Wrong {
    /// The kind, for machines.
    pub(super) kind: &'static str,
    /// What it is, for people who write clients.
    pub(super) why: String,
    /// Where that can be told; nowhere, where the redirect URI itself is wrong.
    way_back: Option<WayBack>,
}

/// Where answers go: a redirect URI that the client registered, and the state that it sent.
#[derive(Debug, Clone)]
pub struct WayBack {
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
    /// The way back to a redirect URI, which [`nexus_domain::client::check_redirect`] has let through.
    #[must_use]
    pub const fn new(redirect_uri: String, state: Option<String>, issuer: String) -> Self {
        Self { redirect_uri, state, issuer, in_fragment: false }
    }

    /// The address that brings a code to the app.
    #[must_use]
    pub fn with_code(&self, code: &str) -> String {
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

impl AuthorizeRequest {
    /// That somebody decides on it. One that was pushed can be decided on once (RFC 9126 section 4).
    ///
    /// # Errors
    /// A page where it was decided on meanwhile
    pub(super) async fn decided(&self, app: &App) -> Result<(), Failure> {
        let Some(reference) = &self.reference else { return Ok(()) };
        let requests = app.gate.pushed_requests();
        let was_there = requests.spend(self.client.key_id, reference, app.gate.clock().now()).await;
        if was_there.map_err(GateError::Unavailable)? { Ok(()) } else { Err(over()) }
    }
}

impl Wrong {
    fn new(kind: &'static str, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), way_back: None }
    }
}

impl From<Wrong> for RequestRefused {
    fn from(wrong: Wrong) -> Self {
        match wrong.way_back {
            Some(way_back) => Self::There(way_back.with_error(wrong.kind, &wrong.why)),
            None => here(&wrong.why),
        }
    }
}

/// Reads a request, given as the query that it came with: the request itself, or the reference of one that the client pushed.
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
    if let Some(reference) = form.get("request_uri").filter(|uri| uri.starts_with(REFERENCE)) {
        // What else stands in the address is not the client's word (RFC 9126 section 4).
        return pushed(app, client, reference).await;
    }
    let checked = check(app.signer.issuer(), client, &form);
    if let Some(repeated) = repeated {
        let way_back = checked.map_or_else(|wrong| wrong.way_back, |asked| Some(asked.way_back));
        return Err(Wrong { way_back, ..Wrong::new("invalid_request", repeated.to_string()) }.into());
    }
    let asked = checked?;
    if asked.client.state.require_pushed_authorization_requests {
        let why = "the app is registered to push its requests to /oauth/par (RFC 9126)";
        return Err(RequestRefused::There(asked.way_back.with_error("invalid_request", why)));
    }
    Ok(asked)
}

/// The request that a client pushed. It is looked at anew: the client may have been changed since.
async fn pushed(app: &App, client: KnownClient, reference: &str) -> Result<AuthorizeRequest, RequestRefused> {
    let unread = |error| RequestRefused::Here(GateError::from(error).into());
    let requests = app.gate.pushed_requests();
    let request = requests.open(client.key_id, reference, app.gate.clock().now()).await.map_err(unread)?;
    let request = request.ok_or_else(|| RequestRefused::Here(over()))?;
    let form = Form::parse(&request).map_err(|error| here(error.description()))?;
    let asked = check(app.signer.issuer(), client, &form)?;
    Ok(AuthorizeRequest { reference: Some(reference.to_owned()), ..asked })
}

/// The parameters of a request as they are kept for [`read`], bound to a key that was proved with them.
pub(super) fn kept(form: &Form, proved: Option<Digest>) -> Zeroizing<String> {
    let proved = proved.map(|jkt| jkt.to_string());
    let value = |name: &str| form.get(name).or(proved.as_deref().filter(|_| name == "dpop_jkt"));
    let pairs = PARAMETERS.iter().filter_map(|name| Some(format!("{name}={}", encoded(value(name)?))));
    Zeroizing::new(pairs.collect::<Vec<_>>().join("&"))
}

/// Looks at a request of this client.
///
/// # Errors
/// [`Wrong`]
pub(super) fn check(issuer: &str, client: KnownClient, form: &Form) -> Result<AuthorizeRequest, Wrong> {
    let missing = || Wrong::new("invalid_request", "redirect_uri is missing");
    let redirect_uri = form.get("redirect_uri").ok_or_else(missing)?;
    if !client.state.redirects_to(redirect_uri) {
        return Err(Wrong::new(
            "invalid_request",
            "redirect_uri is not one that the app is registered with; they are compared byte for byte",
        ));
    }
    let state = form.get("state").filter(|state| state.len() <= LONGEST_STATE);
    let is_implicit = |kinds: &str| kinds.split(' ').any(|kind| kind.ends_with("token"));
    let way_back = WayBack {
        redirect_uri: redirect_uri.to_owned(),
        state: state.map(str::to_owned),
        issuer: issuer.to_owned(),
        in_fragment: form.get("response_type").is_some_and(is_implicit),
    };
    match terms(form, &client, state) {
        Ok(Terms { scopes, challenge, dpop_jkt }) => {
            Ok(AuthorizeRequest { client, way_back, scopes, challenge, dpop_jkt, reference: None })
        }
        Err(wrong) => Err(Wrong { way_back: Some(way_back), ..wrong }),
    }
}

/// What a request asks for, and what its code shall be bound to.
struct Terms {
    scopes: ScopeSet,
    challenge: Option<Challenge>,
    dpop_jkt: Option<Digest>,
}

fn terms(form: &Form, client: &KnownClient, state: Option<&str>) -> Result<Terms, Wrong> {
    if form.get("state").is_some() && state.is_none() {
        return Err(Wrong::new("invalid_request", "state is longer than 2048 bytes"));
    }
    match form.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(Wrong::new("unsupported_response_type", "response_type must be code")),
        None => return Err(Wrong::new("invalid_request", "response_type is missing")),
    }
    if form.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Wrong::new("invalid_request", "response_mode must be query"));
    }
    for (name, kind) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
        if form.get(name).is_some() {
            return Err(Wrong::new(kind, "send the parameters themselves"));
        }
    }
    let challenge =
        challenge(form, client.state.requires_pkce).map_err(|why| Wrong::new("invalid_request", why))?;
    let dpop_jkt = form.get("dpop_jkt").map(str::parse).transpose().map_err(|_| {
        Wrong::new(
            "invalid_request",
            "dpop_jkt must be SHA-256 of a key (RFC 7638) in base64url, 43 characters",
        )
    })?;
    let scopes = asked(form, client).map_err(|why| Wrong::new("invalid_scope", why))?;
    Ok(Terms { scopes, challenge, dpop_jkt })
}

fn over() -> Failure {
    let text =
        "The app asked too long ago, or somebody has decided already. Go back to the app and begin again.";
    Failure::refused(StatusCode::BAD_REQUEST, "This request is over", text)
}

fn here(why: &str) -> RequestRefused {
    let text = format!(
        "The app that sent you here made a mistake: {why}. Nothing was sent to it. Go back, and tell who makes it."
    );
    RequestRefused::Here(Failure::refused(StatusCode::BAD_REQUEST, "This request cannot be shown", text))
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
