//! E-mail addresses, by which members are known.

use std::fmt;
use std::str::FromStr;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The longest address, in bytes (RFC 5321 section 4.5.3.1.3, without the angle brackets).
pub const LONGEST_EMAIL: usize = 254;
const LONGEST_LOCAL_PART: usize = 64;
const LONGEST_LABEL: usize = 63;

/// An e-mail address in lower case: two spellings that differ in case alone are one person's everywhere. Personal data: it has
/// no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Email(String);

/// The text is no address that mail could be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an e-mail address; write it as name@example.com, ASCII alone (an international domain in its xn-- form)"
)]
pub struct InvalidEmail;

impl Email {
    /// The address in clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// What browsers take in an e-mail field (HTML, "valid e-mail address"), without white space around it. Only ASCII, so that
    /// no letter looks like another one.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let local_byte = |b: u8| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b);
        let local_holds = (1..=LONGEST_LOCAL_PART).contains(&local.len()) && local.bytes().all(local_byte);
        if text.len() > LONGEST_EMAIL || !local_holds || !domain.split('.').all(is_label) {
            return Err(InvalidEmail);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_spelling() {
        let email: Email = " Ada.Lovelace+api@Example.COM\n".parse().unwrap();
        assert_eq!(email.expose(), "ada.lovelace+api@example.com");
        assert_eq!(format!("{email:?}"), "Email(redacted)");
        assert!("root@localhost".parse::<Email>().is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let (local, label) = ("x".repeat(65), "y".repeat(64));
        for wrong in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@exa mple.com",
            "ada@@example.com",
            "ada@example..com",
            "ada@-example.com",
            "ada@example-.com",
            "ada@example.com.",
            "ädä@example.com",
            "ada@еxample.com",
            "ada\u{202e}@example.com",
            "ada\u{200b}@example.com",
            "ada\0@example.com",
            "\"ada\"@example.com",
            "<ada@example.com>",
            &format!("{local}@example.com"),
            &format!("ada@{label}.com"),
            &format!("ada@{}.com", ["z"; 130].join(".")),
        ] {
            assert_eq!(wrong.parse::<Email>(), Err(InvalidEmail), "{wrong:?}");
        }
    }
}
