//! `/docs` and `/problems/{code}`: the interface for people, rendered here from the OpenAPI document
//! without any script, so that it works without the internet and under a strict policy.

mod example;
mod operation;
mod schema;

use std::fmt::Write as _;

use actix_web::{HttpResponse, get, web};
use serde_json::{Value, json};

use self::example::Of;
use self::operation::{Operation, code, fields, pretty};
use crate::openapi;
use crate::problem::{KINDS, Problem};

const STYLE: &str = include_str!("docs.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    // The last of all routes, and what is left for no route behind them.
    config.service(docs).configure(problem_routes);
}

/// Registers the pages about problems alone.
pub fn problem_routes(config: &mut web::ServiceConfig) {
    config.service(problem_page).service(problem_list);
}

#[get("/docs")]
async fn docs() -> Result<HttpResponse, Problem> {
    let document = openapi::document().map_err(Problem::internal)?;
    let document: Value = serde_json::from_str(&document).map_err(Problem::internal)?;
    Ok(page("Nexus API", &interface(&document)))
}

#[get("/problems/{code}")]
async fn problem_page(code: web::Path<String>) -> Result<HttpResponse, Problem> {
    let kind = KINDS.iter().find(|kind| kind.code == code.as_str()).ok_or_else(Problem::not_found)?;
    let body = format!(
        "<h1>{}</h1><p><code>{}</code>, HTTP status {}</p><p>{}</p><p><a href=\"/problems\">All problems</a></p>",
        escape(kind.title),
        escape(kind.code),
        kind.status,
        prose(kind.meaning)
    );
    Ok(page(kind.title, &body))
}

#[get("/problems")]
async fn problem_list() -> HttpResponse {
    let mut body = "<h1>Problems</h1><p>What a failed request says in <code>code</code>.</p><table><tr><th>Code</th><th>Status</th><th>Meaning</th></tr>".to_owned();
    for kind in KINDS {
        add(
            &mut body,
            format_args!(
                "<tr><td><a href=\"/problems/{0}\"><code>{0}</code></a></td><td>{1}</td><td>{2}</td></tr>",
                escape(kind.code),
                kind.status,
                escape(kind.title)
            ),
        );
    }
    page("Problems", &(body + "</table>"))
}

fn page(title: &str, body: &str) -> HttpResponse {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><title>{}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>",
        escape(title)
    );
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("content-security-policy", POLICY))
        .insert_header(("x-content-type-options", "nosniff"))
        .body(html)
}

fn interface(document: &Value) -> String {
    let mut html = String::from(
        "<h1>Nexus API</h1><p>Send a management credential as <code>Authorization: Bearer …</code>. Lists take <code>limit</code> and <code>cursor</code>; every <code>POST</code> takes an <code>Idempotency-Key</code>. Failures are <a href=\"#problem\">problem details</a>. The examples are for a shell in which <code>NEXUS_URL</code>, <code>NEXUS_TOKEN</code> and <code>NEXUS_TENANT</code> are set, as <code>nexus dev</code> prints them. The same as a machine reads it: <a href=\"/openapi.json\">openapi.json</a>.</p>",
    );
    let mut contents = String::new();
    let mut body = String::new();
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        let (id, title) = (escape(name), escape(&capitalised(name)));
        add(&mut contents, format_args!("<div><h2><a href=\"#{id}\">{title}</a></h2><ul>"));
        add(
            &mut body,
            format_args!("<h2 id=\"{id}\">{title}</h2><p>{}</p>", escape(text(&tag["description"]))),
        );
        for (path, methods) in entries(&document["paths"]) {
            for (method, operation) in entries(methods) {
                if list(&operation["tags"]).iter().any(|tagged| text(tagged) == name) {
                    let at = Operation { document, path, method, operation };
                    let (anchor, address) = (escape(&at.anchor()), at.address());
                    add(&mut contents, format_args!("<li><a href=\"#{anchor}\">{address}</a></li>"));
                    at.describe(&mut body);
                }
            }
        }
        contents.push_str("</ul></div>");
    }
    add(&mut html, format_args!("<nav aria-label=\"Operations\">{contents}</nav>{body}"));
    failures(&mut html, document);
    html
}

/// What every operation answers where it fails.
fn failures(html: &mut String, document: &Value) {
    let schema = json!({"$ref": "#/components/schemas/Problem"});
    html.push_str("<h2 id=\"problem\">Failures</h2><section><p>What a request that fails is answered with (RFC 9457), as <code>application/problem+json</code>. <a href=\"/problems\">All kinds</a>.</p>");
    fields(html, document, &schema, Of::Answer);
    code(html, &pretty(&example::of_body(document, &json!({"schema": schema}), Of::Answer)));
    html.push_str("</section>");
}

/// Writing into a `String` cannot fail.
fn add(html: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _infallible = html.write_fmt(arguments);
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> Vec<(&String, &Value)> {
    value.as_object().map(|map| map.iter().collect()).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Text with `code` in backticks.
fn prose(text: &str) -> String {
    let parts = text
        .split('`')
        .enumerate()
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escape(part)) } else { escape(part) });
    parts.collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::operation::json_of;
    use super::*;

    fn document() -> Value {
        serde_json::from_str(&openapi::document().unwrap()).unwrap()
    }

    fn operations(document: &Value) -> Vec<Operation<'_>> {
        entries(&document["paths"])
            .into_iter()
            .flat_map(|(path, methods)| {
                entries(methods).into_iter().map(move |(method, operation)| Operation {
                    document,
                    path,
                    method,
                    operation,
                })
            })
            .collect()
    }

    #[test]
    fn every_operation_has_an_example_and_tells_each_field_of_its_bodies() {
        let document = document();
        let page = interface(&document);
        for operation in operations(&document) {
            let mut html = String::new();
            operation.describe(&mut html);
            let place = operation.anchor();
            assert!(page.contains(&html), "{place} is on the page");
            assert!(page.contains(&format!("href=\"#{place}\"")), "{place} is in the contents");
            assert!(html.contains("<pre tabindex=\"0\"><code>curl "), "{place}: {html}");
            let sent = json_of(&operation.operation["requestBody"]);
            let answered = operation.success().map(|(_, media)| media);
            for media in sent.into_iter().chain(answered) {
                for field in schema::fields(&document, &media["schema"]) {
                    assert!(!field.meaning.is_empty(), "{place} {}", field.name);
                    assert!(html.contains(&format!("<code>{}</code>", field.name)), "{place} {}", field.name);
                }
            }
        }
    }

    #[test]
    fn an_answer_shows_all_of_its_fields_and_a_body_what_is_needed() {
        let document = document();
        let of = |name: &str, of| {
            let reference = format!("#/components/schemas/{name}");
            example::of_body(&document, &json!({"schema": {"$ref": reference}}), of)
        };
        let created = of("KeyWithSecret", Of::Answer);
        assert_eq!(created["key"]["versions"][0]["number"], 1);
        assert_eq!(created["key"]["revoked_at"], Value::Null);
        assert_eq!(created["key"]["created_at"], "2026-01-31T14:03:00Z");
        let verdict = of("VerifyAnswer", Of::Answer);
        assert_eq!((&verdict["valid"], &verdict["code"]), (&json!(true), &json!("VALID")));
        assert_eq!(verdict["scopes"], json!(["read:payments"]));
        assert_eq!(of("VerifyBody", Of::Request), json!({"credential": "nx_live_…", "ip": "203.0.113.7"}));
        for operation in operations(&document) {
            let media = operation.success().map(|(_, media)| media);
            let shown = media.map(|media| example::of_body(&document, media, Of::Answer).to_string());
            assert!(shown.is_none_or(|shown| !shown.contains("\"…\"")), "{}", operation.anchor());
        }
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = interface(&document());
        for foreign in ["<script", "src=", "@import", "url(", "href=\"http"] {
            assert!(!page.contains(foreign) && !STYLE.contains(foreign), "{foreign}");
        }
    }
}
