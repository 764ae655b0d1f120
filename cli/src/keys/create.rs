//! `nexus keys create`

use clap::{Args, ValueEnum};
use nexus_domain::ids::IntegrationId;
use serde_json::{Map, Value, json};

use super::terms::{self, Bounds, Restriction};
use super::view;
use crate::client::Client;
use crate::connection::OfTenant;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::words::text;

/// Create a key and show its secret, once
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus keys create --name CI --scope read:users --expires-in 90d
  nexus keys create --name Checkout --type publishable --environment test
  nexus keys create --name Warehouse --allow-ip 10.0.0.0/8 --allow-ip 2001:db8::/32
  nexus keys create --name CI --output json | jq -r .secret | vault-put ci/nexus -")]
pub(super) struct CreateArgs {
    /// What the key is for, 1 to 100 characters
    #[arg(long)]
    name: String,

    /// For servers, or safe in client code and limited to reading
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value_t = Type::Secret)]
    key_type: Type,

    /// Where it is used, such as live or test; the dialect's first environment where absent
    #[arg(long)]
    environment: Option<String>,

    /// What it may do; repeat for several, as scopes may hold commas
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,

    #[command(flatten)]
    bounds: Bounds,

    /// What it is restricted to, such as brand=acme where the dialect has brands; repeat for several
    #[arg(long = "restrict", value_name = "NAME=VALUE", value_parser = terms::restriction)]
    restrictions: Vec<Restriction>,

    /// The integration that it belongs to, for good; required where the dialect's keys belong to one
    #[arg(long, value_name = "INTEGRATION")]
    integration: Option<IntegrationId>,

    #[command(flatten)]
    tenant: OfTenant,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Type {
    Secret,
    Publishable,
}

pub(super) fn run(args: &CreateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.post(&args.tenant.path("keys"), &body(args))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let created: Value = answer.parse(client)?;
    view::print(created.get("key").unwrap_or(&Value::Null))?;
    output::secret(&text(&created, "secret"))
}

fn body(args: &CreateArgs) -> Value {
    let key_type = match args.key_type {
        Type::Secret => "secret",
        Type::Publishable => "publishable",
    };
    let mut body = Map::from_iter([
        ("name".to_owned(), json!(args.name)),
        ("type".to_owned(), json!(key_type)),
        ("scopes".to_owned(), json!(args.scopes)),
    ]);
    let mut add = |name: &str, value: Option<Value>| body.extend(value.map(|value| (name.to_owned(), value)));
    add("environment", args.environment.as_ref().map(|environment| json!(environment)));
    add("restrictions", (!args.restrictions.is_empty()).then(|| json!(terms::by_name(&args.restrictions))));
    add("integration_id", args.integration.map(|integration| json!(integration)));
    body.extend(args.bounds.members());
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: CreateArgs,
    }

    fn body_of(line: &str) -> Value {
        let line = format!("create --tenant 3714240b-2e06-4c35-8856-ccc1c096323e {line}");
        body(&Line::parse_from(line.split_whitespace()).args)
    }

    #[test]
    fn the_body_says_what_was_typed_and_no_more() {
        assert_eq!(body_of("--name CI"), json!({"name": "CI", "type": "secret", "scopes": []}));
        let all = "--name CI --type publishable --environment test --scope a --scope b --expires-in 30d \
            --allow-ip 10.0.0.0/8,192.0.2.7 --allow-ip ::1 --restrict brand=zeta --restrict brand=acme --integration int_00000000000000000000000000000003";
        assert_eq!(
            body_of(all),
            json!({"name": "CI", "type": "publishable", "environment": "test", "scopes": ["a", "b"], "expires_in": "30d",
                "ip_allowlist": ["10.0.0.0/8", "192.0.2.7/32", "::1/128"], "restrictions": {"brand": ["acme", "zeta"]},
                "integration_id": "int_00000000000000000000000000000003"})
        );
        assert_eq!(body_of("--name CI --expires-at 2027-01-31")["expires_at"], "2027-01-31T00:00:00Z");
    }
}
