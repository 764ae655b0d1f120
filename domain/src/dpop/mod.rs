//! Proofs of possession (RFC 9449): a JWT with which whoever shows an access token, or asks for one, shows that it holds a key. The
//! pure rules; whoever takes a proof checks its signature with the key that stands in it, and takes each `jti` once.

mod challenge;
mod proof;
mod target;
#[cfg(test)]
mod tests;

pub use self::challenge::{ALGORITHMS, Challenge};
pub use self::proof::{InvalidProof, LATEST, Proof, ProofId, Shown};
pub use self::target::same_target;
