//! The requests of a report. A caller asks the same again and again, so those that differ in nothing but time and id stand
//! together: a busy key's requests take a fifth of the room that they take one by one.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::verification::Code;

/// One request as a node saw it. `T` is its texts, [`String`] or `&str`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedRequest<T = String> {
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// The outcome.
    pub code: Code,
    /// Which secret version was presented.
    pub version: Option<u32>,
    /// HTTP method.
    pub method: Option<T>,
    /// Path without the query, which may hold secrets.
    pub path: Option<T>,
    /// The caller's address, encrypted with the tenant's key for personal data.
    pub ip: Option<T>,
    /// The caller's request id.
    pub request_id: Option<T>,
    /// The version that the caller's client says it has.
    pub client_version: Option<T>,
}

/// The requests of an event, one by one where somebody asks for them, and by likeness where they are written down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Requests(Vec<AlikeRequests>);

/// Requests that differ in nothing but time and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct AlikeRequests {
    /// When the first of them was decided.
    pub at: DateTime<Utc>,
    /// The outcome.
    pub code: Code,
    /// Which secret version was presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Path without the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The caller's address, encrypted with the tenant's key for personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The version that the caller's client says it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
    /// Of each, in the order of time, how many microseconds after `at` it was decided, and the caller's request id.
    pub each: Vec<(i64, Option<String>)>,
}

/// How they may stand in a log: the first programs wrote each request by itself, with its id beside the rest.
#[derive(Deserialize)]
#[serde(rename = "AlikeRequests")]
struct Written {
    at: DateTime<Utc>,
    code: Code,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    client_version: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    each: Option<Vec<(i64, Option<String>)>>,
}

impl From<Written> for AlikeRequests {
    fn from(written: Written) -> Self {
        let Written { at, code, version, method, path, ip, client_version, request_id, each } = written;
        let each = each.unwrap_or_else(|| vec![(0, request_id)]);
        Self { at, code, version, method, path, ip, client_version, each }
    }
}

/// What requests that stand together share.
type Likeness<'a> = (Code, Option<u32>, Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>);

impl Requests {
    /// Requests in the order of time.
    pub fn of<'a>(requests: impl IntoIterator<Item = UsedRequest<&'a str>>) -> Self {
        let mut places: HashMap<Likeness<'a>, usize> = HashMap::new();
        let mut groups: Vec<AlikeRequests> = Vec::new();
        // Mostly a caller asks the same twice in a row, and to compare costs less than to look up.
        let mut previous: Option<(Likeness<'a>, usize)> = None;
        for request in requests {
            let UsedRequest { at, code, version, method, path, ip, request_id, client_version } = request;
            let likeness = (code, version, method, path, ip, client_version);
            let place = match previous {
                Some((alike, place)) if alike == likeness => place,
                Some(_) | None => *places.entry(likeness).or_insert(groups.len()),
            };
            previous = Some((likeness, place));
            let request_id = request_id.map(str::to_owned);
            match groups.get_mut(place) {
                Some(group) => {
                    let after = at.signed_duration_since(group.at).num_microseconds().unwrap_or(0);
                    group.each.push((after, request_id));
                }
                None => groups.push(AlikeRequests {
                    at,
                    code,
                    version,
                    method: method.map(str::to_owned),
                    path: path.map(str::to_owned),
                    ip: ip.map(str::to_owned),
                    client_version: client_version.map(str::to_owned),
                    each: vec![(0, request_id)],
                }),
            }
        }
        Self(groups)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|group| group.each.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The requests one by one, in the order of time. Those of one instant stand in the same order each time.
    #[must_use]
    pub fn in_order(&self) -> Vec<UsedRequest<&str>> {
        let mut requests = Vec::with_capacity(self.len());
        requests.extend(self.0.iter().flat_map(AlikeRequests::one_by_one));
        requests.sort_by_key(|request: &UsedRequest<&str>| request.at);
        requests
    }
}

impl AlikeRequests {
    fn one_by_one(&self) -> impl Iterator<Item = UsedRequest<&str>> {
        self.each.iter().map(|(after, request_id)| UsedRequest {
            // A report that cannot be true must not make an event unreadable.
            at: self.at.checked_add_signed(TimeDelta::microseconds(*after)).unwrap_or(self.at),
            code: self.code,
            version: self.version,
            method: self.method.as_deref(),
            path: self.path.as_deref(),
            ip: self.ip.as_deref(),
            request_id: request_id.as_deref(),
            client_version: self.client_version.as_deref(),
        })
    }
}

impl FromIterator<UsedRequest> for Requests {
    fn from_iter<I: IntoIterator<Item = UsedRequest>>(requests: I) -> Self {
        let requests: Vec<UsedRequest> = requests.into_iter().collect();
        Self::of(requests.iter().map(UsedRequest::borrowed))
    }
}

impl UsedRequest {
    /// The same with its texts where they are.
    #[must_use]
    pub fn borrowed(&self) -> UsedRequest<&str> {
        UsedRequest {
            at: self.at,
            code: self.code,
            version: self.version,
            method: self.method.as_deref(),
            path: self.path.as_deref(),
            ip: self.ip.as_deref(),
            request_id: self.request_id.as_deref(),
            client_version: self.client_version.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(second: i64, path: &'static str, id: Option<&'static str>) -> UsedRequest<&'static str> {
        UsedRequest {
            at: DateTime::from_timestamp(second, 250_000_000).unwrap(),
            code: Code::Valid,
            version: Some(1),
            method: Some("GET"),
            path: Some(path),
            ip: None,
            request_id: id,
            client_version: None,
        }
    }

    #[test]
    fn alike_requests_stand_together_and_come_back_one_by_one() {
        let refused = UsedRequest { code: Code::ReadOnly, ..request(14, "/a", None) };
        let made = [
            request(10, "/a", Some("r-1")),
            request(11, "/b", Some("r-2")),
            request(12, "/a", None),
            request(12, "/b", Some("r-3")),
            refused,
        ];
        let requests = Requests::of(made);
        assert_eq!(requests.0.len(), 3);
        assert_eq!(requests.0[0].each, [(0, Some("r-1".to_owned())), (2_000_000, None)]);
        assert_eq!((requests.len(), requests.is_empty()), (5, false));
        assert_eq!(requests.in_order(), made);
        let json = serde_json::to_string(&requests).unwrap();
        assert_eq!(serde_json::from_str::<Requests>(&json).unwrap(), requests);
        assert_eq!(
            serde_json::to_value(&requests.0[1..2]).unwrap(),
            serde_json::json!([{
                "at": "1970-01-01T00:00:11.250Z", "code": "VALID", "version": 1, "method": "GET", "path": "/b",
                "each": [[0, "r-2"], [1_000_000, "r-3"]],
            }])
        );
    }

    #[test]
    fn a_request_that_was_written_by_itself_is_one_that_nothing_is_like() {
        let json = r#"[{"at":"1970-01-01T00:00:10.250Z","code":"VALID","version":1,"method":"GET","path":"/a","request_id":"r-1"}]"#;
        let requests: Requests = serde_json::from_str(json).unwrap();
        assert_eq!(requests.in_order(), [request(10, "/a", Some("r-1"))]);
    }

    #[test]
    fn a_time_beyond_all_time_is_the_first_one() {
        let mut requests = Requests::of([request(10, "/a", None)]);
        requests.0[0].each[0].0 = i64::MAX;
        assert_eq!(requests.in_order()[0].at, requests.0[0].at);
    }
}
