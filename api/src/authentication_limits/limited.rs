//! What somebody is told who came too often.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use crate::problem::{self, Problem};
use crate::verification::rate_limit_fields::{POLICY, STATE, whole_seconds};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The requests of an address.
    Requests,
    /// The failed attempts of an address.
    Failures,
    /// The failed attempts of strangers on one account.
    Account,
    /// The access tokens of a client.
    ClientTokens,
    /// What is issued for the refresh tokens of one consent.
    GrantRefreshes,
}

impl Limit {
    /// Its name in headers and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Failures => "failed-attempts",
            Self::Account => "account",
            Self::ClientTokens => "client-tokens",
            Self::GrantRefreshes => "grant-refreshes",
        }
    }
}

/// Too many. To be answered with 429 (RFC 6585 section 4) and [`Limited::insert_into`]'s headers, in whatever form the endpoint
/// answers; as a [`Problem`] where it has none of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// What there were too many of.
    pub limit: Limit,
    /// At most so many
    pub quota: u32,
    /// in any stretch of so much time, on all API nodes together.
    pub window: Duration,
    /// When there is room again, if nobody else comes.
    pub retry_after: Duration,
}

impl Limited {
    /// Sets `Retry-After`, `RateLimit` and `RateLimit-Policy`.
    pub fn insert_into(&self, headers: &mut HeaderMap) {
        let (name, seconds) = (self.limit.name(), whole_seconds(self.retry_after));
        let policy = format!("\"{name}\";q={};w={}", self.quota, self.window.as_secs());
        for (header, value) in [
            (RETRY_AFTER, seconds.to_string()),
            (STATE, format!("\"{name}\";r=0;t={seconds}")),
            (POLICY, policy),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(header, value);
            }
        }
    }
}

impl std::fmt::Display for Limited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = match self.limit {
            Limit::Requests => "requests from this address",
            Limit::Failures => "failed attempts from this address",
            Limit::Account => "failed attempts on this account",
            Limit::ClientTokens => "tokens of this client",
            Limit::GrantRefreshes => "refreshes of one consent",
        };
        let (window, seconds) = (self.window.as_secs(), whole_seconds(self.retry_after));
        write!(f, "more than {} {of} in {window} s; try again in {seconds} s", self.quota)?;
        match self.limit {
            Limit::ClientTokens | Limit::GrantRefreshes => {
                f.write_str(", and use each access token until it expires")
            }
            Limit::Requests | Limit::Failures | Limit::Account => Ok(()),
        }
    }
}

impl std::error::Error for Limited {}

impl From<Limited> for Problem {
    fn from(limited: Limited) -> Self {
        Self::new(&problem::TOO_MANY_REQUESTS, limited.to_string()).limited(limited)
    }
}
