//! The `[https_only]` of a dialect file: requests over plain HTTP are refused, whatever they present.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::file::{Fault, outward};
use super::refusals::OutwardRefusal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpsOnlyEntry {
    #[serde(default)]
    except_loopback: bool,
    status: Spanned<u16>,
    #[serde(default)]
    headers: BTreeMap<Spanned<String>, Spanned<String>>,
    body: String,
}

/// That credentials are taken over TLS alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsOnly {
    /// Whether a request from the machine itself, of which nobody says that it came over plain HTTP, is taken: it crossed no
    /// network.
    pub except_loopback: bool,
    /// What the others are told.
    pub refusal: OutwardRefusal,
}

pub(super) fn https_only(entry: Option<HttpsOnlyEntry>) -> Result<Option<HttpsOnly>, Fault> {
    let Some(HttpsOnlyEntry { except_loopback, status, headers, body }) = entry else { return Ok(None) };
    Ok(Some(HttpsOnly { except_loopback, refusal: outward(&status, &headers, body)? }))
}
