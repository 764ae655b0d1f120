//! `/docs` and `/problems/{code}`: the interface for people, rendered here from the OpenAPI document
//! without any script, so that it works without the internet and under a strict policy.

use std::fmt::Write as _;

use actix_web::{HttpResponse, get, web};
use serde_json::Value;

use crate::openapi;
use crate::problem::{KINDS, Problem};

const STYLE: &str = include_str!("docs.css");
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    // The last of all routes, and what is left for no route behind them.
    config.service(docs).service(problem_page).service(problem_list);
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
        "<h1>Nexus API</h1><p>Send a management credential as <code>Authorization: Bearer …</code>. Lists take <code>limit</code> and <code>cursor</code>; every <code>POST</code> takes an <code>Idempotency-Key</code>. Failures are <a href=\"/problems\">problem details</a>. The same as a machine reads it: <a href=\"/openapi.json\">openapi.json</a>.</p>",
    );
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        add(
            &mut html,
            format_args!(
                "<h2 id=\"{0}\">{1}</h2><p>{2}</p>",
                escape(name),
                escape(&capitalised(name)),
                escape(text(&tag["description"]))
            ),
        );
        for (path, methods) in entries(&document["paths"]) {
            for (method, operation) in entries(methods) {
                if list(&operation["tags"]).iter().any(|tagged| text(tagged) == name) {
                    describe(&mut html, document, path, method, operation);
                }
            }
        }
    }
    html
}

fn describe(html: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    add(
        html,
        format_args!(
            "<section><h3><span class=\"method {0}\">{1}</span> <code>{2}</code></h3><p>{3} {4}</p>",
            escape(method),
            escape(&method.to_uppercase()),
            escape(path),
            prose(text(&operation["summary"])),
            prose(text(&operation["description"]))
        ),
    );
    let parameters = list(&operation["parameters"]);
    if !parameters.is_empty() {
        html.push_str("<table><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr>");
        for parameter in parameters {
            add(
                html,
                format_args!(
                    "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                    escape(text(&parameter["name"])),
                    escape(text(&parameter["in"])),
                    prose(text(&parameter["description"]))
                ),
            );
        }
        html.push_str("</table>");
    }
    if let Some(reference) =
        operation.pointer("/requestBody/content/application~1json/schema/$ref").and_then(Value::as_str)
    {
        html.push_str("<h4>Body</h4>");
        fields(html, document, reference);
    }
    html.push_str("<h4>Answers</h4><table>");
    for (status, response) in entries(&operation["responses"]) {
        let kind = entries(&response["content"])
            .first()
            .and_then(|(_, media)| media.pointer("/schema/$ref").and_then(Value::as_str))
            .map(|reference| last(reference).to_owned())
            .unwrap_or_default();
        add(
            html,
            format_args!(
                "<tr><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
                escape(status),
                prose(text(&response["description"])),
                escape(&kind)
            ),
        );
    }
    html.push_str("</table></section>");
}

fn fields(html: &mut String, document: &Value, reference: &str) {
    let pointer = format!("/components/schemas/{}", last(reference));
    let Some(schema) = document.pointer(&pointer) else {
        return;
    };
    html.push_str("<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>");
    for (name, field) in entries(&schema["properties"]) {
        let required = list(&schema["required"]).iter().any(|required| required == name);
        let kind = match &field["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => {
                kinds.iter().map(text).filter(|kind| *kind != "null").collect::<Vec<_>>().join(" or ")
            }
            _ => "object".to_owned(),
        };
        let mark = if required { ", required" } else { "" };
        add(
            html,
            format_args!(
                "<tr><td><code>{}</code></td><td>{}{mark}</td><td>{}</td></tr>",
                escape(name),
                escape(&kind),
                prose(text(&field["description"]))
            ),
        );
    }
    html.push_str("</table>");
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

fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
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
