//! The `[[rate_limits]]` of a dialect file.

use std::fmt::Write as _;

use serde::Deserialize;
use toml::Spanned;

use crate::dialect::Environment;
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
    environment: Option<Spanned<String>>,
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

/// The limits of all environments that have none of their own, and what callers are told of them. Those that have get theirs here.
pub(super) fn rate_limits(
    entries: &[Spanned<RateLimitEntry>],
    environments: &mut [Environment],
) -> Result<(Vec<RateLimit>, Option<RateLimitFields>), Fault> {
    for entry in entries {
        if let Some(name) = &entry.get_ref().environment
            && !environments.iter().any(|known| known.name == *name.get_ref())
        {
            return Err((name.span(), format!("no environment is named `{}`", name.get_ref())));
        }
    }
    let of = |environment: Option<&str>| -> Vec<&Spanned<RateLimitEntry>> {
        let whose = |entry: &RateLimitEntry| {
            entry.environment.as_ref().map(|name| name.get_ref().as_str()) == environment
        };
        entries.iter().filter(|entry| whose(entry.get_ref())).collect()
    };
    for environment in environments {
        let own = of(Some(&environment.name));
        environment.rate_limits = limits(&own, "an environment")?;
        environment.rate_limit_fields = fields(&own, &environment.rate_limits)?;
    }
    let of_all = of(None);
    let read = limits(&of_all, "a dialect")?;
    let told = fields(&of_all, &read)?;
    Ok((read, told))
}

fn limits(entries: &[&Spanned<RateLimitEntry>], whose: &str) -> Result<Vec<RateLimit>, Fault> {
    if let Some(one_too_many) = entries.get(MOST_WINDOWS) {
        return Err((one_too_many.span(), format!("{whose} has at most {MOST_WINDOWS} rate limits")));
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

/// The fields, where the limits have names.
fn fields(
    entries: &[&Spanned<RateLimitEntry>],
    limits: &[RateLimit],
) -> Result<Option<RateLimitFields>, Fault> {
    let mut names: Vec<String> = Vec::new();
    let mut policy = String::new();
    for (limit, entry) in limits.iter().zip(entries) {
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
