//! `nexus verify`: one verdict, explained.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal as _};
use std::net::IpAddr;

use clap::Args;
use nexus_domain::verification::Code;
use serde_json::{Map, Value, json};

use crate::connection::{Connection, Rendering};
use crate::failure::Failure;
use crate::keys::{Restriction, restriction};
use crate::output::{self, Format};
use crate::table::print_facts;
use crate::words::{rows, text, text_or, time_or};

/// The most that is read from stdin, in bytes; no credential is that long.
const LONGEST_INPUT: u64 = 16 * 1024;

/// Ask whether a credential may do something, and why not
///
/// Without further options: whether it is known and alive. Each option adds a condition, as a service in front of which
/// Nexus stands would ask it. Exits with 0 where the credential is valid and with 1 where it is refused. It counts as a use of
/// the credential: in its usage log, and where it is valid, against the rate limits of its tenant. Needs a management
/// credential with the scope verify, and may be sent to a validating node (NEXUS_URL).
#[derive(Args)]
#[command(after_help = "\
Examples:
  nexus verify -                                  reads the credential from stdin: not in the shell's history
  nexus verify - --scope read:users --method GET --ip 203.0.113.7 < credential.txt
  nexus verify - --environment live --output json < credential.txt | jq .code")]
pub(crate) struct VerifyArgs {
    /// The credential, or - to read it from stdin
    #[arg(value_name = "CREDENTIAL", allow_hyphen_values = true)]
    credential: String,

    /// Whose form it has, such as nexuscommerce; found by its prefix where absent
    #[arg(long)]
    dialect: Option<String>,

    /// A scope that is needed; repeat for several, all of which are needed
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,

    /// The HTTP method of the request
    #[arg(long, value_parser = method)]
    method: Option<String>,

    /// The address that the request comes from
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,

    /// The environment that is served, such as live
    #[arg(long)]
    environment: Option<String>,

    /// What the request touches, such as brand=acme where the dialect has brands; one value a name
    #[arg(long = "restrict", value_name = "NAME=VALUE", value_parser = restriction)]
    restrictions: Vec<Restriction>,

    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    rendering: Rendering,
}

/// Asks and explains.
///
/// # Errors
/// [`Failure::Refused`] where the credential is refused, after the explanation.
pub(crate) fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let client = args.connection.open()?;
    let credential = if args.credential == "-" { ask_credential()? } else { args.credential.clone() };
    let answer = client.post("/v1/verify", &question(args, without_scheme(&credential))?)?;
    let verdict: Value = answer.parse(&client)?;
    match args.rendering.output {
        Format::Json => output::json(answer.raw())?,
        Format::Table => print_facts(&explanation(&verdict))?,
    }
    if verdict.get("valid") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    let code = text_or(&verdict, "code", "no verdict");
    Err(Failure::Refused(format!("the credential is refused: {code}")))
}

fn question(args: &VerifyArgs, credential: &str) -> Result<Value, Failure> {
    let mut question = Map::from_iter([("credential".to_owned(), json!(credential))]);
    let mut add =
        |name: &str, value: Option<Value>| question.extend(value.map(|value| (name.to_owned(), value)));
    add("dialect", args.dialect.as_ref().map(|dialect| json!(dialect)));
    add("required_scopes", (!args.scopes.is_empty()).then(|| json!(args.scopes)));
    add("method", args.method.as_ref().map(|method| json!(method)));
    add("ip", args.ip.map(|ip| json!(ip)));
    add("environment", args.environment.as_ref().map(|environment| json!(environment)));
    let mut touched = BTreeMap::new();
    for Restriction { name, value } in &args.restrictions {
        if touched.insert(name, value).is_some_and(|other| other != value) {
            return Err(Failure::Usage(format!(
                "a request touches one {name}: give --restrict {name}=… once"
            )));
        }
    }
    add("restrictions", (!touched.is_empty()).then(|| json!(touched)));
    Ok(Value::Object(question))
}

fn ask_credential() -> Result<String, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        output::note("Paste the credential and press Enter.");
    }
    read_credential(stdin.lock())
}

/// The first line, without white space around it.
fn read_credential(input: impl BufRead) -> Result<String, Failure> {
    let mut text = String::new();
    input.take(LONGEST_INPUT).read_line(&mut text).map_err(|error| Failure::io("read stdin", error))?;
    match text.trim() {
        "" => Err(Failure::Refused("stdin holds no credential".to_owned())),
        credential => Ok(credential.to_owned()),
    }
}

/// The credential of what was copied out of a header (RFC 9110 section 11.4).
fn without_scheme(text: &str) -> &str {
    match text.trim().split_once(' ') {
        Some((scheme, credential)) if scheme.eq_ignore_ascii_case("bearer") => credential.trim_start(),
        Some(_) | None => text,
    }
}

/// An HTTP method in upper case.
fn method(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err("write an HTTP method, such as GET");
    }
    Ok(text.to_ascii_uppercase())
}

fn explanation(verdict: &Value) -> Vec<(&'static str, String)> {
    let code = text(verdict, "code");
    let mut facts = vec![("Verdict", code.clone())];
    if verdict.get("valid") == Some(&Value::Bool(true)) {
        facts.extend([
            ("Key", text(verdict, "name")),
            ("ID", text(verdict, "key_id")),
            ("Tenant", text(verdict, "tenant_id")),
            ("Type", text(verdict, "type")),
            ("Environment", text(verdict, "environment")),
            ("Scopes", text_or(verdict, "scopes", "none")),
            ("Expires", time_or(verdict, "expires_at", "Never")),
        ]);
        facts.extend(rows(verdict, "rate_limits").iter().map(|limit| ("Rate limit", rate_limit(limit))));
        return facts;
    }
    facts.push(("Why", text(verdict, "detail")));
    facts.push(("What to do", Code::parse(&code).map(advice).unwrap_or_default().to_owned()));
    if let Some(response) = verdict.get("response") {
        facts.push((
            "Callers see",
            format!("{} {}", text(response, "status"), body_words(response)).trim_end().to_owned(),
        ));
    }
    facts
}

fn rate_limit(limit: &Value) -> String {
    format!(
        "{} of {} left until {}",
        text(limit, "remaining"),
        text(limit, "limit"),
        time_or(limit, "reset_at", "?")
    )
}

fn body_words(response: &Value) -> String {
    match response.get("body") {
        Some(Value::String(body)) => body.clone(),
        Some(Value::Null) | None => String::new(),
        Some(body) => body.to_string(),
    }
}

/// What whoever holds or checks the credential can do about a verdict.
const fn advice(code: Code) -> &'static str {
    match code {
        Code::Valid => "",
        Code::Malformed => "Check that it was copied whole, and that --dialect is the one it was made for.",
        Code::Unknown => {
            "Check that it was made on this server; a key that never existed and a foreign one look alike."
        }
        Code::WrongEnvironment => "Use a key of the environment that is served.",
        Code::TenantMismatch => "Send the tenant that the key belongs to.",
        Code::Revoked => {
            "Use the current secret of a key that was rotated; in place of a revoked key create another: nexus keys create."
        }
        Code::Expired => "Create another key: nexus keys create.",
        Code::NotYetValid => "Wait until its lifetime begins, and check the clocks.",
        Code::Disabled => "Switch on what the key belongs to.",
        Code::TenantSuspended => "Resume the tenant: nexus tenants resume.",
        Code::IpNotAllowed => {
            "Give the caller's address with --ip where it is missing. Else name all networks of the key anew, with the caller's among them: nexus keys change --allow-ip. Callers behind a proxy need their own address passed on."
        }
        Code::InsufficientScope => {
            "Ask for less, or name all scopes of the key anew, with this one among them: nexus keys change --scope."
        }
        Code::Restricted => "Use a key without that restriction: nexus keys change --restrict.",
        Code::ReadOnly => "Use a secret key; publishable keys only read.",
        Code::RateLimited => "Wait until the limit is reset.",
        Code::Unavailable => "Ask again in a moment; the credential itself was not refused.",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: VerifyArgs,
    }

    fn question_of(line: &str) -> Result<Value, Failure> {
        question(&Line::parse_from(format!("verify {line}").split_whitespace()).args, "nx_live_x")
    }

    #[test]
    fn the_question_holds_what_was_asked() {
        assert_eq!(question_of("-").unwrap(), json!({"credential": "nx_live_x"}));
        assert_eq!(
            question_of("- --dialect d --scope a --scope b --method get --ip ::1 --environment live --restrict brand=acme").unwrap(),
            json!({"credential": "nx_live_x", "dialect": "d", "required_scopes": ["a", "b"], "method": "GET", "ip": "::1",
                "environment": "live", "restrictions": {"brand": "acme"}})
        );
        let failure = question_of("- --restrict brand=a --restrict brand=b").unwrap_err();
        assert!(matches!(failure, Failure::Usage(_)), "{failure}");
    }

    #[test]
    fn the_first_line_of_stdin_is_the_credential() {
        assert_eq!(read_credential(&b"nx_live_x\r\nmore"[..]).unwrap(), "nx_live_x");
        assert!(read_credential(&b" \n"[..]).is_err());
        assert_eq!(without_scheme("bearer  nx_live_x"), "nx_live_x");
        assert_eq!(without_scheme("npc_1:secret with spaces"), "npc_1:secret with spaces");
    }

    #[test]
    fn a_refusal_says_why_what_to_do_and_what_callers_see() {
        let verdict = json!({"valid": false, "code": "REVOKED", "status": 401, "detail": "the key is revoked",
            "response": {"status": 401, "headers": {}, "body": {"error": "invalid_token"}}});
        let facts = explanation(&verdict);
        let of = |label: &str| facts.iter().find(|(name, _)| *name == label).unwrap().1.clone();
        assert_eq!(of("Verdict"), "REVOKED");
        assert_eq!(of("Why"), "the key is revoked");
        assert!(of("What to do").contains("nexus keys create"));
        assert_eq!(of("Callers see"), r#"401 {"error":"invalid_token"}"#);
    }

    #[test]
    fn a_valid_credential_is_described() {
        let verdict = json!({"valid": true, "code": "VALID", "name": "CI", "key_id": "key_1", "scopes": ["a"], "expires_at": null,
            "rate_limits": [{"limit": 100, "remaining": 97, "reset_at": "2026-01-01T00:01:00Z"}]});
        let facts = explanation(&verdict);
        assert!(facts.contains(&("Expires", "Never".to_owned())));
        assert!(facts.contains(&("Rate limit", "97 of 100 left until 2026-01-01 00:01:00Z".to_owned())));
    }

    #[test]
    fn every_refusal_has_advice() {
        for code in Code::ALL {
            assert_eq!(advice(code).is_empty(), code == Code::Valid, "{code}");
        }
    }
}
