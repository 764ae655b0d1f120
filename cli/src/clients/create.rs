//! `nexus clients create`

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::view;
use crate::client::Client;
use crate::connection::OfTenant;
use crate::failure::Failure;
use crate::keys::{Restriction, by_name, network, restriction};
use crate::output::{self, Format};
use crate::words::text;

/// Register a client and show its secret, once
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus clients create --name 'Nightly import' --type server --scope read:users
  nexus clients create --name Calendar --type app --redirect-uri https://calendar.example/callback --scope read:users
  nexus clients create --name 'Phone app' --type app --redirect-uri com.example.phone:/callback --authentication none")]
pub(super) struct CreateArgs {
    /// Its name, 1 to 100 characters; people read it when they are asked for their consent
    #[arg(long)]
    name: String,

    /// For itself, or for people who agree to it
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    client_type: Type,

    /// Where codes may be sent, compared byte for byte; repeat for several
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,

    /// What its tokens may allow at most; repeat for several; all but what contains every other where absent
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,

    /// The environment of its tokens; the dialect's first where absent
    #[arg(long)]
    environment: Option<String>,

    /// How it proves who it is; keys of its own are for the REST API
    #[arg(long, value_enum, default_value_t = Authentication::ClientSecret)]
    authentication: Authentication,

    /// Refuse what it asks for without PKCE (RFC 7636); an app that does not prove who it is needs that in any case
    #[arg(long)]
    require_pkce: bool,

    /// Refuse authorization requests that it did not push before (RFC 9126)
    #[arg(long)]
    require_par: bool,

    /// Give it access tokens that are bound to a key alone (RFC 9449, DPoP)
    #[arg(long)]
    dpop_bound: bool,

    /// Address or network that its tokens may be used from; repeat or put commas between for several
    #[arg(long = "allow-ip", value_name = "CIDR", value_parser = network, value_delimiter = ',')]
    allowed: Vec<ipnet::IpNet>,

    /// What its tokens are restricted to, such as brand=acme where the dialect has brands; repeat for several
    #[arg(long = "restrict", value_name = "NAME=VALUE", value_parser = restriction)]
    restrictions: Vec<Restriction>,

    #[command(flatten)]
    tenant: OfTenant,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Type {
    Server,
    App,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Authentication {
    /// With its secret
    #[value(alias = "client-secret")]
    ClientSecret,
    /// Not at all: it runs where no secret can be kept
    None,
}

pub(super) fn run(args: &CreateArgs, client: &Client, format: Format) -> Result<(), Failure> {
    let answer = client.post(&args.tenant.path("clients"), &body(args))?;
    if format == Format::Json {
        return output::json(answer.raw());
    }
    let created: Value = answer.parse(client)?;
    view::print(created.get("client").unwrap_or(&Value::Null))?;
    match text(&created, "client_secret") {
        none if none.is_empty() => Ok(()),
        secret => output::secret(&secret),
    }
}

fn body(args: &CreateArgs) -> Value {
    let client_type = match args.client_type {
        Type::Server => "server",
        Type::App => "app",
    };
    let authentication = match args.authentication {
        Authentication::ClientSecret => "client_secret",
        Authentication::None => "none",
    };
    let mut body = Map::from_iter([
        ("name".to_owned(), json!(args.name)),
        ("type".to_owned(), json!(client_type)),
        ("authentication".to_owned(), json!(authentication)),
    ]);
    let mut add = |name: &str, value: Option<Value>| body.extend(value.map(|value| (name.to_owned(), value)));
    add("redirect_uris", (!args.redirect_uris.is_empty()).then(|| json!(args.redirect_uris)));
    add("scopes", (!args.scopes.is_empty()).then(|| json!(args.scopes)));
    add("environment", args.environment.as_ref().map(|environment| json!(environment)));
    add("requires_pkce", args.require_pkce.then_some(json!(true)));
    add("require_pushed_authorization_requests", args.require_par.then_some(json!(true)));
    add("dpop_bound_access_tokens", args.dpop_bound.then_some(json!(true)));
    add("ip_allowlist", (!args.allowed.is_empty()).then(|| json!(args.allowed)));
    add("restrictions", (!args.restrictions.is_empty()).then(|| json!(by_name(&args.restrictions))));
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
        assert_eq!(
            body_of("--name CI --type server"),
            json!({"name": "CI", "type": "server", "authentication": "client_secret"})
        );
        assert_eq!(
            body_of(
                "--name CI --type app --redirect-uri https://a.example/cb --scope a --scope b --environment test \
                 --authentication none --allow-ip 10.0.0.0/8 --restrict brand=acme"
            ),
            json!({"name": "CI", "type": "app", "authentication": "none", "redirect_uris": ["https://a.example/cb"],
                "scopes": ["a", "b"], "environment": "test", "ip_allowlist": ["10.0.0.0/8"],
                "restrictions": {"brand": ["acme"]}})
        );
        assert_eq!(body_of("--name CI --type app --require-pkce")["requires_pkce"], true);
        let pushes = body_of("--name CI --type app --require-par");
        assert_eq!(pushes["require_pushed_authorization_requests"], true);
        let bound = body_of("--name CI --type server --dpop-bound");
        assert_eq!(bound["dpop_bound_access_tokens"], true);
    }
}
