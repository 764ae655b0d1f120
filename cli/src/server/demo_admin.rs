//! The member that `nexus dev` makes, to sign in with: an owner of the platform, who acts in every tenant.

use nexus_domain::member::{Email, Password, Role};
use nexus_infrastructure::gate::{Gate, GateError, NewMember, PLATFORM_TENANT, Principal};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::server::failure::StartFailure;
use crate::server::node::Node;

const EMAIL: &str = "admin@nexus.localhost";
/// What the password is made from, beside the master key.
const LABEL: &str = "password of the demo admin";
/// Without letters that look like digits (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits of the password, 5 bits each.
const DIGITS: usize = 24;
const GROUP: usize = 6;

/// Who can sign in, and with what.
pub(crate) struct DemoAdmin {
    /// Absent: somebody has set another one.
    password: Option<Zeroizing<String>>,
}

impl DemoAdmin {
    /// Makes the member where there is none. The password follows from the master key, which whoever holds it does not need:
    /// so it is stored nowhere, and can be told at every start.
    pub(crate) async fn make(node: &Node) -> Result<Self, StartFailure> {
        let password = password(&*node.derive(LABEL));
        let typed = Password::presented(password.to_string());
        let principal = Principal::system(Gate::system_scopes());
        let call = node.gate.system_call(&principal, "dev");
        let email: Email = EMAIL.parse().map_err(|error| StartFailure::new(format!("{EMAIL} is {error}")))?;
        let new = NewMember { email, role: Role::Owner, password: Some(typed.clone()) };
        match node.gate.add_member(&call, PLATFORM_TENANT, new).await {
            Ok(_) => Ok(Self { password: Some(password) }),
            Err(GateError::EmailTaken) => {
                let still = node.gate.is_password(EMAIL, &typed).await?;
                Ok(Self { password: still.then_some(password) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// For scripts.
    pub(crate) fn json(&self) -> Value {
        json!({"email": EMAIL, "password": self.password.as_deref()})
    }

    /// For people.
    pub(crate) fn introduction(&self, url: &str) -> String {
        match self.password.as_deref() {
            Some(password) => {
                format!("Sign in at {url}/sign-in\n\n  e-mail    {EMAIL}\n  password  {password}\n")
            }
            None => format!(
                "Sign in at {url}/sign-in as {EMAIL}, with the password that was set since. To set a new one:\n\n  \
                 nexus members list --tenant {PLATFORM_TENANT}\n  \
                 nexus members set-password MEMBER --tenant {PLATFORM_TENANT}\n"
            ),
        }
    }
}

fn password(random: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(DIGITS + DIGITS / GROUP));
    for (at, byte) in random.iter().take(DIGITS).enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        // 32 divides 256, so each digit is as likely as any other.
        text.push(char::from(ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'0')));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_can_be_typed_and_is_accepted() {
        let random: Vec<u8> = (0..32).collect();
        let password = password(&random);
        assert_eq!(password.as_str(), "012345-6789ab-cdefgh-jkmnpq");
        assert_eq!(Password::presented(password.to_string()).check(&EMAIL.parse().unwrap()), Ok(()));
    }
}
