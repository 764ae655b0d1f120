//! Which passwords members may have (NIST SP 800-63B section 5.1.1: length, and nothing about kinds of characters).

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Email;

/// The shortest password, in characters.
pub const SHORTEST_PASSWORD: usize = 12;
/// The longest password, in bytes.
pub const LONGEST_PASSWORD: usize = 1024;
/// What everybody would try first.
const PRODUCT: &str = "nexus";

/// A password in clear, on its way to its hash. `Debug` hides it, and its memory is wiped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

/// A password may not be chosen. The text goes behind "the password".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Fewer than [`SHORTEST_PASSWORD`] characters.
    #[error("is shorter than 12 characters; several words make a good one")]
    TooShort,
    /// More than [`LONGEST_PASSWORD`] bytes.
    #[error("is longer than 1,024 bytes; shorten it")]
    TooLong,
    /// The e-mail address, or the product's name over and over.
    #[error("is the e-mail address or the product's name; choose one that nobody would try")]
    Guessable,
}

impl Password {
    /// Wraps what somebody typed, unchecked.
    #[must_use]
    pub const fn presented(text: String) -> Self {
        Self(text)
    }

    /// The password in clear.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is short enough to be looked at at all.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.0.len() <= LONGEST_PASSWORD
    }

    /// Checks a password that a member with this address chooses.
    ///
    /// # Errors
    /// [`InvalidPassword`]
    pub fn check(&self, email: &Email) -> Result<(), InvalidPassword> {
        if !self.is_bounded() {
            return Err(InvalidPassword::TooLong);
        }
        if self.0.chars().count() < SHORTEST_PASSWORD {
            return Err(InvalidPassword::TooShort);
        }
        let mut bare = letters(&self.0);
        let mut address = letters(email.expose());
        let product = !bare.is_empty() && bare.replace(PRODUCT, "").is_empty();
        let guessable = bare == address || product;
        bare.zeroize();
        address.zeroize();
        if guessable { Err(InvalidPassword::Guessable) } else { Ok(()) }
    }
}

/// The letters and digits alone, in lower case.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(password: &str) -> Result<(), InvalidPassword> {
        Password::presented(password.to_owned()).check(&"ada.lovelace@example.com".parse().unwrap())
    }

    #[test]
    fn length_counts_and_kinds_of_characters_do_not() {
        assert_eq!(checked("correct horse battery"), Ok(()));
        assert_eq!(checked("пароль-пароль"), Ok(()));
        assert_eq!(checked("twelve chars"), Ok(()));
        assert_eq!(checked("eleven char"), Err(InvalidPassword::TooShort));
        assert_eq!(checked("ä".repeat(11).as_str()), Err(InvalidPassword::TooShort), "characters, not bytes");
        assert_eq!(checked(&"x".repeat(1024)), Ok(()));
        assert_eq!(checked(&"x".repeat(1025)), Err(InvalidPassword::TooLong));
    }

    #[test]
    fn what_everybody_would_try_first_is_refused() {
        for guessable in
            ["ada.lovelace@example.com", "Ada.Lovelace@Example.COM!", "nexusnexusnexus", "Nexus-NEXUS-nexus!"]
        {
            assert_eq!(checked(guessable), Err(InvalidPassword::Guessable), "{guessable}");
        }
        assert_eq!(checked("the nexus of all things"), Ok(()));
        assert_eq!(checked("!!!!!!!!!!!!!"), Ok(()));
    }

    #[test]
    fn it_is_shown_nowhere() {
        assert_eq!(format!("{:?}", Password::presented("hunter2".into())), "Password(redacted)");
    }
}
