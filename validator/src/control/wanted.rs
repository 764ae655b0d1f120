//! What a node that may not answer from its table asks an API node for, for one request.

use nexus_domain::credential::Digest;
use nexus_domain::ids::TenantId;
use nexus_domain::jwt::Compact;
use serde::{Deserialize, Serialize};

/// The longest name that is asked by, in bytes. What has a longer one is none of ours.
const LONGEST_NAME: usize = 256;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// The key that has a secret, by its SHA-256.
    Secret(Digest),
    /// What a token rests on. The token itself stays where it was shown.
    Token(Box<TokenNames>),
}

/// The names of what a token rests on, as it bears them. They are anybody's word: whoever asks checks the signature by what is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenNames {
    /// Who signed it.
    pub kid: String,
    /// Its client.
    pub client_id: Option<String>,
    /// Whose data it opens.
    pub tenant_id: Option<TenantId>,
    /// Its own id, and that of the consent.
    pub ids: Vec<String>,
}

impl TokenNames {
    /// The names that a token bears; nothing where it is none that could be accepted.
    #[must_use]
    pub fn of(token: Compact<'_>) -> Option<Self> {
        let kid = token.header().ok().filter(|header| header.key().is_ok())?.kid?;
        let claims = token.claims().ok()?;
        let name = |name: &str| {
            let text = claims.text(name).ok().flatten().filter(|text| text.len() <= LONGEST_NAME);
            text.map(str::to_owned)
        };
        Some(Self {
            kid,
            client_id: name("client_id"),
            tenant_id: name("tenant_id").and_then(|id| id.parse().ok()),
            ids: ["jti", "grant_id"].into_iter().filter_map(name).collect(),
        })
    }
}
