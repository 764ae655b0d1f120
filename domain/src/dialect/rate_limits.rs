//! The `[[rate_limits]]` of a dialect file.

use serde::Deserialize;
use toml::Spanned;

use crate::dialect::Environment;
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
    environment: Option<Spanned<String>>,
}

/// Whose requests are counted together.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Subject {
    Tenant,
}

/// The limits of all environments that have none of their own. Those that have get them here.
pub(super) fn rate_limits(
    entries: &[Spanned<RateLimitEntry>],
    environments: &mut [Environment],
) -> Result<Vec<RateLimit>, Fault> {
    let mut of_all = Vec::new();
    for spanned in entries {
        let entry = spanned.get_ref();
        let (limits, whose) = match &entry.environment {
            None => (&mut of_all, "a dialect"),
            Some(name) => {
                let own = environments.iter_mut().find(|known| known.name == *name.get_ref());
                let own = own
                    .ok_or_else(|| (name.span(), format!("no environment is named `{}`", name.get_ref())))?;
                (&mut own.rate_limits, "an environment")
            }
        };
        if limits.len() == MOST_WINDOWS {
            return Err((spanned.span(), format!("{whose} has at most {MOST_WINDOWS} rate limits")));
        }
        limits.push(read(entry, limits)?);
    }
    Ok(of_all)
}

fn read(entry: &RateLimitEntry, others: &[RateLimit]) -> Result<RateLimit, Fault> {
    let RateLimitEntry { limit, window, .. } = entry;
    let length = span_duration(window)?.to_std().unwrap_or_default();
    let read = RateLimit::new(*limit.get_ref(), length).map_err(|error| match error {
        InvalidRateLimit::Limit => (limit.span(), error.to_string()),
        InvalidRateLimit::Window => (window.span(), error.to_string()),
    })?;
    if others.iter().any(|other| other.window() == read.window()) {
        return Err((window.span(), format!("two rate limits have the window `{}`", window.get_ref())));
    }
    Ok(read)
}
