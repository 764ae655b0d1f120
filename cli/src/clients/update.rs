//! `nexus clients update`

use clap::{ArgGroup, Args};
use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::{OneClient, view};
use crate::client::Client;
use crate::failure::Failure;
use crate::keys::{Restriction, by_name, network, restriction};
use crate::output::{self, Format};

/// Change a client's name, redirect URIs, scopes, allow list or restrictions
///
/// What is given replaces what was there, as a whole: with one --scope, its tokens may have that scope alone, those included
/// that were issued before. What is not given stays. Answers with a receipt: how many validating nodes have confirmed the change,
/// and how many lost their lease instead, which makes them refuse everything.
#[derive(Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
#[command(after_help = "\
Examples:
  nexus clients update CLIENT --name Diary
  nexus clients update CLIENT --redirect-uri https://diary.example/callback
  nexus clients update CLIENT --scope read:users --clear-allow-ip")]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    client: OneClient,

    /// Another name
    #[arg(long, group = "change")]
    name: Option<String>,

    /// Where codes may be sent from now on, compared byte for byte; repeat for several
    #[arg(long = "redirect-uri", value_name = "URI", group = "change")]
    redirect_uris: Vec<String>,

    /// All that its tokens may allow from now on; repeat for several
    #[arg(long = "scope", value_name = "SCOPE", group = "change")]
    scopes: Vec<String>,

    /// Address or network that its tokens may be used from; repeat or put commas between for several
    #[arg(long = "allow-ip", value_name = "CIDR", value_parser = network, value_delimiter = ',', group = "change")]
    allowed: Vec<IpNet>,

    /// Let its tokens be used from anywhere
    #[arg(long, group = "change", conflicts_with = "allowed")]
    clear_allow_ip: bool,

    /// What its tokens are restricted to, such as brand=acme where the dialect has brands; repeat for several
    #[arg(long = "restrict", value_name = "NAME=VALUE", value_parser = restriction, group = "change")]
    restrictions: Vec<Restriction>,

    /// Lift all restrictions
    #[arg(long, group = "change", conflicts_with = "restrictions")]
    clear_restrictions: bool,
}

pub(super) fn run(args: &UpdateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.patch(&args.client.path(""), &body(args))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let changed: Value = answer.parse(client)?;
    view::print_changed(changed.get("client").unwrap_or(&Value::Null), &changed)
}

fn body(args: &UpdateArgs) -> Value {
    let mut body = Map::new();
    let mut replace = |name: &str, asked: bool, value: Value| {
        if asked {
            body.insert(name.to_owned(), value);
        }
    };
    replace("name", args.name.is_some(), json!(args.name));
    replace("redirect_uris", !args.redirect_uris.is_empty(), json!(args.redirect_uris));
    replace("scopes", !args.scopes.is_empty(), json!(args.scopes));
    replace("ip_allowlist", args.clear_allow_ip || !args.allowed.is_empty(), json!(args.allowed));
    let restricted = args.clear_restrictions || !args.restrictions.is_empty();
    replace("restrictions", restricted, json!(by_name(&args.restrictions)));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: UpdateArgs,
    }

    fn body_of(line: &str) -> Value {
        let line = format!("update nx_client_7 --tenant 3714240b-2e06-4c35-8856-ccc1c096323e {line}");
        body(&Line::parse_from(line.split_whitespace()).args)
    }

    #[test]
    fn what_is_not_named_is_not_sent_and_clearing_sends_emptiness() {
        assert_eq!(body_of("--name B"), json!({"name": "B"}));
        assert_eq!(body_of("--scope a --scope b"), json!({"scopes": ["a", "b"]}));
        let uris = json!({"redirect_uris": ["https://a.example/cb"]});
        assert_eq!(body_of("--redirect-uri https://a.example/cb"), uris);
        assert_eq!(body_of("--allow-ip 10.0.0.0/8"), json!({"ip_allowlist": ["10.0.0.0/8"]}));
        assert_eq!(
            body_of("--clear-allow-ip --clear-restrictions"),
            json!({"ip_allowlist": [], "restrictions": {}})
        );
    }
}
