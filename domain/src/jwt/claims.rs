//! A token's claims (RFC 7519 section 4), and when they hold.

use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::verification::{Code, Refused};

const SECOND: i64 = 1_000_000;
/// How far the clock of whoever made a token may be off, in microseconds (RFC 7519 section 4.1.4: "usually no more than a few
/// minutes").
pub const SKEW: i64 = 60 * SECOND;
/// The longest time that a token may have before it, in microseconds: it can be revoked for as long alone.
pub const LONGEST_LIFE: i64 = 24 * 3600 * SECOND;
/// Later than any date that means something, in seconds.
const LATEST: u64 = 1_000_000_000_000;

/// The claims of a token, each named once. Without `Debug`: they may hold what is nobody's business.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

/// When a token holds, in Unix microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// `exp`
    pub expires_at: i64,
    /// `nbf`
    pub not_before: Option<i64>,
    /// `iat`
    pub issued_at: Option<i64>,
}

impl Claims {
    pub(super) const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// A claim.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a text where it is there.
    ///
    /// # Errors
    /// `MALFORMED`
    pub fn text(&self, name: &str) -> Result<Option<&str>, Refused> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refused::malformed(format!("the token's claim `{name}` is no text"))),
        }
    }

    /// A claim that is a list of texts where it is there.
    ///
    /// # Errors
    /// `MALFORMED`
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Refused> {
        let wrong = || Refused::malformed(format!("the token's claim `{name}` is no list of texts"));
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => {
                list.iter().map(|item| item.as_str().ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(wrong()),
        }
    }

    /// Those that the token is meant for (`aud`, RFC 7519 section 4.1.3): a text or a list of texts.
    ///
    /// # Errors
    /// `MALFORMED`
    pub fn audience(&self) -> Result<Option<Vec<&str>>, Refused> {
        match self.0.get("aud") {
            Some(Value::String(only)) => Ok(Some(vec![only])),
            Some(_) => self.texts("aud"),
            None => Ok(None),
        }
    }

    /// When the token holds. `exp` must be there.
    ///
    /// # Errors
    /// `MALFORMED` where a time is missing that must be there, or is no number.
    pub fn times(&self) -> Result<Times, Refused> {
        let expires_at = self
            .time("exp")?
            .ok_or_else(|| Refused::malformed("the token never ends: it must have the claim `exp`"))?;
        Ok(Times { expires_at, not_before: self.time("nbf")?, issued_at: self.time("iat")? })
    }

    /// A claim that is a time where it is there, in Unix microseconds.
    ///
    /// # Errors
    /// `MALFORMED`
    pub fn time(&self, name: &str) -> Result<Option<i64>, Refused> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let wrong = || {
            let detail = format!("the token's claim `{name}` is no time in seconds (RFC 7519 section 2)");
            Refused::malformed(detail)
        };
        if let Some(seconds) = value.as_i64() {
            return (seconds.unsigned_abs() <= LATEST).then(|| Some(seconds * SECOND)).ok_or_else(wrong);
        }
        #[expect(clippy::cast_precision_loss, reason = "a bound that floats have exactly")]
        let seconds = value.as_f64().filter(|seconds| seconds.abs() <= LATEST as f64).ok_or_else(wrong)?;
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of no more than 1e18")]
        let micros = (seconds * 1e6).round() as i64;
        Ok(Some(micros))
    }

    /// All claims as a type.
    ///
    /// # Errors
    /// `MALFORMED`
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Refused> {
        serde_json::from_value(Value::Object(self.0)).map_err(|error| {
            Refused::malformed(format!("the token's claims are not as they must be: {error}"))
        })
    }
}

impl Times {
    /// When [`Times::check`] finds nothing to refuse, in Unix microseconds.
    #[must_use]
    pub fn holds(&self, longest: i64) -> Range<i64> {
        let begins = self.not_before.max(self.issued_at).unwrap_or(i64::MIN);
        let near = self.expires_at.saturating_sub(longest.saturating_add(SKEW));
        near.max(begins.saturating_sub(SKEW))..self.expires_at.saturating_add(SKEW).saturating_add(1)
    }

    /// Whether the token holds now, give or take [`SKEW`]. `longest` is the most time that it may have before it, as
    /// [`LONGEST_LIFE`].
    ///
    /// # Errors
    /// `EXPIRED`, `NOT_YET_VALID`, and `MALFORMED` for an end that is too far away.
    pub fn check(&self, longest: i64, now: i64) -> Result<(), Refused> {
        if self.expires_at.saturating_sub(now) > longest.saturating_add(SKEW) {
            let hours = longest / SECOND / 3600;
            let detail = format!("the token ends more than {hours} h from now; make one that ends sooner");
            return Err(Refused::malformed(detail));
        }
        ended(self.expires_at, now)?;
        let begins = self.not_before.max(self.issued_at).unwrap_or(i64::MIN);
        let early = begins.saturating_sub(now);
        if early > SKEW {
            return Err(Refused::new(Code::NotYetValid, off("the token begins", early, "from now")));
        }
        Ok(())
    }
}

/// Whether what ends at an instant has not ended, give or take [`SKEW`].
///
/// # Errors
/// `EXPIRED`
pub fn ended(expires_at: i64, now: i64) -> Result<(), Refused> {
    let over = now.saturating_sub(expires_at);
    if over > SKEW { Err(Refused::new(Code::Expired, off("the token ended", over, "ago"))) } else { Ok(()) }
}

fn off(what: &str, micros: i64, which: &str) -> String {
    let seconds = micros / SECOND;
    format!(
        "{what} {seconds} s {which} by this server's clock; differences of up to {} s are tolerated: is the other clock right?",
        SKEW / SECOND
    )
}
