//! `nexus keys change`

use clap::{ArgGroup, Args};
use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::terms::{self, Restriction};
use super::{OneKey, view};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Change a key's name, scopes, allow list, restrictions or expiry
///
/// What is given replaces what was there, as a whole: with one --scope, the key has that scope alone. What is not given
/// stays. The secret stays valid; nothing brings back a revoked or expired key. Answers with a receipt: how many validating
/// nodes have confirmed the change, and how many lost their lease instead, which makes them refuse everything.
#[derive(Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
#[command(after_help = "\
Examples:
  nexus keys change KEY --name 'CI, nightly'
  nexus keys change KEY --scope read:users --scope read:payments
  nexus keys change KEY --expires-in 30d
  nexus keys change KEY --clear-expiry --clear-allow-ip")]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    key: OneKey,

    /// Another name
    #[arg(long, group = "change")]
    name: Option<String>,

    /// All that it may do from now on; repeat for several, as scopes may hold commas
    #[arg(long = "scope", value_name = "SCOPE", group = "change")]
    scopes: Vec<String>,

    /// Take all scopes away
    #[arg(long, group = "change", conflicts_with = "scopes")]
    clear_scopes: bool,

    /// Address or network that it may be used from; repeat or put commas between for several
    #[arg(long = "allow-ip", value_name = "CIDR", value_parser = terms::network, value_delimiter = ',')]
    #[arg(group = "change")]
    allowed: Vec<IpNet>,

    /// Let it be used from anywhere
    #[arg(long, group = "change", conflicts_with = "allowed")]
    clear_allow_ip: bool,

    /// What it is restricted to, such as brand=acme where the dialect has brands; repeat for several
    #[arg(long = "restrict", value_name = "NAME=VALUE", value_parser = terms::restriction, group = "change")]
    restrictions: Vec<Restriction>,

    /// Lift all restrictions
    #[arg(long, group = "change", conflicts_with = "restrictions")]
    clear_restrictions: bool,

    /// How long it lives from now on, such as 12h, 30d or 1y
    #[arg(long, value_name = "DURATION", value_parser = terms::duration, group = "change")]
    #[arg(conflicts_with_all = ["expires_at", "clear_expiry"])]
    expires_in: Option<String>,

    /// When it ends, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = terms::instant, group = "change")]
    #[arg(conflicts_with = "clear_expiry")]
    expires_at: Option<String>,

    /// Let it live until it is revoked
    #[arg(long, group = "change")]
    clear_expiry: bool,
}

pub(super) fn run(args: &ChangeArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.patch(&args.key.path(""), &body(args))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let changed: Value = answer.parse(client)?;
    view::print_changed(&changed, &changed)
}

fn body(args: &ChangeArgs) -> Value {
    let mut body = Map::new();
    let mut replace = |name: &str, asked: bool, value: Value| {
        if asked {
            body.insert(name.to_owned(), value);
        }
    };
    replace("name", args.name.is_some(), json!(args.name));
    replace("scopes", args.clear_scopes || !args.scopes.is_empty(), json!(args.scopes));
    replace("ip_allowlist", args.clear_allow_ip || !args.allowed.is_empty(), json!(args.allowed));
    let restricted = args.clear_restrictions || !args.restrictions.is_empty();
    replace("restrictions", restricted, json!(terms::by_name(&args.restrictions)));
    replace("expires_in", args.expires_in.is_some(), json!(args.expires_in));
    replace("expires_at", args.clear_expiry || args.expires_at.is_some(), json!(args.expires_at));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: ChangeArgs,
    }

    fn body_of(line: &str) -> Value {
        let line = format!(
            "change key_00000000000000000123456789abcdef --tenant 3714240b-2e06-4c35-8856-ccc1c096323e {line}"
        );
        body(&Line::parse_from(line.split_whitespace()).args)
    }

    #[test]
    fn what_is_not_named_is_not_sent() {
        assert_eq!(body_of("--name B"), json!({"name": "B"}));
        assert_eq!(body_of("--scope a --scope b"), json!({"scopes": ["a", "b"]}));
        assert_eq!(body_of("--expires-in 30d"), json!({"expires_in": "30d"}));
        let allowed = json!({"ip_allowlist": ["10.0.0.0/8", "2001:db8::/32"]});
        assert_eq!(body_of("--allow-ip 10.0.0.0/8,2001:db8::/32"), allowed);
    }

    #[test]
    fn clearing_sends_emptiness() {
        assert_eq!(body_of("--clear-expiry"), json!({"expires_at": null}));
        assert_eq!(
            body_of("--clear-scopes --clear-allow-ip --clear-restrictions"),
            json!({"scopes": [], "ip_allowlist": [], "restrictions": {}})
        );
    }
}
