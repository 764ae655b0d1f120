//! JSON as the server sent it, indented: neither the order of members nor the spelling of a number changes, which a
//! round trip through a parsed value does not promise.

use std::iter::Peekable;
use std::str::Chars;

const INDENT: &str = "  ";

/// Re-indents valid JSON by two spaces a level. Strings are copied as they stand.
pub(crate) fn indent(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() * 2);
    let mut depth = 0;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => copy_string(&mut out, &mut chars),
            '{' | '[' => {
                out.push(c);
                skip_space(&mut chars);
                match chars.next_if(|close| matches!(close, '}' | ']')) {
                    Some(close) => out.push(close),
                    None => {
                        depth += 1;
                        break_line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ if c.is_ascii_whitespace() => {}
            _ => out.push(c),
        }
    }
    out
}

fn copy_string(out: &mut String, chars: &mut Peekable<Chars<'_>>) {
    out.push('"');
    let mut escaped = false;
    for c in chars.by_ref() {
        out.push(c);
        match c {
            '"' if !escaped => return,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
}

fn skip_space(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(char::is_ascii_whitespace).is_some() {}
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str(INDENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_numbers_and_strings_survive() {
        let raw = r#"{"z":1.0,"a":[ ],"s":"a\"{,\\","n":[1e2,{}]}"#;
        let pretty =
            "{\n  \"z\": 1.0,\n  \"a\": [],\n  \"s\": \"a\\\"{,\\\\\",\n  \"n\": [\n    1e2,\n    {}\n  ]\n}";
        assert_eq!(indent(raw), pretty);
        assert_eq!(indent(pretty), pretty, "indenting twice changes nothing");
    }
}
