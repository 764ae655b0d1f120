//! The `[[rate_limits]]` of a dialect file.

use serde::Deserialize;
use toml::Spanned;

use crate::dialect::file::{Fault, span_duration};
use crate::rate_limit::{InvalidRateLimit, MOST_WINDOWS, RateLimit};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimitEntry {
    /// Read to refuse anything else: what is counted is no matter of course.
    #[serde(rename = "per")]
    _per: Subject,
    limit: Spanned<u32>,
    window: Spanned<String>,
}

/// Whose requests are counted together.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Subject {
    Tenant,
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
