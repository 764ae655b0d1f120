//! Text from elsewhere, made safe to show: whoever names a key must not be able to move the cursor, recolour the screen
//! or forge a line in somebody else's terminal.

use std::borrow::Cow;

/// The text with every character that would act on a terminal, or change how the text around it reads, written as
/// `\u{…}`: control characters (C0, DEL, C1), line separators, bidirectional overrides and invisible ones.
pub(crate) fn neutral(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if acts(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// The text in one line: runs of white space become one space, everything else is [`neutral`].
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    neutral(&words.join(" ")).into_owned()
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        assert_eq!(neutral("Zürich 東京"), "Zürich 東京");
        assert_eq!(neutral("\u{1b}[31mred\u{7}"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(neutral("\u{9b}2J"), "\\u{9b}2J", "the one-character CSI");
        assert_eq!(neutral("a\u{202e}b\r\n"), "a\\u{202e}b\\u{d}\\u{a}");
    }

    #[test]
    fn one_line_is_one_line() {
        assert_eq!(one_line(" a\n\n  b\tc\u{1b} "), "a b c\\u{1b}");
    }
}
