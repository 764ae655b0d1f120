//! Hashing of members' passwords: argon2id with the parameters that OWASP recommends (Password Storage Cheat Sheet: 19 MiB, two
//! passes, one lane). It is slow and takes memory by design, so only a few hashes are worked out at a time and only so many
//! requests may wait for their turn: a flood of sign-ins costs a bounded part of the machine, and is refused beyond it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use nexus_domain::member::Password;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::entropy::SharedEntropy;

/// Random bytes of a salt (RFC 9106 section 3.1).
const SALT_BYTES: usize = 16;
/// How many wait at most for their turn. Each takes tens of milliseconds.
const MOST_WAITING: usize = 64;

/// A password was not hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordsError {
    /// [`MOST_WAITING`] wait already.
    #[error("too many sign-ins at once; try again in a moment")]
    Busy,
    /// The hash is none, or its parameters are none that this program can work with.
    #[error("the password's hash cannot be worked with: {0}")]
    Hash(argon2::password_hash::Error),
    /// The process is ending.
    #[error("the password was not looked at, since the process is ending")]
    Stopping,
}

/// Hashes passwords and compares them. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    entropy: SharedEntropy,
}

/// Who waits for a turn, for as long as this is not dropped.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Passwords {
    /// Half of the processors at the most work on hashes.
    #[must_use]
    pub fn new(entropy: SharedEntropy) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let turns = Arc::new(Semaphore::new((processors / 2).max(1)));
        Self { turns, waiting: Arc::default(), entropy }
    }

    /// The hash of a password in PHC string format, with its parameters and salt.
    ///
    /// # Errors
    /// [`PasswordsError`]
    pub async fn hash(&self, password: &Password) -> Result<Zeroizing<String>, PasswordsError> {
        let salt = self.entropy.array::<SALT_BYTES>();
        self.work(password, move |password| hash(password, &salt)).await
    }

    /// Whether a password has this hash. Without a hash, of an absent member or one without a password, it has none, and that
    /// takes the same work to say.
    ///
    /// # Errors
    /// [`PasswordsError`]
    pub async fn verify(
        &self,
        password: &Password,
        expected: Option<Zeroizing<String>>,
    ) -> Result<bool, PasswordsError> {
        let salt = self.entropy.array::<SALT_BYTES>();
        self.work(password, move |password| match expected {
            Some(expected) => verify(password, &expected),
            None => hash(password, &salt).map(|_| false),
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        password: &Password,
        work: impl FnOnce(&Password) -> Result<T, argon2::password_hash::Error> + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let turn = self.turn().await?;
        let password = password.clone();
        let worked = tokio::task::spawn_blocking(move || {
            let outcome = work(&password);
            // Here and not where it was asked for: whoever asked may have gone, and the work goes on all the same.
            drop(turn);
            outcome
        });
        worked.await.map_err(|_| PasswordsError::Stopping)?.map_err(PasswordsError::Hash)
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, PasswordsError> {
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let _waiting = Waiting(Arc::clone(&self.waiting));
        if before >= MOST_WAITING {
            return Err(PasswordsError::Busy);
        }
        Arc::clone(&self.turns).acquire_owned().await.map_err(|_| PasswordsError::Stopping)
    }
}

fn hash(password: &Password, salt: &[u8]) -> Result<Zeroizing<String>, argon2::password_hash::Error> {
    let hash = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), salt)?;
    Ok(Zeroizing::new(hash.to_string()))
}

fn verify(password: &Password, expected: &str) -> Result<bool, argon2::password_hash::Error> {
    let expected = PasswordHash::new(expected)?;
    match Argon2::default().verify_password(password.expose().as_bytes(), &expected) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::entropy::SystemEntropy;

    fn password(text: &str) -> Password {
        Password::presented(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_has_its_hash_and_no_other() {
        let passwords = Passwords::new(SystemEntropy::shared());
        let hash = passwords.hash(&password("correct horse battery")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", &hash[..30]);
        let verify = async |text: &str, hash: Option<&Zeroizing<String>>| {
            passwords.verify(&password(text), hash.cloned()).await.unwrap()
        };
        assert!(verify("correct horse battery", Some(&hash)).await);
        assert!(!verify("correct horse batterY", Some(&hash)).await);
        assert!(!verify("correct horse battery", None).await, "an absent member has no password");
        let again = passwords.hash(&password("correct horse battery")).await.unwrap();
        assert_ne!(*again, *hash, "another salt");
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_is_still_read() {
        let weaker = argon2::Params::new(8 * 1024, 1, 1, None).unwrap();
        let hash = Argon2::from(weaker).hash_password_with_salt(b"correct horse battery", &[7; 16]).unwrap();
        let passwords = Passwords::new(SystemEntropy::shared());
        let hash = Some(Zeroizing::new(hash.to_string()));
        assert!(passwords.verify(&password("correct horse battery"), hash).await.unwrap());
        let damaged = Some(Zeroizing::new("$argon2id$damaged".to_owned()));
        assert!(matches!(passwords.verify(&password("x"), damaged).await, Err(PasswordsError::Hash(_))));
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused_and_the_rest_is_served() {
        let passwords =
            Passwords { turns: Arc::new(Semaphore::new(0)), ..Passwords::new(SystemEntropy::shared()) };
        let waits: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(passwords.turn())).collect();
        let mut all = Box::pin(join_all(waits));
        assert!(futures::poll!(&mut all).is_pending());
        assert!(matches!(passwords.turn().await, Err(PasswordsError::Busy)));
        passwords.turns.add_permits(1);
        let served = all.await.into_iter().filter(Result::is_ok).count();
        assert_eq!(served, MOST_WAITING);
        assert!(passwords.turn().await.is_ok(), "and there is room again");
    }
}
