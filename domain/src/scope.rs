//! Scopes: what a key may do, and which scope contains which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The longest scope, in bytes.
pub const LONGEST_SCOPE: usize = 100;

/// A scope token, such as `orders:read`. Printable ASCII without space, quote and backslash, as
/// RFC 6749 section 3.3 allows, and at most [`LONGEST_SCOPE`] bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Scope(String);

impl Scope {
    /// The scope as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Scope {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a scope token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is 1 to 100 printable ASCII characters without spaces, quotes and backslashes")]
pub struct InvalidScope;

impl std::str::FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let printable = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() || text.len() > LONGEST_SCOPE || !text.bytes().all(printable) {
            return Err(InvalidScope);
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A set of scopes, in alphabetical order.
pub type ScopeSet = BTreeSet<Scope>;

/// The scopes of a dialect: which exist, which only read, and which contain which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeRules {
    /// Every scope that can be granted, with what it means for people.
    pub known: BTreeMap<Scope, String>,
    /// The scopes that publishable keys may hold.
    pub read_only: ScopeSet,
    /// Scopes that contain every other one.
    pub all: ScopeSet,
    /// Scopes that contain some others.
    pub contains: BTreeMap<Scope, ScopeSet>,
}

impl ScopeRules {
    /// Whether the dialect knows scopes at all. Where it does not, a key may do everything.
    #[must_use]
    pub fn exist(&self) -> bool {
        !self.known.is_empty()
    }

    /// Everything that `granted` allows.
    #[must_use]
    pub fn closure(&self, granted: &ScopeSet) -> EffectiveScopes {
        if !self.exist() || granted.iter().any(|scope| self.all.contains(scope)) {
            return EffectiveScopes { everything: true, scopes: Box::default() };
        }
        let mut reached = granted.clone();
        let mut open: Vec<&Scope> = granted.iter().collect();
        while let Some(scope) = open.pop() {
            for inner in self.contains.get(scope).into_iter().flatten() {
                if reached.insert(inner.clone()) {
                    open.push(inner);
                }
            }
        }
        EffectiveScopes { everything: false, scopes: reached.into_iter().collect() }
    }
}

/// What a set of granted scopes allows, containment worked out beforehand so that a check is a
/// comparison of strings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EffectiveScopes {
    everything: bool,
    scopes: Box<[Scope]>,
}

impl EffectiveScopes {
    /// Whether `required` is allowed.
    #[must_use]
    pub fn allow(&self, required: &str) -> bool {
        self.everything || self.scopes.iter().any(|scope| scope.as_str() == required)
    }

    /// What it takes in memory beside itself, in bytes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.scopes.iter().map(|scope| size_of::<Scope>() + scope.0.len()).sum()
    }

    /// Whether everything is allowed that `other` allows.
    #[must_use]
    pub fn cover(&self, other: &Self) -> bool {
        self.everything || (!other.everything && other.scopes.iter().all(|scope| self.allow(scope.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(scopes: &[&str]) -> ScopeSet {
        scopes.iter().map(|s| s.parse().unwrap()).collect()
    }

    fn rules() -> ScopeRules {
        ScopeRules {
            known: set(&["a:read", "a:write", "a:all", "admin:all"])
                .into_iter()
                .map(|s| (s, String::new()))
                .collect(),
            read_only: set(&["a:read"]),
            all: set(&["admin:all"]),
            contains: [
                ("a:all".parse().unwrap(), set(&["a:write"])),
                ("a:write".parse().unwrap(), set(&["a:read"])),
            ]
            .into(),
        }
    }

    #[test]
    fn containment_is_transitive() {
        let scopes = rules().closure(&set(&["a:all"]));
        assert!(scopes.allow("a:all") && scopes.allow("a:write") && scopes.allow("a:read"));
        assert!(!scopes.allow("admin:all") && !scopes.allow("b:read"));
        let write = rules().closure(&set(&["a:write"]));
        assert!(write.allow("a:read") && !write.allow("a:all"));
        assert!(scopes.cover(&write) && !write.cover(&scopes));
    }

    #[test]
    fn a_scope_that_contains_all_covers_everything() {
        let admin = rules().closure(&set(&["admin:all"]));
        assert!(admin.allow("a:write") && admin.allow("anything:else"));
        assert!(admin.cover(&rules().closure(&set(&["a:all"]))));
        assert!(!rules().closure(&set(&["a:all"])).cover(&admin));
    }

    #[test]
    fn without_scopes_a_key_may_do_everything_and_with_them_nothing_by_default() {
        assert!(ScopeRules::default().closure(&ScopeSet::new()).allow("x"));
        assert!(!rules().closure(&ScopeSet::new()).allow("a:read"));
    }

    #[test]
    fn tokens() {
        for wrong in ["", "a b", "a\"", "a\\b", "ä", "a\n", &"x".repeat(101)] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }
}
