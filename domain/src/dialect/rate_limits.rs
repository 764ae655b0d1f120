//! The `[[rate_limits]]` of a dialect file.

use std::fmt::Write as _;

use serde::Deserialize;
use toml::Spanned;

use crate::dialect::file::{Fault, span_duration, word};
use crate::rate_limit::{InvalidRateLimit, MOST_WINDOWS, RateLimit};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimitEntry {
    /// Read to refuse anything else: what is counted is no matter of course.
    #[serde(rename = "per")]
    _per: Subject,
    name: Option<Spanned<String>>,
    limit: Spanned<u32>,
    window: Spanned<String>,
}

/// Whose requests are counted together.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Subject {
    Tenant,
}

/// What callers are told of the limits, in the fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitFields {
    /// The names of the limits, in their order.
    names: Vec<String>,
    /// `RateLimit-Policy`, such as `"minute";q=600;w=60`.
    pub policy: String,
}

impl RateLimitFields {
    /// `RateLimit` of some of the limits, each by its place, with how many requests are left and after how many seconds there is room
    /// for more, such as `"minute";r=597;t=60`.
    #[must_use]
    pub fn state(&self, left: impl IntoIterator<Item = (usize, u32, u64)>) -> String {
        let mut field = String::new();
        for (at, requests, seconds) in left {
            let Some(name) = self.names.get(at) else { continue };
            let before = if field.is_empty() { "" } else { ", " };
            // Writing to a text does not fail.
            let _written = write!(field, "{before}\"{name}\";r={requests};t={seconds}");
        }
        field
    }
}

/// The fields, where the limits have names.
pub(super) fn rate_limit_fields(
    entries: &[Spanned<RateLimitEntry>],
) -> Result<Option<RateLimitFields>, Fault> {
    let mut names: Vec<String> = Vec::new();
    let mut policy = String::new();
    for (limit, entry) in rate_limits(entries)?.iter().zip(entries) {
        let Some(written) = &entry.get_ref().name else { continue };
        let name = word(written, "a rate limit's name")?;
        if names.contains(&name) {
            return Err((written.span(), format!("two rate limits have the name `{name}`")));
        }
        let before = if names.is_empty() { "" } else { ", " };
        let _written =
            write!(policy, "{before}\"{name}\";q={};w={}", limit.limit(), limit.window().as_secs());
        names.push(name);
    }
    match entries.iter().find(|entry| entry.get_ref().name.is_none()) {
        Some(nameless) if !names.is_empty() => {
            Err((nameless.span(), "either all rate limits have a name, or none has one".to_owned()))
        }
        Some(_) => Ok(None),
        None => Ok(Some(RateLimitFields { names, policy }).filter(|fields| !fields.names.is_empty())),
    }
}

pub(super) fn rate_limits(entries: &[Spanned<RateLimitEntry>]) -> Result<Vec<RateLimit>, Fault> {
    if let Some(one_too_many) = entries.get(MOST_WINDOWS) {
        return Err((one_too_many.span(), format!("a dialect has at most {MOST_WINDOWS} rate limits")));
    }
    let mut limits: Vec<RateLimit> = Vec::new();
    for entry in entries {
        let RateLimitEntry { limit, window, .. } = entry.get_ref();
        let length = span_duration(window)?.to_std().unwrap_or_default();
        let read = RateLimit::new(*limit.get_ref(), length).map_err(|error| match error {
            InvalidRateLimit::Limit => (limit.span(), error.to_string()),
            InvalidRateLimit::Window => (window.span(), error.to_string()),
        })?;
        if limits.iter().any(|other| other.window() == read.window()) {
            return Err((window.span(), format!("two rate limits have the window `{}`", window.get_ref())));
        }
        limits.push(read);
    }
    Ok(limits)
}
