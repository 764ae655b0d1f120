//! A refusal of the server (RFC 9457 problem details) as one line for people, in the words of the command line: who typed
//! `--scope` does not know of a `body.scopes`.

use std::fmt;

use serde::Deserialize;

/// What the server says is wrong. Everything may be absent: a proxy in between has its own manners.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    /// HTTP status; taken from the response, whatever the body says.
    #[serde(skip)]
    pub(crate) status: u16,
    /// What was asked for, where there is no such thing.
    #[serde(skip)]
    absent: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    request_id: Option<String>,
    errors: Vec<FieldError>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct FieldError {
    /// As it was sent, and once the problem is read, the option that it was given by.
    location: String,
    message: String,
    fix: Option<String>,
}

impl Problem {
    /// Reads what a request for `path` was answered with; `None` where it is not a problem document.
    pub(super) fn parse(status: u16, path: &str, body: &str) -> Option<Self> {
        let problem: Self = serde_json::from_str(body).ok()?;
        let says_nothing = problem.title.is_none() && problem.detail.is_none() && problem.errors.is_empty();
        let absent = problem.code.as_deref().filter(|code| *code == "not_found").and_then(|_| named(path));
        (!says_nothing).then(|| {
            let named = |error: FieldError| FieldError { location: option(path, &error.location), ..error };
            let errors = problem.errors.into_iter().map(named).collect();
            Self { status, absent, errors, ..problem }
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(absent) = &self.absent {
            write!(f, "there is no {absent}, or not for this credential")?;
        } else if self.errors.is_empty() {
            let detail = self.detail.as_deref().or(self.title.as_deref()).unwrap_or("refused");
            // How a program sends a credential is no advice for who types commands.
            let said = if self.status == 401 { detail.split(';').next().unwrap_or(detail) } else { detail };
            f.write_str(said)?;
        } else {
            for (at, error) in self.errors.iter().enumerate() {
                let separator = if at == 0 { "" } else { "; " };
                write!(f, "{separator}{error}")?;
            }
        }
        if self.status == 401 {
            f.write_str("; set NEXUS_TOKEN to a management credential that is valid here")?;
        }
        match (&self.code, &self.request_id) {
            (Some(code), Some(id)) if !id.is_empty() => write!(f, " [{code}, request {id}]"),
            (Some(code), Some(_) | None) => write!(f, " [{code}]"),
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = &self.location;
        write!(f, "{option}: {}", self.message)?;
        let fix = self.fix.as_deref().filter(|fix| !fix.is_empty());
        let repeat = option.starts_with("--scope") && quotes_several(&self.message);
        match (repeat, fix) {
            (true, Some(fix)) => write!(f, " (give --scope once for each; {fix})"),
            (true, None) => f.write_str(" (give --scope once for each)"),
            (false, Some(fix)) => write!(f, " ({fix})"),
            (false, None) => Ok(()),
        }
    }
}

/// Whether the server quotes, in backticks, what may have been meant as several. Scopes may hold commas, so that only who
/// knows all of them can tell.
fn quotes_several(message: &str) -> bool {
    message.split('`').skip(1).step_by(2).any(|quoted| quoted.contains(','))
}

/// What the address of a request names by an id.
fn named(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["", "v1", "tenants", tenant, "keys", key, ..] => Some(format!("key {key} of the tenant {tenant}")),
        ["", "v1", "tenants", tenant, "integrations", integration, ..] => {
            Some(format!("integration {integration} of the tenant {tenant}"))
        }
        ["", "v1", "tenants", tenant, "agents", agent, ..] => {
            Some(format!("agent {agent} of the tenant {tenant}"))
        }
        ["", "v1", "tenants", tenant, ..] => Some(format!("tenant {tenant}")),
        ["", "v1", "projections", name, ..] => Some(format!("projection {name}")),
        _ => None,
    }
}

/// Fields of bodies and queries that are typed otherwise than as an option of their name, with the requests that have them.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("/v1/verify", "credential", "CREDENTIAL"),
    ("/v1/nodes", "name", "NAME"),
    ("/v1/", "agent_id", "--agent"),
    ("/v1/", "dialects", "--dialect"),
    ("/v1/", "integration_id", "--integration"),
    ("/v1/", "ip_allowlist", "--allow-ip"),
    ("/v1/", "required_scopes", "--scope"),
    ("/v1/", "restrictions", "--restrict"),
    ("/v1/", "scopes", "--scope"),
];

/// The option by which a field of a request for `path` was given: `--scope no. 3` for `body.scopes[2]`, `--restrict brand` for
/// `body.restrictions.brand`. A location of another kind stays as it is.
fn option(path: &str, location: &str) -> String {
    let Some(field) = location.strip_prefix("body.").or_else(|| location.strip_prefix("query.")) else {
        return location.to_owned();
    };
    let end = field.find(['[', '.']).unwrap_or(field.len());
    let (name, rest) = field.split_at(end);
    let option = OPTIONS
        .iter()
        .find(|(prefix, of, _)| path.starts_with(prefix) && *of == name)
        .map_or_else(|| format!("--{}", name.replace('_', "-")), |(_, _, option)| (*option).to_owned());
    let number =
        rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|at| at.parse::<u32>().ok());
    match (number, rest.strip_prefix('.')) {
        (Some(at), _) => format!("{option} no. {}", at.saturating_add(1)),
        (None, Some(part)) => format!("{option} {part}"),
        (None, None) => option,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;
    use serde_json::json;

    use super::*;

    fn line(status: u16, body: &str) -> String {
        Problem::parse(status, "/v1/tenants", body).unwrap().to_string()
    }

    #[test]
    fn every_option_that_is_named_can_be_typed() {
        fn collect(command: &clap::Command, options: &mut BTreeSet<String>) {
            options.extend(command.get_arguments().map(|arg| match arg.get_long() {
                Some(long) => format!("--{long}"),
                None => arg.get_id().as_str().to_uppercase(),
            }));
            command.get_subcommands().for_each(|inner| collect(inner, options));
        }
        let mut options = BTreeSet::new();
        collect(&crate::command::Cli::command(), &mut options);
        for field in [
            "body.credential",
            "body.dialect",
            "body.environment",
            "body.expires_at",
            "body.expires_in",
            "body.grace",
            "body.ip",
            "body.ip_allowlist",
            "body.method",
            "body.name",
            "body.note",
            "body.reason",
            "body.required_scopes",
            "body.restrictions",
            "body.scopes",
            "body.type",
            "query.action",
            "query.actor",
            "query.from",
            "query.ip",
            "query.key",
            "query.limit",
            "query.outcome",
            "query.q",
            "query.status",
            "query.step",
            "query.tenant",
            "query.to",
        ] {
            let path = if field == "body.credential" { "/v1/verify" } else { "/v1/tenants/T/keys" };
            let named = option(path, field);
            assert!(options.contains(&named), "{field} is called {named}");
        }
        for (_, _, named) in OPTIONS {
            assert!(options.contains(*named), "{named}");
        }
    }

    #[test]
    fn what_is_absent_is_named() {
        let body = r#"{"detail":"there is no such thing","code":"not_found","request_id":"r-1"}"#;
        for (path, named) in [
            ("/v1/tenants/T/keys/K/rotate", "key K of the tenant T"),
            ("/v1/tenants/T/keys", "tenant T"),
            ("/v1/tenants/T", "tenant T"),
            ("/v1/projections/P/rebuild", "projection P"),
        ] {
            let said = Problem::parse(404, path, body).unwrap().to_string();
            assert_eq!(
                said,
                format!("there is no {named}, or not for this credential [not_found, request r-1]")
            );
        }
        let elsewhere = Problem::parse(404, "/v1/audit", body).unwrap().to_string();
        assert_eq!(elsewhere, "there is no such thing [not_found, request r-1]");
    }

    #[test]
    fn a_detail_with_its_code_and_request() {
        let body = r#"{"type":"/problems/key_revoked","title":"The key is revoked","status":409,"detail":"the key is revoked, which is final","code":"key_revoked","request_id":"r-1"}"#;
        assert_eq!(line(409, body), "the key is revoked, which is final [key_revoked, request r-1]");
        assert_eq!(line(500, r#"{"title":"Oh"}"#), "Oh");
    }

    #[test]
    fn everything_wrong_stands_in_one_line() {
        let body = r#"{"detail":"2 things are wrong with the request","code":"invalid_request","request_id":"","errors":[
            {"location":"body.name","message":"missing","fix":"add it"},{"location":"body.scopes[2]","message":"not a text"},
            {"location":"body.restrictions.brand","message":"unknown"}]}"#;
        assert_eq!(
            line(400, body),
            "--name: missing (add it); --scope no. 3: not a text; --restrict brand: unknown [invalid_request]"
        );
    }

    #[test]
    fn the_fields_of_a_node_are_named_as_they_are_typed() {
        let body = r#"{"errors":[{"location":"body.name","message":"the name is empty"},
            {"location":"body.dialects[0]","message":"no such dialect"}]}"#;
        let said = Problem::parse(400, "/v1/nodes", body).unwrap().to_string();
        assert_eq!(said, "NAME: the name is empty; --dialect no. 1: no such dialect");
    }

    #[test]
    fn scopes_with_commas_between_lead_to_one_option_each() {
        let said = |message: &str| {
            let error = json!({"location": "body.scopes", "message": message, "fix": "choose from a, b"});
            line(400, &json!({"errors": [error]}).to_string())
        };
        assert_eq!(
            said("unknown scope `a,b`"),
            "--scope: unknown scope `a,b` (give --scope once for each; choose from a, b)"
        );
        for other in ["unknown scope `c`", "a publishable key may only hold read scopes, and `a` is none"] {
            assert_eq!(said(other), format!("--scope: {other} (choose from a, b)"));
        }
    }

    #[test]
    fn who_is_not_known_learns_where_to_say_who_they_are() {
        let said =
            line(401, r#"{"detail":"no credential was sent; send it as a header","code":"unauthorized"}"#);
        assert_eq!(
            said,
            "no credential was sent; set NEXUS_TOKEN to a management credential that is valid here [unauthorized]"
        );
    }

    #[test]
    fn other_bodies_are_no_problem_documents() {
        for body in ["", "<html>", "[]", "{}", r#"{"data":[]}"#, "null"] {
            assert_eq!(Problem::parse(502, "/v1/tenants", body), None, "{body}");
        }
    }
}
