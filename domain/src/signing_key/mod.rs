//! The keys that tokens are signed with, all of them in one stream of the platform's: which one signs, which are published,
//! and when the next one comes. Public halves alone; the private ones are sealed in a table of their own.

mod event;
mod introduce;
mod retire;
mod schedule;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::event::{SigningKeyEvent, SigningKeyIntroduced, SigningKeyRetired};
pub use self::introduce::IntroduceSigningKey;
pub use self::retire::RetireSigningKeys;
pub use self::schedule::Schedule;
use crate::ids::SigningKeyId;
use crate::jwt::{Algorithm, PublicJwk};

/// All signing keys, folded from their events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeys(Vec<SigningKeyState>);

/// What is known of a signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyState {
    /// Its id, the `kid` of what it signs.
    pub kid: SigningKeyId,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// As whom it signs: the `iss` of its tokens.
    pub issuer: String,
    /// Its public half.
    pub jwk: PublicJwk,
    /// From when on it signs, until the next one of its algorithm does.
    pub signs_from: DateTime<Utc>,
    /// When it was retired: since then nothing that it signed is an access token.
    pub retired_at: Option<DateTime<Utc>>,
}

/// No command about signing keys is refused: what is not due makes no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyRefusal {}

/// What can be asked of the signing keys.
#[derive(Debug, Clone)]
pub enum SigningKeyCommand {
    /// Add one, where it is time for it.
    Introduce(IntroduceSigningKey),
    /// Retire those whose time has come.
    Retire(RetireSigningKeys),
}

impl SigningKeys {
    /// Those of several lists in one, the oldest first.
    #[must_use]
    pub fn together(lists: impl IntoIterator<Item = Self>) -> Self {
        let mut all: Vec<SigningKeyState> = lists.into_iter().flat_map(|list| list.0).collect();
        all.sort_by_key(|key| (key.signs_from, key.kid));
        Self(all)
    }

    /// All of them, the oldest first, also those that are retired.
    #[must_use]
    pub fn all(&self) -> &[SigningKeyState] {
        &self.0
    }

    /// Those that others need to know, to check what was signed or soon will be.
    pub fn published(&self) -> impl Iterator<Item = &SigningKeyState> {
        self.0.iter().filter(|key| key.retired_at.is_none())
    }

    /// The key that signs as an issuer with an algorithm.
    #[must_use]
    pub fn signing(
        &self,
        issuer: &str,
        algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> Option<&SigningKeyState> {
        self.living(issuer, algorithm).filter(|key| key.signs_from <= now).max_by_key(|key| key.signs_from)
    }

    fn living(&self, issuer: &str, algorithm: Algorithm) -> impl Iterator<Item = &SigningKeyState> {
        self.published().filter(move |key| key.issuer == issuer && key.algorithm == algorithm)
    }
}

impl Aggregate for SigningKeys {
    const TYPE: &'static str = "signing_key";
    type Command = SigningKeyCommand;
    type Event = SigningKeyEvent;
    type Error = SigningKeyRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: SigningKeyCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), SigningKeyRefusal> {
        let events = match command {
            SigningKeyCommand::Introduce(command) => command.decide(self).into_iter().collect(),
            SigningKeyCommand::Retire(command) => command.decide(self),
        };
        for event in events {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: SigningKeyEvent) {
        match event {
            SigningKeyEvent::SigningKeyIntroduced(introduced) => self.0.push(introduced.into()),
            SigningKeyEvent::SigningKeyRetired(retired) => {
                if let Some(key) = self.0.iter_mut().find(|key| key.kid == retired.kid) {
                    key.retired_at.get_or_insert(retired.retired_at);
                }
            }
        }
    }
}

impl From<SigningKeyIntroduced> for SigningKeyState {
    fn from(introduced: SigningKeyIntroduced) -> Self {
        let SigningKeyIntroduced { kid, algorithm, issuer, jwk, signs_from, introduced_at: _ } = introduced;
        Self { kid, algorithm, issuer, jwk, signs_from, retired_at: None }
    }
}
