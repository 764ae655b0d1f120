//! Access tokens: what is signed into one.

mod claims;

pub use self::claims::{ACCESS_TOKEN, AccessClaims};
