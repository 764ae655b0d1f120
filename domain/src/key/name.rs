//! Names that people give to keys and tenants.

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 100;

/// A name or a note cannot be used. The text goes behind the word for what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing but white space.
    #[error("is empty; write 1 to 100 visible characters")]
    Empty,
    /// Over [`LONGEST_NAME`] characters.
    #[error("is longer than 100 characters; shorten it")]
    TooLong,
    /// Control characters, line breaks, or characters that change how the text around them reads.
    #[error("holds control, invisible or direction-changing characters; remove them")]
    Deceptive,
}

/// Checks a name: 1 to [`LONGEST_NAME`] characters, none of which could forge a line in a log or
/// make the name read as another one (Unicode TR 36: bidirectional overrides, zero-width characters).
///
/// # Errors
/// [`InvalidName`]
pub fn check_name(name: &str) -> Result<(), InvalidName> {
    if name.trim().is_empty() {
        return Err(InvalidName::Empty);
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(InvalidName::TooLong);
    }
    if name.chars().any(is_deceptive) {
        return Err(InvalidName::Deceptive);
    }
    Ok(())
}

/// Whether a character is a control character, invisible, or changes how the text around it reads.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{061c}' | '\u{00ad}' | '\u{180e}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(check_name("Production Backend – Zürich 東京"), Ok(()));
        assert_eq!(check_name("<script>alert(1)</script>"), Ok(()), "escaped where it is shown");
        assert_eq!(check_name(" \t"), Err(InvalidName::Empty));
        assert_eq!(check_name(&"x".repeat(101)), Err(InvalidName::TooLong));
        for deceptive in ["a\nb", "a\rb", "a\u{1b}[31m", "a\0", "\u{202e}yek", "a\u{200b}b", "\u{feff}a"] {
            assert_eq!(check_name(deceptive), Err(InvalidName::Deceptive), "{deceptive:?}");
        }
    }
}
