//! JSON Web Tokens (RFC 7519, and RFC 8725 for what to refuse), the pure rules: which text has the form of one, what its
//! header may say, and when its claims hold. Whoever has the keys checks the signature in between.
//!
//! [`Compact::read`] takes a text apart, [`Compact::header`] and [`Compact::claims`] read it strictly, [`Times`] says when it
//! holds. Which algorithm checks a signature is the key's to say, and never the header's.

mod algorithm;
mod claims;
mod compact;
mod header;
mod jwk;
mod strict;
#[cfg(test)]
mod tests;

pub use self::algorithm::Algorithm;
pub use self::claims::{Claims, LONGEST_LIFE, SKEW, Times, ended};
pub use self::compact::{Compact, LONGEST_TOKEN};
pub use self::header::{Header, Kid};
pub use self::jwk::{Curve, EdwardsCurve, PublicJwk};
