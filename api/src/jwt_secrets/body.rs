//! Bodies of the routes of secrets for service JWTs, read strictly.

use chrono::TimeDelta;
use nexus_domain::credential::Secret;
use nexus_domain::duration;
use nexus_infrastructure::gate::IssueSecret;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::body::Fields;
use crate::problem::Problem;

/// A secret to create. Without `Debug`: it may hold the secret.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"name": "Payments", "environment": "live", "scopes": ["read:payments", "write:payments"]}))]
pub struct IssueJwtSecretBody {
    /// A name for people, 1 to 100 characters.
    #[schema(example = "Payments")]
    pub name: String,
    /// Name or alias of an environment; the dialect's first where left out.
    #[schema(example = "live")]
    pub environment: Option<String>,
    /// What tokens that are signed with it may do at the most.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The tenant's own secret: 32 to 512 visible ASCII characters that nobody can guess. One is made where left out.
    pub secret: Option<String>,
}

/// How a secret shall be replaced. Without `Debug`: it may hold the secret.
#[derive(Default, Deserialize, ToSchema)]
#[schema(example = json!({"grace": "24h"}))]
pub struct RotateJwtSecretBody {
    /// How long the old secret stays valid, such as `24h`; `0`: not at all; as for keys where left out.
    #[schema(example = "24h")]
    pub grace: Option<String>,
    /// The tenant's own secret, as when one is created. One is made where left out.
    pub secret: Option<String>,
}

pub(super) fn issue(bytes: &[u8]) -> Result<IssueSecret, Problem> {
    let mut fields = Fields::parse(bytes)?;
    let scopes = fields.list("scopes", "use one of the dialect's scopes", str::parse);
    let issue = IssueSecret {
        name: fields.required_text("name"),
        environment: fields.text("environment"),
        scopes: scopes.unwrap_or_default().into_iter().collect(),
        secret: fields.text("secret").map(Secret::presented),
    };
    fields.finish()?;
    Ok(issue)
}

pub(super) fn rotate(bytes: &[u8]) -> Result<(Option<TimeDelta>, Option<Secret>), Problem> {
    let mut fields = Fields::parse(bytes)?;
    let grace = fields.parsed("grace", "write it like \"24h\", or \"0\" for none", duration::parse);
    let secret = fields.text("secret").map(Secret::presented);
    fields.finish()?;
    Ok((grace, secret))
}
