//! One decision, and how it stands in a segment.

use std::net::IpAddr;

use nexus_domain::ids::{KeyId, TenantId};
use nexus_domain::verification::Code;
use uuid::Uuid;

use super::text;

/// A decision to be recorded. Texts may come from callers as they are: they are cut, and control
/// characters are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageRecord<'a> {
    /// When it was decided, Unix time in microseconds.
    pub at: i64,
    /// The key, its owner and the version of the secret, when one was recognised.
    pub key: Option<(KeyId, TenantId, u32)>,
    /// The outcome.
    pub code: Code,
    /// HTTP method; at most 16 bytes are kept.
    pub method: Option<&'a str>,
    /// Path; the query is not kept, and of the rest at most 512 bytes.
    pub path: Option<&'a str>,
    /// The caller's address.
    pub ip: Option<IpAddr>,
    /// The caller's request id; at most 128 bytes are kept.
    pub request_id: Option<&'a str>,
    /// What the caller's client says of its version; at most 64 bytes are kept.
    pub client_version: Option<&'a str>,
}

/// A decision that was read back, with the caller's address in clear: it must be encrypted before it goes into an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadBack<'a> {
    /// The decision.
    pub(super) decision: UsageRecord<'a>,
    /// It counts, and its particulars were left out: one of too many refusals in a second.
    pub(super) counted_only: bool,
}

const KEY: u16 = 1;
const METHOD: u16 = 1 << 1;
const PATH: u16 = 1 << 2;
const IP_V4: u16 = 1 << 3;
const IP_V6: u16 = 1 << 4;
const REQUEST_ID: u16 = 1 << 5;
const CLIENT_VERSION: u16 = 1 << 6;
/// A text that was once written behind the others, and that nobody needed: the dialect's name.
const DIALECT: u16 = 1 << 7;
const COUNTED_ONLY: u16 = 1 << 8;

impl UsageRecord<'_> {
    /// Appends the record: flags, time, code, then what the flags announce, in their order.
    pub(super) fn encode(&self, counted_only: bool, buffer: &mut Vec<u8>) {
        let detailed = if counted_only {
            Self { method: None, path: None, ip: None, request_id: None, client_version: None, ..*self }
        } else {
            *self
        };
        buffer.extend_from_slice(&detailed.flags(counted_only).to_le_bytes());
        buffer.extend_from_slice(&self.at.to_le_bytes());
        buffer.push(self.code.number());
        if let Some((key, tenant, version)) = detailed.key {
            buffer.extend_from_slice(key.uuid().as_bytes());
            buffer.extend_from_slice(tenant.uuid().as_bytes());
            buffer.extend_from_slice(&version.to_le_bytes());
        }
        if let Some(method) = detailed.method {
            text::push(buffer, method, text::METHOD);
        }
        if let Some(path) = detailed.path {
            text::push(buffer, text::bare_path(path), text::PATH);
        }
        match detailed.ip {
            Some(IpAddr::V4(ip)) => buffer.extend_from_slice(&ip.octets()),
            Some(IpAddr::V6(ip)) => buffer.extend_from_slice(&ip.octets()),
            None => {}
        }
        if let Some(request_id) = detailed.request_id {
            text::push(buffer, request_id, text::REQUEST_ID);
        }
        if let Some(client_version) = detailed.client_version {
            text::push(buffer, client_version, text::CLIENT_VERSION);
        }
    }

    fn flags(&self, counted_only: bool) -> u16 {
        let flag = |present: bool, flag: u16| if present { flag } else { 0 };
        flag(self.key.is_some(), KEY)
            | flag(self.method.is_some(), METHOD)
            | flag(self.path.is_some(), PATH)
            | flag(self.ip.is_some_and(|ip| ip.is_ipv4()), IP_V4)
            | flag(self.ip.is_some_and(|ip| ip.is_ipv6()), IP_V6)
            | flag(self.request_id.is_some(), REQUEST_ID)
            | flag(self.client_version.is_some(), CLIENT_VERSION)
            | flag(counted_only, COUNTED_ONLY)
    }
}

impl<'a> ReadBack<'a> {
    /// Reads one record off the front of `bytes`; absent when it is not a record.
    pub(super) fn decode(bytes: &mut &'a [u8]) -> Option<Self> {
        let flags = u16::from_le_bytes(take(bytes)?);
        let at = i64::from_le_bytes(take(bytes)?);
        let [code] = take(bytes)?;
        let has = |flag: u16| flags & flag != 0;
        let decision = UsageRecord {
            at,
            code: Code::from_number(code)?,
            key: if has(KEY) { Some(key(bytes)?) } else { None },
            method: if has(METHOD) { Some(text(bytes)?) } else { None },
            path: if has(PATH) { Some(text(bytes)?) } else { None },
            ip: match (has(IP_V4), has(IP_V6)) {
                (true, _) => Some(IpAddr::from(take::<4>(bytes)?)),
                (false, true) => Some(IpAddr::from(take::<16>(bytes)?)),
                (false, false) => None,
            },
            request_id: if has(REQUEST_ID) { Some(text(bytes)?) } else { None },
            client_version: if has(CLIENT_VERSION) { Some(text(bytes)?) } else { None },
        };
        if has(DIALECT) {
            text(bytes)?;
        }
        Some(Self { decision, counted_only: has(COUNTED_ONLY) })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

fn key(bytes: &mut &[u8]) -> Option<(KeyId, TenantId, u32)> {
    let key = KeyId::new(Uuid::from_bytes(take(bytes)?));
    let tenant = TenantId::new(Uuid::from_bytes(take(bytes)?));
    Some((key, tenant, u32::from_le_bytes(take(bytes)?)))
}

fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::from(u16::from_le_bytes(take(bytes)?));
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_a_dialect_behind_it_is_read_without() {
        let record = UsageRecord {
            at: 7,
            key: None,
            code: Code::Unknown,
            method: Some("GET"),
            path: None,
            ip: None,
            request_id: None,
            client_version: None,
        };
        let mut bytes = Vec::new();
        record.encode(false, &mut bytes);
        let [flags, ..] = bytes.as_mut_slice() else { panic!() };
        *flags |= u8::try_from(DIALECT).unwrap();
        text::push(&mut bytes, "nexus", 32);
        record.encode(true, &mut bytes);
        let mut rest = bytes.as_slice();
        let read: Vec<_> = std::iter::from_fn(|| ReadBack::decode(&mut rest)).collect();
        let counted = UsageRecord { method: None, ..record };
        assert_eq!(
            read,
            [
                ReadBack { decision: record, counted_only: false },
                ReadBack { decision: counted, counted_only: true }
            ]
        );
    }
}
