//! Where a page leads to after it has done its work: somewhere on this server and nowhere else.

use std::fmt;

/// The longest, in bytes: an authorisation request with all its parameters fits.
const LONGEST: usize = 8 * 1024;

/// A path of this server, with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPath(String);

impl LocalPath {
    /// The path in a text that somebody sent, or where that is none of ours, the start page. Browsers take `//host`, `/\host` and
    /// either with a tab or a line break in it for another server (URL Standard, "relative slash state").
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        let mut bytes = text.bytes();
        let begins = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
        let holds =
            text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if begins && holds { Self(text.to_owned()) } else { Self::start() }
    }

    /// The start page.
    #[must_use]
    pub fn start() -> Self {
        Self("/".to_owned())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The page for signing in, which leads here afterwards.
    #[must_use]
    pub fn after_sign_in(&self) -> String {
        if *self == Self::start() {
            return "/sign-in".to_owned();
        }
        let mut address = "/sign-in?next=".to_owned();
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
                address.push(char::from(byte));
            } else {
                address.push_str(&format!("%{byte:02X}"));
            }
        }
        address
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_27_only_paths_of_this_server_are_followed() {
        for good in ["/", "/oauth/authorize?client_id=a&state=%2F%2Fx", "/a//b", "/?next=//evil.example"] {
            assert_eq!(LocalPath::of(Some(good)).as_str(), good);
        }
        for evil in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\evil.example",
            "\\\\evil.example",
            "///evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/a\\b",
            "/a\r\nset-cookie: x",
            "/ä",
            "/\u{202e}",
            &format!("/{}", "a".repeat(9_000)),
        ] {
            assert_eq!(LocalPath::of(Some(evil)).as_str(), "/", "{evil:?}");
        }
        assert_eq!(LocalPath::of(None), LocalPath::start());
    }

    #[test]
    fn it_survives_signing_in() {
        let path = LocalPath::of(Some("/oauth/authorize?a=1&b=%20"));
        assert_eq!(path.after_sign_in(), "/sign-in?next=/oauth/authorize%3Fa%3D1%26b%3D%2520");
        assert_eq!(LocalPath::start().after_sign_in(), "/sign-in");
    }
}
