//! What verification goes through instead of [`crate::request::trace`]. It is asked thousands of times a second, so what
//! others may look up again is handed on here: the time, the request's id, its headers. Its requests go into the usage
//! journal one by one, and into the log at debug level alone.

use std::net::IpAddr;
use std::time::Duration;

use actix_http::{Request, RequestHead, Response};
use actix_web::body::BoxBody;
use actix_web::http::header::HeaderValue;
use ipnet::IpNet;
use metrics::Histogram;
use smallvec::SmallVec;

use super::Verifier;
use crate::problem::Problem;
use crate::request::{self, DURATION, REQUEST_ID, RequestId, STATUS_CLASSES, ascii, status_class};

/// An instant, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Unix time in microseconds.
    pub(crate) unix_micros: i64,
    /// As [`nexus_infrastructure::clock::Clock::monotonic`] tells it.
    pub(crate) monotonic: Duration,
}

impl Moment {
    pub(crate) fn now(verifier: &Verifier) -> Self {
        let clock = &verifier.clock;
        Self { unix_micros: clock.unix_micros(), monotonic: clock.monotonic() }
    }
}

/// Stands with a connection that is one of TLS.
#[derive(Debug, Clone, Copy)]
pub struct OverTls;

/// A request to one of the two routes, and what was read of it once. Without `Debug`: it holds credentials.
pub(crate) struct HotRequest<'r> {
    request: &'r Request,
    pub(crate) head: &'r RequestHead,
    pub(crate) headers: Headers<'r>,
    pub(crate) id: RequestId,
    /// Whether the id is the caller's. Of usage, only such a one tells somebody something.
    pub(crate) id_given: bool,
    pub(crate) began: Moment,
}

impl<'r> HotRequest<'r> {
    pub(crate) fn of(request: &'r Request, verifier: &Verifier) -> Self {
        Self::begun(request, verifier, Moment::now(verifier))
    }

    /// A request that began at a moment that was read before.
    pub(crate) fn begun(request: &'r Request, verifier: &Verifier, began: Moment) -> Self {
        let head = request.head();
        let headers = Headers::of(head);
        let given = RequestId::given(headers.request_id);
        let id_given = given.is_some();
        let id = given.unwrap_or_else(|| RequestId::made(verifier, began.unix_micros));
        Self { request, head, headers, id, id_given, began }
    }

    /// Whether the connection is one of TLS.
    pub(crate) fn is_over_tls(&self) -> bool {
        self.request.conn_data::<OverTls>().is_some()
    }

    /// Whether the peer is on this machine.
    pub(crate) fn is_from_loopback(&self) -> bool {
        self.head.peer_addr.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
    }

    /// The caller's address, as [`request::client_ip`] has it.
    pub(crate) fn client_ip(&self, trusted: &[IpNet]) -> Option<IpAddr> {
        request::client_ip(self.head, &self.headers.forwarded_for, trusted)
    }

    /// Makes the response whole: failures become problem details, the id stands in it, and metrics and the log know of it.
    pub(crate) fn finish(
        self,
        verifier: &Verifier,
        route: HotRoute,
        answered: Result<Response<BoxBody>, Problem>,
    ) -> Response<BoxBody> {
        let mut response = answered.unwrap_or_else(|problem| request::told(&problem, &self.id).into());
        let took = verifier.clock.monotonic().saturating_sub(self.began.monotonic);
        let status = response.status().as_u16();
        verifier.hot_durations.record(route, status, took);
        tracing::debug!(
            request_id = self.id.as_str(), method = %self.head.method, path = self.head.uri.path(), status,
            micros = took.as_micros(), "request"
        );
        response.headers_mut().insert(REQUEST_ID, self.id.into_header());
        response
    }
}

/// As many headers as a gateway's request usually has at most.
const USUAL: usize = 16;

/// A request's headers, read in one pass. Without `Debug`: they hold credentials.
pub(crate) struct Headers<'r> {
    /// All of them. A value that is not ASCII is seen as an empty one, and so refused as malformed where it matters.
    pub(crate) texts: SmallVec<[(&'r str, &'r str); USUAL]>,
    /// Of the request that a proxy asks about.
    pub(crate) original_method: Stated<'r>,
    /// Path and query of the request that a proxy asks about.
    pub(crate) original_uri: Stated<'r>,
    /// What proxies say of how the request came to them.
    pub(crate) forwarded_proto: Stated<'r>,
    /// The version of the caller's client.
    pub(crate) client_version: Option<&'r str>,
    /// The values of `X-Forwarded-For`.
    pub(crate) forwarded_for: SmallVec<[&'r [u8]; 2]>,
    request_id: Option<&'r HeaderValue>,
}

/// What a proxy says in one of two headers. Said twice and differently, as when a proxy sets one and passes the caller's
/// other one on, it counts as unsaid.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stated<'r> {
    Not,
    Once(&'r HeaderValue),
    Contradicted,
}

impl<'r> Stated<'r> {
    fn add(&mut self, value: &'r HeaderValue) {
        *self = match *self {
            Self::Not => Self::Once(value),
            Self::Once(first) if first == value => Self::Once(first),
            Self::Once(_) | Self::Contradicted => Self::Contradicted,
        };
    }

    pub(crate) fn text(self) -> Option<&'r str> {
        match self {
            Self::Once(value) => ascii(value),
            Self::Not | Self::Contradicted => None,
        }
    }
}

impl<'r> Headers<'r> {
    pub(crate) fn of(head: &'r RequestHead) -> Self {
        let headers = &head.headers;
        let mut read = Self {
            texts: SmallVec::new(),
            original_method: Stated::Not,
            original_uri: Stated::Not,
            forwarded_proto: Stated::Not,
            client_version: None,
            forwarded_for: SmallVec::new(),
            request_id: None,
        };
        for (name, value) in headers {
            let (name, text) = (name.as_str(), ascii(value));
            match name {
                "x-original-method" | "x-forwarded-method" => read.original_method.add(value),
                "x-original-uri" | "x-forwarded-uri" => read.original_uri.add(value),
                "x-forwarded-proto" => read.forwarded_proto.add(value),
                "x-forwarded-for" => read.forwarded_for.push(value.as_bytes()),
                "x-client-version" => read.client_version = read.client_version.or(text),
                "x-request-id" => read.request_id = read.request_id.or(Some(value)),
                _ => {}
            }
            read.texts.push((name, text.unwrap_or_default()));
        }
        read
    }

    /// Whether every proxy that says how the request came to it says by HTTPS. Those before the last one may be forged, which can
    /// make it worse and not better.
    pub(crate) fn forwarded_over_https(&self) -> bool {
        let text = self.forwarded_proto.text();
        text.is_some_and(|hops| hops.split(',').all(|hop| hop.trim().eq_ignore_ascii_case("https")))
    }
}

/// Which of the two routes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HotRoute {
    Verify,
    ForwardAuth,
}

/// The durations of verification by class of status, at hand: to find a histogram by its labels takes longer than a verdict.
#[derive(Clone)]
pub struct HotDurations {
    verify: [Histogram; STATUS_CLASSES.len()],
    forward_auth: [Histogram; STATUS_CLASSES.len()],
}

impl HotDurations {
    /// Those of the recorder that is installed.
    #[must_use]
    pub fn installed() -> Self {
        let of = |route: &'static str| {
            STATUS_CLASSES.map(|class| metrics::histogram!(DURATION, "route" => route, "status" => class))
        };
        Self { verify: of("/v1/verify"), forward_auth: of("/v1/forward-auth/{dialect}") }
    }

    fn record(&self, route: HotRoute, status: u16, took: Duration) {
        let by_class = match route {
            HotRoute::Verify => &self.verify,
            HotRoute::ForwardAuth => &self.forward_auth,
        };
        if let Some(histogram) = by_class.get(status_class(status)) {
            histogram.record(took);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn uri(headers: &[(&str, &str)]) -> Option<String> {
        let request = headers.iter().fold(TestRequest::default(), |r, header| r.append_header(*header));
        let request = request.to_http_request();
        Headers::of(request.head()).original_uri.text().map(str::to_owned)
    }

    #[test]
    fn what_is_said_twice_and_differently_is_unsaid() {
        assert_eq!(uri(&[]), None);
        assert_eq!(uri(&[("x-original-uri", "/a")]).as_deref(), Some("/a"));
        assert_eq!(uri(&[("x-original-uri", "/a"), ("x-forwarded-uri", "/a")]).as_deref(), Some("/a"));
        assert_eq!(uri(&[("x-original-uri", "/a"), ("x-forwarded-uri", "/b")]), None);
        assert_eq!(uri(&[("x-forwarded-uri", "/b"), ("x-forwarded-uri", "/a")]), None);
        assert_eq!(
            uri(&[("x-original-uri", "/a"), ("x-forwarded-uri", "/b"), ("x-forwarded-uri", "/a")]),
            None
        );
        assert_eq!(uri(&[("x-original-uri", "/ä")]), None, "not ASCII");
    }

    #[test]
    fn https_is_what_every_hop_says() {
        let over_https = |values: &[&str]| {
            let add = |request: TestRequest, value| request.append_header(("x-forwarded-proto", value));
            let request = values.iter().copied().fold(TestRequest::default(), add).to_http_request();
            Headers::of(request.head()).forwarded_over_https()
        };
        for (values, expected) in [
            (&["https"][..], true),
            (&["HTTPS"], true),
            (&["https, https"], true),
            (&["https", "https"], true),
            (&[], false),
            (&[""], false),
            (&["http"], false),
            (&["http, https"], false),
            (&["https,http"], false),
            (&["https", "http"], false),
            (&["httpsx"], false),
        ] {
            assert_eq!(over_https(values), expected, "{values:?}");
        }
    }

    #[test]
    fn every_header_is_kept_as_a_text() {
        let request = TestRequest::default()
            .append_header(("x-request-id", "r-1"))
            .append_header(("x-client-version", "1.0"))
            .append_header(("authorization", "Bearer a"))
            .append_header(("authorization", "Bearer ä"))
            .to_http_request();
        let headers = Headers::of(request.head());
        assert_eq!(headers.request_id.map(HeaderValue::as_bytes), Some(b"r-1".as_slice()));
        assert_eq!(headers.client_version, Some("1.0"));
        let credentials: Vec<_> = headers
            .texts
            .iter()
            .filter(|(name, _)| *name == "authorization")
            .map(|(_, text)| *text)
            .collect();
        assert_eq!((headers.texts.len(), credentials), (4, vec!["Bearer a", ""]));
    }
}
