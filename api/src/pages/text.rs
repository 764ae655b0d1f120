//! Texts of others on our pages.

use nexus_domain::key::is_deceptive;

/// A text with its control, invisible and direction-changing characters replaced by their names (Unicode TR 36): nothing in it
/// can make what stands around it read differently. To be given to a template, which escapes it.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_deceptive(c) {
            shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_29_what_deceives_is_made_visible() {
        assert_eq!(visible("Acme <b> & Zürich 東京"), "Acme <b> & Zürich 東京", "escaped by the template");
        assert_eq!(visible("Acme\u{202e}moc.live"), "Acme⟨U+202E⟩moc.live");
        assert_eq!(visible("Ac\u{200b}me\u{feff}"), "Ac⟨U+200B⟩me⟨U+FEFF⟩");
        assert_eq!(visible("a\r\nb\u{1b}[31m\0"), "a⟨U+000D⟩⟨U+000A⟩b⟨U+001B⟩[31m⟨U+0000⟩");
    }
}
