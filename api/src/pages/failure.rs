//! What a page answers that cannot be shown: a page that says so, and what to do.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;
use nexus_infrastructure::gate::GateError;
use nexus_projections::QueryError;

use super::{Visitor, secured, see_other, stylesheet_address};
use crate::authentication_limits::Limited;
use crate::problem::Problem;

/// A failed request for a page. Not a [`Problem`] in JSON: people read it.
#[derive(Debug)]
pub struct Failure(Kind);

#[derive(Debug)]
enum Kind {
    /// A failure of the interface, as a page.
    Problem(Problem),
    /// Something about the page itself.
    Refused { status: StatusCode, title: String, text: String },
    /// It goes on elsewhere.
    Elsewhere(String),
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    stylesheet: String,
    visitor: Visitor,
    title: &'a str,
    text: &'a str,
    request_id: &'a str,
}

impl Failure {
    /// A page of this status that says what happened and what to do. The texts are escaped.
    pub fn refused(status: StatusCode, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Kind::Refused { status, title: title.into(), text: text.into() })
    }

    /// A form whose token is not that of the session in which it was sent.
    #[must_use]
    pub fn forged() -> Self {
        Self::refused(
            StatusCode::FORBIDDEN,
            "This form cannot be accepted",
            "It was not sent from a page of this session. Go back, load the page again and send it once more.",
        )
    }

    /// It goes on at another address of this server.
    #[must_use]
    pub fn elsewhere(location: String) -> Self {
        Self(Kind::Elsewhere(location))
    }

    /// The failure of the interface that it is, for the log.
    pub(crate) const fn problem(&self) -> Option<&Problem> {
        match &self.0 {
            Kind::Problem(problem) => Some(problem),
            Kind::Refused { .. } | Kind::Elsewhere(_) => None,
        }
    }

    /// The page, with the id under which the log has more.
    #[must_use]
    pub fn response(&self, request_id: &str) -> HttpResponse {
        match &self.0 {
            Kind::Elsewhere(location) => see_other(location),
            Kind::Refused { status, title, text } => page(*status, title, text, request_id),
            Kind::Problem(problem) => {
                let mut response =
                    page(problem.status_code(), problem.kind().title, problem.detail(), request_id);
                for (name, value) in problem.response(request_id).headers() {
                    if *name != CONTENT_TYPE && !response.headers().contains_key(name) {
                        response.headers_mut().insert(name.clone(), value.clone());
                    }
                }
                response
            }
        }
    }
}

fn page(status: StatusCode, title: &str, text: &str, request_id: &str) -> HttpResponse {
    let stylesheet = stylesheet_address();
    let message = Message { stylesheet, visitor: Visitor::default(), title, text, request_id };
    let html = message.render().unwrap_or_default();
    secured(HttpResponse::build(status), &[]).body(html)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Problem(problem) => problem.fmt(f),
            Kind::Refused { title, text, .. } => write!(f, "{title}: {text}"),
            Kind::Elsewhere(location) => write!(f, "see {location}"),
        }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match &self.0 {
            Kind::Problem(problem) => problem.status_code(),
            Kind::Refused { status, .. } => *status,
            Kind::Elsewhere(_) => StatusCode::SEE_OTHER,
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.response("")
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(Kind::Problem(problem))
    }
}

impl From<GateError> for Failure {
    fn from(error: GateError) -> Self {
        Problem::from(error).into()
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Limited> for Failure {
    fn from(limited: Limited) -> Self {
        Problem::from(limited).into()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::{BoxBody, MessageBody as _};

    use super::*;
    use crate::problem;

    fn text(response: HttpResponse<BoxBody>) -> String {
        String::from_utf8(response.into_body().try_into_bytes().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn a_failure_is_a_page_that_says_what_to_do() {
        let forged = Failure::forged().response("req-1");
        assert_eq!(forged.status(), 403);
        assert_eq!(forged.headers().get("content-type").unwrap(), "text/html; charset=utf-8");
        let html = text(forged);
        assert!(html.contains("load the page again") && html.contains("req-1"), "{html}");
    }

    #[test]
    fn a_problem_keeps_its_headers_and_is_escaped() {
        let problem = Problem::new(&problem::UNAVAILABLE, "<b>not now</b>");
        let page = Failure::from(problem).response("req-1");
        assert_eq!(page.status(), 503);
        assert!(page.headers().contains_key("retry-after"));
        assert!(page.headers().contains_key("content-security-policy"));
        assert_eq!(page.headers().get("content-type").unwrap(), "text/html; charset=utf-8");
        let html = text(page);
        assert!(html.contains("&#60;b&#62;not now") || html.contains("&lt;b&gt;not now"), "{html}");
    }
}
