//! Texts that come from callers, made fit to keep: short, and without characters that could forge
//! a line of a log or hide what stands there.

/// What a method, a path, a request id and a client version may take, in bytes.
pub(super) const METHOD: usize = 16;
pub(super) const PATH: usize = 512;
pub(super) const REQUEST_ID: usize = 128;
pub(super) const CLIENT_VERSION: usize = 64;

/// Takes the place of a character that is not kept.
const REPLACEMENT: char = '\u{fffd}';

/// A path without query and fragment, which may hold secrets, also where their signs are percent-encoded.
pub(super) fn bare_path(path: &str) -> &str {
    let mut rest = path;
    while let Some((before, from)) = rest.find(['?', '#', '%']).and_then(|at| rest.split_at_checked(at)) {
        if !from.starts_with('%') || matches!(from.get(1..3), Some("3F" | "3f" | "23")) {
            return path.get(..path.len() - rest.len() + before.len()).unwrap_or(path);
        }
        rest = from.get(1..).unwrap_or_default();
    }
    path
}

/// Appends at most `most` bytes of `text`, cut between characters, behind their length as a `u16`.
pub(super) fn push(buffer: &mut Vec<u8>, text: &str, most: usize) {
    // Without a branch per character: this runs with every decision.
    let printable = text.bytes().fold(true, |all, byte| all & (0x20..0x7f).contains(&byte));
    if printable && text.len() <= most {
        buffer.extend_from_slice(&u16::try_from(text.len()).unwrap_or(0).to_le_bytes());
        buffer.extend_from_slice(text.as_bytes());
        return;
    }
    let length_at = buffer.len();
    buffer.extend_from_slice(&[0; 2]);
    let mut length = 0;
    for character in text.chars() {
        let kept = if deceptive(character) { REPLACEMENT } else { character };
        if length + kept.len_utf8() > most {
            break;
        }
        length += kept.len_utf8();
        buffer.extend_from_slice(kept.encode_utf8(&mut [0; 4]).as_bytes());
    }
    let length = u16::try_from(length).unwrap_or(0).to_le_bytes();
    if let Some(place) = buffer.get_mut(length_at..length_at + 2) {
        place.copy_from_slice(&length);
    }
}

fn deceptive(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str, most: usize) -> String {
        let mut buffer = Vec::new();
        push(&mut buffer, text, most);
        let length = usize::from(u16::from_le_bytes([buffer[0], buffer[1]]));
        assert_eq!(length, buffer.len() - 2);
        String::from_utf8(buffer[2..].to_vec()).unwrap()
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(kept("GET", 16), "GET");
        assert_eq!(kept(&"x".repeat(600), PATH), "x".repeat(512));
        assert_eq!(kept("aéé", 4), "aé");
        assert_eq!(kept("", 4), "");
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(kept("a\r\nb\u{85}\u{202e}\u{7f}", 64), "a\u{fffd}\u{fffd}b\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(kept("\0\0", 5), "\u{fffd}");
    }

    #[test]
    fn queries_are_not_kept() {
        assert_eq!(bare_path("/v1/a?key=secret"), "/v1/a");
        assert_eq!(bare_path("/v1/a#key=secret?x"), "/v1/a");
        assert_eq!(bare_path("/ä?"), "/ä");
        assert_eq!(bare_path("/a%20b%2Fc%3Fkey=secret"), "/a%20b%2Fc");
        assert_eq!(bare_path("/a%3fkey=secret?"), "/a");
        assert_eq!(bare_path("/a%%23key=secret"), "/a%");
        assert_eq!(bare_path("/100%"), "/100%");
        assert_eq!(bare_path("/"), "/");
    }
}
