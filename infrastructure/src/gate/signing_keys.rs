//! Operations on the keys that tokens are signed with. The process itself does them: see [`crate::signing`].

use nexus_domain::signing_key::{IntroduceSigningKey, RetireSigningKeys, SigningKeyCommand, SigningKeys};

use super::{Gate, GateError, PLATFORM_TENANT, Principal, Reservations, Target};

impl Gate {
    /// All signing keys.
    ///
    /// # Errors
    /// [`GateError::Unavailable`]
    pub async fn signing_keys(&self) -> Result<SigningKeys, GateError> {
        let (keys, _) =
            self.signing_keys.load(&PLATFORM_TENANT.to_string()).await.map_err(GateError::Unavailable)?;
        Ok(keys)
    }

    /// Publishes a key whose private half is stored, where it is time for it, and tells all keys afterwards.
    ///
    /// # Errors
    /// [`GateError`]
    pub(crate) async fn introduce_signing_key(
        &self,
        command: IntroduceSigningKey,
    ) -> Result<SigningKeys, GateError> {
        self.on_signing_keys(SigningKeyCommand::Introduce(command)).await
    }

    /// Retires the keys whose time has come, and tells all keys afterwards.
    ///
    /// # Errors
    /// [`GateError`]
    pub(crate) async fn retire_signing_keys(
        &self,
        command: RetireSigningKeys,
    ) -> Result<SigningKeys, GateError> {
        self.on_signing_keys(SigningKeyCommand::Retire(command)).await
    }

    async fn on_signing_keys(&self, command: SigningKeyCommand) -> Result<SigningKeys, GateError> {
        let principal = Principal::system(Self::system_scopes());
        let call = self.system_call(&principal, "signing-keys");
        let id = PLATFORM_TENANT.to_string();
        let target = Target { tenant: PLATFORM_TENANT, aggregate_id: &id, owner: None };
        let command = |_: Option<&_>| command.clone();
        let reserve = |_: &SigningKeys, _: &[_]| Reservations::default();
        let done =
            self.execute(&self.signing_keys, &call, target, command, reserve, SigningKeys::clone).await?;
        Ok(done.answer)
    }
}
