//! The key that makes a repeated POST harmless: the server gives the first answer again instead of acting twice.

use super::ClientError;

/// A fresh key.
///
/// # Errors
/// [`ClientError::NoRandomness`] where the system gives none.
#[expect(
    clippy::disallowed_methods,
    reason = "the key only has to be unlike any other; no test needs to foresee it"
)]
pub(super) fn fresh() -> Result<String, ClientError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| ClientError::NoRandomness)?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_random_uuids() {
        let key: uuid::Uuid = fresh().unwrap().parse().unwrap();
        assert_eq!(key.get_version_num(), 4);
        assert_ne!(fresh().unwrap(), fresh().unwrap());
    }
}
