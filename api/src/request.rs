//! What every request goes through: an id, a line in the log, metrics, problem details.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use ipnet::IpNet;
use metrics::Histogram;

use crate::app::App;
use crate::problem::{self, Problem};

/// The header that carries the request's id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a request may take until its answer begins, a slowly sent body included.
const ANSWERED_WITHIN: Duration = Duration::from_secs(35);
const LONGEST_REQUEST_ID: usize = 128;

/// The id of a request: the caller's where it is printable ASCII of at most 128 bytes, else ours.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id of a request that came through [`trace`].
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(|| Self(HeaderValue::from_static("none")))
    }

    fn take_or_make(request: &ServiceRequest) -> Self {
        let given = request.headers().get(&REQUEST_ID).filter(|value| {
            let bytes = value.as_bytes();
            (1..=LONGEST_REQUEST_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        });
        let made = || {
            let app = request.app_data::<web::Data<App>>()?;
            let id = app.gate.entropy().uuid_v7(app.gate.clock().now());
            let mut text = [0u8; uuid::fmt::Hyphenated::LENGTH];
            HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).ok()
        };
        Self(given.cloned().or_else(made).unwrap_or_else(|| HeaderValue::from_static("none")))
    }
}

/// Gives every request an id, turns failures into problem details, and puts a line into the log.
///
/// # Errors
/// Those of the layers around the routes; a handler's failure is a response by then.
pub async fn trace(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = RequestId::take_or_make(&request);
    request.extensions_mut().insert(id.clone());
    let clock = request.app_data::<web::Data<App>>().map(|app| app.gate.clock().clone());
    let began = clock.as_ref().map(|clock| clock.monotonic());
    let hot = HotRoute::of(request.path());
    // No clone of the request may live across the call: the router needs it for itself alone. Forward auth has nothing to
    // wait for, and so no need of a timer.
    let answered = match hot {
        Some(HotRoute::ForwardAuth) => Ok(next.call(request).await),
        Some(HotRoute::Verify) | None => tokio::time::timeout(ANSWERED_WITHIN, next.call(request)).await,
    };
    let Ok(answered) = answered else {
        tracing::warn!(request_id = id.as_str(), "a request was not complete within 35 seconds");
        metrics::counter!("nexus_http_request_timeouts_total").increment(1);
        let problem =
            Problem::new(&problem::REQUEST_TIMEOUT, "the request was not complete within 35 seconds");
        let mut response = problem.response(id.as_str());
        response.headers_mut().insert(REQUEST_ID, id.0.clone());
        return Err(InternalError::from_response(problem, response).into());
    };
    let mut response = answered?.map_into_boxed_body();
    if response.status().is_client_error() || response.status().is_server_error() {
        response = explain(response, &id);
    }
    response.headers_mut().insert(REQUEST_ID, id.0.clone());
    let took =
        clock.zip(began).map_or(Duration::ZERO, |(clock, began)| clock.monotonic().saturating_sub(began));
    record(&response, &id, took, hot);
    Ok(response)
}

/// Verification is asked thousands of times a second: it goes into the usage journal one by one,
/// and into the log at debug level alone.
#[derive(Debug, Clone, Copy)]
enum HotRoute {
    Verify,
    ForwardAuth,
}

impl HotRoute {
    fn of(path: &str) -> Option<Self> {
        if path == "/v1/verify" {
            Some(Self::Verify)
        } else if path.starts_with("/v1/forward-auth/") {
            Some(Self::ForwardAuth)
        } else {
            None
        }
    }
}

const DURATION: &str = "nexus_http_request_duration_seconds";

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

/// Failures without a body of ours become problem details: what actix refuses by itself, and
/// problems that do not know the request's id yet.
fn explain(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error() else {
        return response;
    };
    let rendered = if let Some(problem) = error.as_error::<Problem>() {
        if let Some(cause) = problem.cause() {
            tracing::error!(request_id = id.as_str(), code = problem.kind().code, cause, "request failed");
        }
        problem.response(id.as_str())
    } else {
        let detail = error.to_string();
        let kind = match response.status().as_u16() {
            404 => &problem::NOT_FOUND,
            405 => &problem::METHOD_NOT_ALLOWED,
            413 => &problem::TOO_LARGE,
            415 => &problem::UNSUPPORTED_MEDIA_TYPE,
            400..=499 => &problem::INVALID_REQUEST,
            _ => &problem::INTERNAL,
        };
        let detail = if kind.status == 500 {
            "the server failed; its log has the cause under this request id".to_owned()
        } else {
            detail
        };
        Problem::new(kind, detail).response(id.as_str())
    };
    response.into_response(rendered)
}

fn record(response: &ServiceResponse<BoxBody>, id: &RequestId, took: Duration, hot: Option<HotRoute>) {
    let request = response.request();
    let status = response.status().as_u16();
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if let Some(route) = hot {
        if let Some(app) = request.app_data::<web::Data<App>>() {
            app.hot_durations.record(route, status, took);
        }
        tracing::debug!(request_id = id.as_str(), method = %request.method(), path = request.path(), status, micros, "request");
    } else {
        let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
        let class = STATUS_CLASSES.get(status_class(status)).copied().unwrap_or_default();
        metrics::histogram!(DURATION, "route" => route, "status" => class).record(took);
        tracing::info!(request_id = id.as_str(), method = %request.method(), path = request.path(), status, micros, "request");
    }
}

const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The place of a status in [`STATUS_CLASSES`].
const fn status_class(status: u16) -> usize {
    match status {
        200..=299 => 0,
        300..=399 => 1,
        400..=499 => 2,
        _ => 3,
    }
}

/// The caller's address: the peer's, unless the peer is a trusted proxy. Then the last address in
/// `X-Forwarded-For` that is not one: what stands before it may be forged by the caller.
#[must_use]
pub fn client_ip(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    if !is_trusted(peer, trusted) {
        return Some(peer);
    }
    let mut nearest = peer;
    let values: Vec<&[u8]> = request
        .headers()
        .get_all("x-forwarded-for")
        .map(actix_web::http::header::HeaderValue::as_bytes)
        .collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b',')) {
        // An unreadable hop hides who is behind it: nobody's address is better than the proxy's own.
        nearest = hop_address(hop)?;
        if !is_trusted(nearest, trusted) {
            break;
        }
    }
    Some(nearest)
}

/// An address in `X-Forwarded-For`; some proxies write the port behind it.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed.unwrap_or(text).parse::<IpAddr>().ok();
    address
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .map(|address| address.to_canonical())
}

/// The headers as texts. A value that is not ASCII is seen as an empty one, and so refused as malformed where it matters.
#[must_use]
pub fn header_texts(request: &HttpRequest) -> Vec<(&str, &str)> {
    request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
        .collect()
}

/// Whether forwarding headers of the request's peer are believed.
#[must_use]
pub fn from_trusted_proxy(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    request.peer_addr().is_some_and(|peer| is_trusted(peer.ip().to_canonical(), trusted))
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for value in forwarded {
            request = request.append_header(("x-forwarded-for", *value));
        }
        let seen = client_ip(&request.to_http_request(), &["10.0.0.0/8".parse().unwrap()]);
        seen.map_or("unknown".to_owned(), |address| address.to_string())
    }

    #[test]
    fn forwarding_headers_count_from_trusted_proxies_alone() {
        assert_eq!(seen("192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(seen("10.1.1.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.1.1.1", &["198.51.100.7, 203.0.113.9, 10.2.2.2"]), "203.0.113.9");
        assert_eq!(seen("10.1.1.1", &["198.51.100.7", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.1.1.1", &[]), "10.1.1.1");
        assert_eq!(seen("10.1.1.1", &["forged, 10.2.2.2"]), "unknown");
        assert_eq!(seen("10.1.1.1", &["forged, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.1.1.1", &["ä, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.1.1.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(seen("10.1.1.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(seen("10.1.1.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(seen("10.1.1.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("[::ffff:10.1.1.1]", &["203.0.113.9"]), "203.0.113.9");
    }
}
