//! A refusal of the server (RFC 9457 problem details) as one line for people.

use std::fmt;

use serde::Deserialize;

/// What the server says is wrong. Everything may be absent: a proxy in between has its own manners.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    /// HTTP status; taken from the response, whatever the body says.
    #[serde(skip)]
    pub(crate) status: u16,
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
    location: String,
    message: String,
    fix: Option<String>,
}

impl Problem {
    /// Reads a response body; `None` where it is not a problem document.
    pub(super) fn parse(status: u16, body: &str) -> Option<Self> {
        let problem: Self = serde_json::from_str(body).ok()?;
        let says_nothing = problem.title.is_none() && problem.detail.is_none() && problem.errors.is_empty();
        (!says_nothing).then_some(Self { status, ..problem })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.errors.is_empty() {
            f.write_str(self.detail.as_deref().or(self.title.as_deref()).unwrap_or("refused"))?;
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
        write!(f, "{}: {}", self.location, self.message)?;
        match self.fix.as_deref() {
            Some(fix) if !fix.is_empty() => write!(f, " ({fix})"),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(status: u16, body: &str) -> String {
        Problem::parse(status, body).unwrap().to_string()
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
            {"location":"body.name","message":"missing","fix":"add it"},{"location":"body.scopes[2]","message":"not a text"}]}"#;
        assert_eq!(
            line(400, body),
            "body.name: missing (add it); body.scopes[2]: not a text [invalid_request]"
        );
    }

    #[test]
    fn who_is_not_known_learns_where_to_say_who_they_are() {
        let said = line(401, r#"{"detail":"no credential was sent","code":"unauthorized"}"#);
        assert_eq!(
            said,
            "no credential was sent; set NEXUS_TOKEN to a management credential that is valid here [unauthorized]"
        );
    }

    #[test]
    fn other_bodies_are_no_problem_documents() {
        for body in ["", "<html>", "[]", "{}", r#"{"data":[]}"#, "null"] {
            assert_eq!(Problem::parse(502, body), None, "{body}");
        }
    }
}
