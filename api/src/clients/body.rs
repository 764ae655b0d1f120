//! Bodies of the client routes, read strictly.

use std::collections::BTreeMap;

use nexus_domain::client::{ClientAuthentication, ClientJwk, ClientType};
use nexus_infrastructure::gate::{ClientTerms, Register};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::body::Fields;
use crate::keys::{networks, restrictions, scopes};
use crate::problem::Problem;

/// A client to register.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Calendar", "type": "app", "redirect_uris": ["https://calendar.example/callback"], "scopes": ["read:users"],
}))]
pub struct RegisterClientBody {
    /// A name, 1 to 100 characters. People read it when they are asked for their consent.
    #[schema(example = "Calendar")]
    pub name: String,
    /// `server` gets tokens for itself (`client_credentials`), `app` for people who agree to it (`authorization_code`).
    #[serde(rename = "type")]
    #[schema(example = "app")]
    pub client_type: String,
    /// Where codes may be sent, compared byte for byte; for an app, 1 to 20.
    #[serde(default)]
    #[schema(example = json!(["https://calendar.example/callback"]))]
    pub redirect_uris: Vec<String>,
    /// What its tokens may allow at most; where left out, every scope of the dialect that does not contain all others.
    pub scopes: Option<Vec<String>>,
    /// Name or alias of the environment of its tokens; the dialect's first where left out.
    #[schema(example = "live")]
    pub environment: Option<String>,
    /// How it proves who it is: `client_secret`, which is the default, `private_key_jwt` (RFC 7523), or `none` for an app that
    /// runs where no secret can be kept.
    #[schema(example = "client_secret")]
    pub authentication: Option<String>,
    /// Whether its authorization requests need a `code_challenge` (RFC 7636), which they may have in any case. Left out, those of
    /// an app do that does not prove who it is, which cannot do without.
    pub requires_pkce: Option<bool>,
    /// Whether it must push its authorization requests to `/oauth/par` (RFC 9126), which it may in any case; `false` where left
    /// out.
    pub require_pushed_authorization_requests: Option<bool>,
    /// Whether it gets access tokens that are bound to a key alone (RFC 9449); left out, it gets those where it sends a proof.
    pub dpop_bound_access_tokens: Option<bool>,
    /// Addresses and networks that its tokens may be used from; from anywhere where empty.
    #[serde(default)]
    pub ip_allowlist: Vec<String>,
    /// To what its tokens are restricted, by the names that the dialect has.
    #[serde(default)]
    pub restrictions: BTreeMap<String, Vec<String>>,
    /// Its public keys as a JWK set, with `private_key_jwt`: Ed25519, P-256, or RSA of at least 2048 bits.
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Value>,
}

/// What of a client shall change. What is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Diary", "scopes": ["read:users"]}))]
pub struct ChangeClientBody {
    /// Another name.
    pub name: Option<String>,
    /// Other places where codes may be sent, all of them.
    pub redirect_uris: Option<Vec<String>>,
    /// Other scopes, all of them. Tokens that were issued before are held to them as well.
    pub scopes: Option<Vec<String>>,
    /// Another allow list; empty: from anywhere.
    pub ip_allowlist: Option<Vec<String>>,
    /// Other restrictions.
    pub restrictions: Option<BTreeMap<String, Vec<String>>>,
}

pub(super) fn change(bytes: &[u8]) -> Result<ClientTerms, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let terms = ClientTerms {
        name: fields.text("name"),
        redirect_uris: redirect_uris(&mut fields),
        scopes: scopes(&mut fields),
        ip_allowlist: networks(&mut fields),
        restrictions: restrictions(&mut fields),
    };
    fields.finish()?;
    Ok(terms)
}

pub(super) fn register(bytes: &[u8]) -> Result<Register, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let absent = !fields.has("type");
    let client_type = fields.parsed("type", "write \"server\" or \"app\"", |text| {
        serde_json::from_value::<ClientType>(text.into()).map_err(|_| "no such type")
    });
    if absent {
        fields.wrong("type", "missing", "write \"server\" or \"app\"");
    }
    let authentication =
        fields.parsed("authentication", "choose client_secret, private_key_jwt or none", |text| {
            serde_json::from_value::<ClientAuthentication>(text.into()).map_err(|_| "no such way")
        });
    let authentication = authentication.unwrap_or(ClientAuthentication::ClientSecret);
    let is_public = authentication == ClientAuthentication::None;
    let register = Register {
        name: fields.required_text("name"),
        client_type: client_type.unwrap_or(ClientType::Server),
        environment: fields.text("environment"),
        authentication,
        requires_pkce: yes_or_no(&mut fields, "requires_pkce").unwrap_or(is_public),
        require_pushed_authorization_requests: yes_or_no(
            &mut fields,
            "require_pushed_authorization_requests",
        )
        .unwrap_or_default(),
        dpop_bound_access_tokens: yes_or_no(&mut fields, "dpop_bound_access_tokens").unwrap_or_default(),
        redirect_uris: redirect_uris(&mut fields).unwrap_or_default(),
        scopes: scopes(&mut fields),
        ip_allowlist: networks(&mut fields).unwrap_or_default(),
        restrictions: restrictions(&mut fields).unwrap_or_default(),
        jwks: jwks(&mut fields).unwrap_or_default(),
    };
    fields.finish()?;
    Ok(register)
}

fn redirect_uris(fields: &mut Fields) -> Option<Vec<String>> {
    fields.list("redirect_uris", "write an absolute URI", |text| Ok::<_, String>(text.to_owned()))
}

fn yes_or_no(fields: &mut Fields, name: &'static str) -> Option<bool> {
    let value = fields.take(name)?;
    let yes = value.as_bool();
    if yes.is_none() {
        fields.wrong(name, "neither true nor false", "write true or false");
    }
    yes
}

fn jwks(fields: &mut Fields) -> Option<Vec<ClientJwk>> {
    let set = fields.object("jwks")?;
    let keys = set.get("keys").and_then(Value::as_array);
    let objects = keys.and_then(|keys| keys.iter().map(|key| key.as_object().cloned()).collect());
    if objects.is_none() {
        fields.wrong("jwks", "no JWK set (RFC 7517 section 5)", "write it as {\"keys\": [{…}]}");
    }
    objects
}
