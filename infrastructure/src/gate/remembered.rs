//! Clients and their tenants as they were loaded last, so that a busy client does not cost looks at the store for each request.
//!
//! What is remembered may be outdated, since other processes change clients too. There are two ways to know that it is not: an
//! append on condition that client and tenant stand as they were; or, for the client, that this process has followed the log up
//! to where it is now, since clients are forgotten on the way that have changed. Nobody is refused by what is remembered.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_domain::client::Client;
use nexus_domain::credential::Digest;
use nexus_domain::ids::KeyId;
use nexus_domain::scope::ScopeSet;
use nexus_domain::token::Behalf;

use super::clients::KnownClient;
use super::tokens::{IssuedTokens, Sign, stands, unchanged};
use super::{Call, Gate, GateError, Owner, ShownSecret};

/// How many clients are remembered; then it begins anew.
const KEPT: usize = 10_000;

/// A client and its tenant.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) client: KnownClient,
    pub(super) owner: Owner,
}

/// Clients that got tokens for themselves.
#[derive(Debug, Default)]
pub(super) struct Remembered(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    pairs: HashMap<KeyId, Pair>,
    /// How many changes of clients were followed.
    changes: u64,
}

impl Remembered {
    pub(super) fn get(&self, client: KeyId) -> Option<Pair> {
        self.state().pairs.get(&client).cloned()
    }

    /// What stands in [`KnownClient`] of a client that is loaded from here on.
    pub(super) fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Remembers a client, unless one has changed since it was loaded: that may have been this one.
    pub(super) fn keep(&self, client: &KnownClient, owner: &Owner) {
        let mut state = self.state();
        if state.changes != client.as_of {
            return;
        }
        if state.pairs.len() >= KEPT {
            state.pairs.clear();
        }
        // What this request showed proves nothing of the next one.
        let client = client.clone().shown(None);
        state.pairs.insert(client.key_id, Pair { client, owner: owner.clone() });
    }

    pub(super) fn forget(&self, client: KeyId) {
        self.state().pairs.remove(&client);
    }

    /// Takes note that the log has a change of a client.
    pub(super) fn changed(&self, client: KeyId) {
        let mut state = self.state();
        state.changes += 1;
        state.pairs.remove(&client);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// As [`Gate::issue_to_client`], without a look at the store before the append, for a client that
    /// [`Gate::remembered_client`] gave and that has proved by that who it is. Nothing where it cannot be told so whether it may
    /// have the token: then the client has to be read, has to prove who it is to what was read, and is asked about anew.
    ///
    /// # Errors
    /// [`GateError`]; no refusal.
    pub async fn issue_to_remembered(
        &self,
        call: &Call<'_>,
        client: &KnownClient,
        scopes: Option<ScopeSet>,
        jkt: Option<Digest>,
        sign: &dyn Sign,
    ) -> Result<Option<IssuedTokens>, GateError> {
        let pair = self.remembered.get(client.key_id);
        let Some(pair) = pair.filter(|pair| pair.client.sequence == client.sequence) else {
            return Ok(None);
        };
        let issued = match self.issue_once(call, client, &pair.owner, scopes, jkt, sign).await {
            Err(GateError::Refused(_)) => Ok(None),
            issued => issued,
        };
        if matches!(issued, Ok(None)) {
            self.remembered.forget(client.key_id);
        }
        issued
    }

    /// Issues a token if client and tenant stand as they are given; nothing where one of them has moved on.
    pub(super) async fn issue_once(
        &self,
        call: &Call<'_>,
        client: &KnownClient,
        owner: &Owner,
        scopes: Option<ScopeSet>,
        jkt: Option<Digest>,
        sign: &dyn Sign,
    ) -> Result<Option<IssuedTokens>, GateError> {
        let (token_id, token, stream) =
            self.token(call, client, owner, Behalf::Itself { scopes }, jkt).await?;
        let access_token = ShownSecret::new(sign.sign(token_id, &token, &client.state)?);
        let streams = vec![stream, unchanged::<Client>(&client.key_id, client.sequence), stands(owner)];
        let appended = self.append_all(call, streams).await?;
        Ok(appended.map(|_| IssuedTokens { access_token, token_id, token, refresh_token: None }))
    }
}
