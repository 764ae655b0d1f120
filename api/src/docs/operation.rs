//! An operation on the page: what it is for, its parameters, its fields, and an example of it.

use actix_web::http::StatusCode;
use serde_json::Value;

use super::example::{self, Of};
use super::schema::{self, alternatives, resolved};
use super::{add, entries, escape, list, prose, text};

/// An operation of the document.
pub(super) struct Operation<'a> {
    pub(super) document: &'a Value,
    pub(super) path: &'a str,
    pub(super) method: &'a str,
    pub(super) operation: &'a Value,
}

impl Operation<'_> {
    /// Its place on the page.
    pub(super) fn anchor(&self) -> String {
        let path: String = self
            .path
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
            .collect();
        format!("{}{}", self.method, path.trim_end_matches('-'))
    }

    /// Method and path, for a line of its own.
    pub(super) fn address(&self) -> String {
        format!(
            "<span class=\"method {0}\">{1}</span> <code>{2}</code>",
            escape(self.method),
            escape(&self.method.to_uppercase()),
            escape(self.path)
        )
    }

    /// Whether it needs no management credential.
    fn is_open(&self) -> bool {
        list(&self.operation["security"]).iter().any(|way| entries(way).is_empty())
    }

    pub(super) fn describe(&self, html: &mut String) {
        let operation = self.operation;
        add(
            html,
            format_args!(
                "<section id=\"{}\"><h3>{}</h3><p>{} {}{}</p>",
                escape(&self.anchor()),
                self.address(),
                prose(text(&operation["summary"])),
                prose(text(&operation["description"])),
                if self.is_open() { " No management credential is needed." } else { "" },
            ),
        );
        self.parameters(html);
        let sent = json_of(&operation["requestBody"]);
        if let Some(media) = sent {
            html.push_str("<h4>Body</h4>");
            if let Some(note) = operation.pointer("/requestBody/description") {
                add(html, format_args!("<p>{}</p>", prose(text(note))));
            }
            fields(html, self.document, &media["schema"], Of::Request);
        }
        self.answers(html);
        html.push_str("<h4>Example</h4>");
        code(html, &self.command(sent.map(|media| example::of_body(self.document, media, Of::Request))));
        if let Some((status, media)) = self.success() {
            add(html, format_args!("<p class=\"answer\">{}</p>", escape(&reason(status))));
            code(html, &pretty(&example::of_body(self.document, media, Of::Answer)));
        }
        html.push_str("</section>");
    }

    fn parameters(&self, html: &mut String) {
        let parameters = list(&self.operation["parameters"]);
        if parameters.is_empty() {
            return;
        }
        html.push_str("<h4>Parameters</h4><table><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr>");
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

    /// All answers, and the fields of the successful one, which are folded away: there are many, and the example has them.
    fn answers(&self, html: &mut String) {
        html.push_str("<h4>Answers</h4><table>");
        for (status, response) in entries(&self.operation["responses"]) {
            let is_problem = json_of(response)
                .and_then(|media| media.pointer("/schema/$ref"))
                .is_some_and(|reference| text(reference).ends_with("/Problem"));
            add(
                html,
                format_args!(
                    "<tr><td>{}</td><td>{}{}</td></tr>",
                    escape(&reason(status)),
                    prose(text(&response["description"])),
                    if is_problem { " <a href=\"#problem\">Problem details</a>" } else { "" },
                ),
            );
        }
        html.push_str("</table>");
        let Some((_, media)) = self.success() else {
            return;
        };
        let ways = match alternatives(resolved(self.document, &media["schema"])) {
            several if several.len() > 1 => several,
            _ => vec![&media["schema"]],
        };
        for schema in ways {
            let what = match text(&schema["description"]) {
                "" => text(&resolved(self.document, schema)["description"]),
                description => description,
            };
            if !schema::fields(self.document, schema).is_empty() {
                add(html, format_args!("<details><summary>Fields of the answer: {}</summary>", prose(what)));
                fields(html, self.document, schema, Of::Answer);
                html.push_str("</details>");
            }
        }
    }

    /// Status and body of the answer to a request that succeeds, where it has a body of JSON.
    pub(super) fn success(&self) -> Option<(&str, &Value)> {
        let responses = entries(&self.operation["responses"]);
        let (status, response) = responses.into_iter().find(|(status, _)| status.starts_with('2'))?;
        json_of(response).map(|media| (status.as_str(), media))
    }

    /// The request as a command for a shell.
    fn command(&self, body: Option<Value>) -> String {
        let path = self
            .path
            .replace("{tenant}", "$NEXUS_TENANT")
            .replace("{key}", "$KEY")
            .replace("{dialect}", "nexus")
            .replace("{name}", "key_list");
        let mut command = match self.method {
            "get" => format!("curl \"$NEXUS_URL{path}\""),
            method => format!("curl -X {} \"$NEXUS_URL{path}\"", method.to_uppercase()),
        };
        if !self.is_open() {
            command.push_str(" \\\n  -H \"Authorization: Bearer $NEXUS_TOKEN\"");
        } else if self.path.contains("{dialect}") {
            command.push_str(" \\\n  -H \"Authorization: Bearer $SECRET\"");
        }
        if let Some(body) = body {
            command.push_str(" \\\n  -H \"Content-Type: application/json\"");
            add(&mut command, format_args!(" \\\n  -d '{}'", pretty(&body)));
        }
        command
    }
}

/// The fields of a body as a table.
pub(super) fn fields(html: &mut String, document: &Value, schema: &Value, of: Of) {
    html.push_str("<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>");
    for field in schema::fields(document, schema) {
        // In a body that is sent, null is as good as absent; in an answer, every field is there.
        let mark = match of {
            Of::Request if field.is_required => ", required",
            Of::Answer if field.is_nullable => " or null",
            Of::Request | Of::Answer => "",
        };
        add(
            html,
            format_args!(
                "<tr><td><code>{}</code></td><td>{}{mark}</td><td>{}</td></tr>",
                escape(&field.name),
                escape(&field.kind),
                prose(field.meaning)
            ),
        );
    }
    html.push_str("</table>");
}

pub(super) fn code(html: &mut String, text: &str) {
    add(html, format_args!("<pre tabindex=\"0\"><code>{}</code></pre>", escape(text)));
}

pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The JSON of a request body or an answer.
pub(super) fn json_of(body: &Value) -> Option<&Value> {
    body.pointer("/content/application~1json")
}

/// A status with its name.
fn reason(status: &str) -> String {
    let name = status.parse().ok().and_then(|code| StatusCode::from_u16(code).ok()?.canonical_reason());
    format!("{status} {}", name.unwrap_or_default())
}
