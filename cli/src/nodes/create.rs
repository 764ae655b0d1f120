//! `nexus nodes create`

use clap::Args;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::failure::Failure;
use crate::keys::Bounds;
use crate::output::{self, Format};
use crate::table::print_facts;
use crate::words::{text, text_or, time_or};

/// Create the credential of a validating node and show it, once
///
/// It goes into the node's validator.toml as `control.credential`, or into NEXUS__CONTROL__CREDENTIAL, and is good for nothing
/// but being a node. Several nodes may share one; with one each, each can be revoked by itself.
///
/// A node is sent the digests, names and rights of the keys of the dialects named here, and always those of management
/// credentials, since callers of POST /v1/verify show them; it is sent no secret.
///
/// Where no end is given, it ends when the credential that creates it would expire, and with none it does not expire. Revoking
/// the creator does not end it: `nexus nodes revoke` does. It is a key of the platform's own tenant: `nexus keys change
/// --expires-in` prolongs it while the node runs, and `nexus keys rotate` gives it a new secret.
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus nodes create edge-1
  nexus nodes create edge-1 --dialect nexus --dialect nexpay --allow-ip 10.0.0.0/8 --expires-in 90d
  export NEXUS__CONTROL__CREDENTIAL=$(nexus nodes create edge-1 --output json | jq -r .credential)")]
pub(super) struct CreateArgs {
    /// What the node is called, 1 to 100 characters
    name: String,

    /// A product's dialect whose keys the node may follow; repeat or put commas between for several; all where absent
    #[arg(long = "dialect", value_name = "DIALECT", value_delimiter = ',')]
    dialects: Vec<String>,

    #[command(flatten)]
    bounds: Bounds,
}

pub(super) fn run(args: &CreateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.post(super::PATH, &body(args))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let created: Value = answer.parse(client)?;
    let node = created.get("node").unwrap_or(&Value::Null);
    print_facts(&[
        ("Name", text(node, "name")),
        ("ID", text(node, "credential_id")),
        ("Prefix", text(node, "prefix")),
        ("Dialects", text_or(node, "dialects", "all")),
        ("Allowed from", text_or(node, "ip_allowlist", "anywhere")),
        ("Created", time_or(node, "created_at", "")),
        ("Expires", time_or(node, "expires_at", "Never")),
    ])?;
    output::secret(&text(&created, "credential"))
}

fn body(args: &CreateArgs) -> Value {
    let mut body = Map::from_iter([("name".to_owned(), json!(args.name))]);
    if !args.dialects.is_empty() {
        body.insert("dialects".to_owned(), json!(args.dialects));
    }
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
        body(&Line::parse_from(format!("create {line}").split_whitespace()).args)
    }

    #[test]
    fn the_body_says_what_was_typed_and_no_more() {
        assert_eq!(body_of("edge"), json!({"name": "edge"}));
        assert_eq!(
            body_of("edge --dialect nexus,nexpay --dialect nexuscore --expires-in 90d --allow-ip 10.0.0.0/8"),
            json!({"name": "edge", "dialects": ["nexus", "nexpay", "nexuscore"], "expires_in": "90d",
                "ip_allowlist": ["10.0.0.0/8"]})
        );
        assert_eq!(body_of("edge --expires-at 2027-01-31")["expires_at"], "2027-01-31T00:00:00Z");
    }
}
