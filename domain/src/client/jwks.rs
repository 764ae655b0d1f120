//! Public keys that a client registers for its assertions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::ClientJwk;

/// The shortest RSA modulus, in bytes: 2048 bits (RFC 7518 section 3.3).
const SHORTEST_MODULUS: usize = 256;
/// Members that only a private or a shared key has (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The key cannot be used to check assertions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJwk {
    /// It is a private key, or a shared one.
    #[error(
        "holds a private or shared key; send the public part alone, and replace the key, for it has left its place"
    )]
    Private,
    /// Of a kind that is not used here, or incomplete.
    #[error("is no public key of a supported kind; use Ed25519, P-256, or RSA of at least 2048 bits")]
    Unsupported,
}

/// Checks a public key: Ed25519, P-256 or RSA of at least 2048 bits.
///
/// # Errors
/// [`InvalidJwk`]
pub fn check_jwk(jwk: &ClientJwk) -> Result<(), InvalidJwk> {
    if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
        return Err(InvalidJwk::Private);
    }
    let text = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let length = |name: &str| URL_SAFE_NO_PAD.decode(text(name)).map_or(0, |bytes| bytes.len());
    let usable = match (text("kty"), text("crv")) {
        ("OKP", "Ed25519") => length("x") == 32,
        ("EC", "P-256") => length("x") == 32 && length("y") == 32,
        ("RSA", _) => (SHORTEST_MODULUS..=1024).contains(&length("n")) && (1..=8).contains(&length("e")),
        _ => false,
    };
    if usable { Ok(()) } else { Err(InvalidJwk::Unsupported) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn public_keys_of_supported_kinds_are_taken_and_no_others() {
        let coordinate = URL_SAFE_NO_PAD.encode([7; 32]);
        let check = |jwk: Value| check_jwk(jwk.as_object().unwrap());
        let modulus = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xc5; bytes]);
        for good in [
            json!({"kty": "OKP", "crv": "Ed25519", "x": coordinate, "kid": "a"}),
            json!({"kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate}),
            json!({"kty": "RSA", "n": modulus(256), "e": "AQAB"}),
        ] {
            assert_eq!(check(good.clone()), Ok(()), "{good}");
        }
        for private in [
            json!({"kty": "OKP", "crv": "Ed25519", "x": coordinate, "d": coordinate}),
            json!({"kty": "oct", "k": coordinate}),
        ] {
            assert_eq!(check(private.clone()), Err(InvalidJwk::Private), "{private}");
        }
        for unsupported in [
            json!({}),
            json!({"kty": "OKP", "crv": "X25519", "x": coordinate}),
            json!({"kty": "EC", "crv": "P-256", "x": coordinate}),
            json!({"kty": "RSA", "n": modulus(128), "e": "AQAB"}),
        ] {
            assert_eq!(check(unsupported.clone()), Err(InvalidJwk::Unsupported), "{unsupported}");
        }
    }
}
