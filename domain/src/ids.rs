//! Typed identifiers. Each is a UUID made at the edge; its text form says what it names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;
use uuid::fmt::{Hyphenated, Simple};

/// More bytes than the text of an id takes.
pub const LONGEST_ID: usize = Hyphenated::LENGTH + Simple::LENGTH;

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id: expected {shape}")]
pub struct InvalidId {
    kind: &'static str,
    shape: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal, $shape:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID drawn at the edge.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl $name {
            /// Writes the text into a buffer, without the machinery of formatting: answers to verification hold ids.
            #[must_use]
            pub fn encode(self, buffer: &mut [u8; LONGEST_ID]) -> &str {
                if $prefix.is_empty() {
                    return self.0.hyphenated().encode_lower(buffer);
                }
                let (prefix, rest) = buffer.split_at_mut($prefix.len());
                prefix.copy_from_slice($prefix.as_bytes());
                self.0.simple().encode_lower(rest);
                let written = buffer.get(..$prefix.len() + Simple::LENGTH).unwrap_or_default();
                std::str::from_utf8(written).unwrap_or_default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.encode(&mut [0; LONGEST_ID]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { kind: $kind, shape: $shape };
                let bare = text.strip_prefix($prefix).ok_or_else(|| invalid.clone())?;
                // One spelling only, so that an id compares equal as text wherever it is stored.
                let id = Uuid::try_parse(bare).map(Self).map_err(|_| invalid.clone())?;
                if id.to_string() == text { Ok(id) } else { Err(invalid) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.encode(&mut [0; LONGEST_ID]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A tenant: the customer who owns keys. Written as a plain hyphenated UUID, since callers of
    /// some dialects send it in a header.
    TenantId, "tenant", "", "a lower-case UUID such as 3714240b-2e06-4c35-8856-ccc1c096323e"
);
id!(
    /// A key, over all its secret versions. Written `key_` and 32 hexadecimal digits.
    KeyId, "key", "key_", "key_ and 32 hexadecimal digits"
);
id!(
    /// A grant: what somebody agreed to, with all that was issued for it. Written `grant_` and 32 hexadecimal digits.
    GrantId, "grant", "grant_", "grant_ and 32 hexadecimal digits"
);
id!(
    /// An access token, the `jti` of its JWT. Written `token_` and 32 hexadecimal digits.
    TokenId, "token", "token_", "token_ and 32 hexadecimal digits"
);
id!(
    /// A member: a person with a role in a tenant. Written `mem_` and 32 hexadecimal digits.
    MemberId, "member", "mem_", "mem_ and 32 hexadecimal digits"
);
id!(
    /// A session of a member, or the attempt at one. Written `ses_` and 32 hexadecimal digits.
    SessionId, "session", "ses_", "ses_ and 32 hexadecimal digits"
);
id!(
    /// The hash of a password, which is kept apart from the log. Written `pwd_` and 32 hexadecimal digits.
    PasswordId, "password", "pwd_", "pwd_ and 32 hexadecimal digits"
);

id!(
    /// An integration: what a tenant connects, and keys belong to. Written `int_` and 32 hexadecimal digits.
    IntegrationId, "integration", "int_", "int_ and 32 hexadecimal digits"
);
id!(
    /// An agent that integrations are connected to. Written `agt_` and 32 hexadecimal digits.
    AgentId, "agent", "agt_", "agt_ and 32 hexadecimal digits"
);
id!(
    /// A tenant as the claims of its keys name it. Written `org_` and 32 hexadecimal digits.
    OrganizationId, "organization", "org_", "org_ and 32 hexadecimal digits"
);

impl From<TenantId> for OrganizationId {
    fn from(tenant: TenantId) -> Self {
        Self::new(tenant.uuid())
    }
}

id!(
    /// A key that tokens are signed with: the `kid` of their headers. Written `sgn` and 32 hexadecimal digits.
    SigningKeyId, "signing key", "sgn", "sgn and 32 hexadecimal digits"
);
id!(
    /// A tenant's secret for service JWTs, over all its versions: the `kid` of their headers. Written `jws` and 32 hexadecimal
    /// digits, without an underscore, since it stands between two in the secret itself.
    JwtSecretId, "JWT secret", "jws", "jws and 32 hexadecimal digits"
);

impl JwtSecretId {
    /// The id under which uses are counted, as those of keys are.
    #[must_use]
    pub const fn key_id(self) -> KeyId {
        KeyId(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_have_one_spelling() {
        let key = KeyId::new(Uuid::from_u128(0x0123_4567_89ab_cdef));
        assert_eq!(key.to_string(), "key_00000000000000000123456789abcdef");
        assert_eq!(key.to_string().parse(), Ok(key));
        assert!("key_00000000000000000123456789ABCDEF".parse::<KeyId>().is_err());
        assert!("00000000000000000123456789abcdef".parse::<KeyId>().is_err());

        let tenant: TenantId = "3714240b-2e06-4c35-8856-ccc1c096323e".parse().unwrap();
        assert_eq!(serde_json::to_value(tenant).unwrap(), "3714240b-2e06-4c35-8856-ccc1c096323e");
        assert!("3714240b2e064c358856ccc1c096323e".parse::<TenantId>().is_err());
        assert!("{3714240b-2e06-4c35-8856-ccc1c096323e}".parse::<TenantId>().is_err());
        assert_eq!(OrganizationId::from(tenant).to_string(), "org_3714240b2e064c358856ccc1c096323e");
    }
}
