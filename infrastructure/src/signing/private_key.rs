//! The private half of a signing key. It is made and used by the cryptography's own generator, which needs its numbers in a form
//! of its own: the one place that asks for randomness past [`crate::entropy`].

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_domain::jwt::{Algorithm, Curve, EdwardsCurve, PublicJwk};
use zeroize::Zeroizing;

use super::SigningError;

/// What an uncompressed point begins with (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;
/// Bytes of a coordinate on P-256.
const COORDINATE: usize = 32;

/// A private key, ready to sign. Without `Debug`.
pub(super) enum PrivateKey {
    Edwards(Ed25519KeyPair),
    Elliptic(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl PrivateKey {
    /// A new one in PKCS #8 (RFC 5958), and its public half.
    pub(super) fn generate(algorithm: Algorithm) -> Result<(Zeroizing<Vec<u8>>, PublicJwk), SigningError> {
        let random = SystemRandom::new();
        let secret = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random).map_err(failed)?.as_ref().to_vec(),
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?;
                AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?.as_ref().to_vec()
            }
            Algorithm::Hs256 => return Err(SigningError::NoPublicKey(algorithm)),
        };
        let secret = Zeroizing::new(secret);
        let public = Self::read(algorithm, &secret)?.public()?;
        Ok((secret, public))
    }

    /// One that was stored.
    pub(super) fn read(algorithm: Algorithm, secret: &[u8]) -> Result<Self, SigningError> {
        Ok(match algorithm {
            Algorithm::EdDsa => Self::Edwards(Ed25519KeyPair::from_pkcs8(secret).map_err(failed)?),
            Algorithm::Es256 => Self::Elliptic(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, secret).map_err(failed)?,
            ),
            Algorithm::Rs256 => Self::Rsa(RsaKeyPair::from_pkcs8(secret).map_err(failed)?),
            Algorithm::Hs256 => return Err(SigningError::NoPublicKey(algorithm)),
        })
    }

    /// The signature of a message.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        Ok(match self {
            Self::Edwards(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Elliptic(pair) => pair.sign(&random, message).map_err(failed)?.as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                signature
            }
        })
    }

    /// The public half.
    fn public(&self) -> Result<PublicJwk, SigningError> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(match self {
            Self::Edwards(pair) => {
                PublicJwk::Edwards { crv: EdwardsCurve::Ed25519, x: text(pair.public_key().as_ref()) }
            }
            Self::Elliptic(pair) => {
                let (form, point) = pair.public_key().as_ref().split_first().ok_or(SigningError::Key)?;
                let (x, y) = point.split_at_checked(COORDINATE).ok_or(SigningError::Key)?;
                if *form != UNCOMPRESSED || y.len() != COORDINATE {
                    return Err(SigningError::Key);
                }
                PublicJwk::Elliptic { crv: Curve::P256, x: text(x), y: text(y) }
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                PublicJwk::Rsa {
                    n: text(n.big_endian_without_leading_zero()),
                    e: text(e.big_endian_without_leading_zero()),
                }
            }
        })
    }
}

fn failed<E>(_: E) -> SigningError {
    SigningError::Key
}
