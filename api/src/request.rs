//! What every request goes through: an id, a line in the log, metrics, problem details.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, web};
use ipnet::IpNet;

use crate::pages::Failure;
use crate::problem::{self, Problem};
use crate::verification::Verifier;
use crate::verification::hot::Moment;

/// The header that carries the request's id, in and out.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a request may take until its answer begins, a slowly sent body included.
pub(crate) const ANSWERED_WITHIN: Duration = Duration::from_secs(35);
const LONGEST_REQUEST_ID: usize = 128;

/// The id of a request: the caller's where it is printable ASCII of at most 128 bytes, else ours.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ascii(&self.0).unwrap_or_default()
    }

    /// The id as the header's value.
    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }

    /// The id of a request that came through [`trace`].
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(Self::none)
    }

    /// The caller's id, where it will do.
    pub(crate) fn given(value: Option<&HeaderValue>) -> Option<Self> {
        let will_do = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=LONGEST_REQUEST_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        value.filter(will_do).cloned().map(Self)
    }

    /// An id of this instant.
    pub(crate) fn made(verifier: &Verifier, unix_micros: i64) -> Self {
        let mut text = [0u8; uuid::fmt::Hyphenated::LENGTH];
        let id = verifier.entropy.uuid_v7_at(unix_micros);
        let value = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text));
        value.map_or_else(|_| Self::none(), Self)
    }

    const fn none() -> Self {
        Self(HeaderValue::from_static("none"))
    }
}

/// A header's value as text, unless it is not ASCII. The server lets no control characters in but tabs, so they are not looked
/// for once more, byte by byte.
pub(crate) fn ascii(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok().filter(|text| text.is_ascii())
}

/// Gives every request an id, turns failures into problem details, and puts a line into the log. `HEAD` is answered as `GET`
/// is; the server leaves the body out (RFC 9110 section 9.3.2).
///
/// # Errors
/// Those of the layers around the routes; a handler's failure is a response by then.
pub async fn trace(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let verifier = request.app_data::<web::Data<Verifier>>().cloned();
    let verifier = verifier.ok_or_else(|| Problem::internal("no verifier"))?;
    let began = Moment::now(&verifier);
    let given = RequestId::given(request.headers().get(&REQUEST_ID));
    let id = given.unwrap_or_else(|| RequestId::made(&verifier, began.unix_micros));
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    if method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    // No clone of the request may live across the call: the router needs it for itself alone.
    let Ok(answered) = tokio::time::timeout(ANSWERED_WITHIN, next.call(request)).await else {
        let problem = too_slow(&id);
        let mut response = problem.response(id.as_str());
        response.headers_mut().insert(REQUEST_ID, id.0.clone());
        return Err(InternalError::from_response(problem, response).into());
    };
    let mut response = answered?.map_into_boxed_body();
    if method == Method::HEAD && response.response().body().size() == BodySize::Stream {
        // The server would run an export to its end to write nothing of it, whoever has long gone.
        response = response.map_body(|_, _| BoxBody::new(()));
    }
    if response.status().is_client_error() || response.status().is_server_error() {
        response = explain(response, &id);
    }
    response.headers_mut().insert(REQUEST_ID, id.0.clone());
    record(&response, &method, &id, verifier.clock.monotonic().saturating_sub(began.monotonic));
    Ok(response)
}

/// A request that was not complete within [`ANSWERED_WITHIN`].
pub(crate) fn too_slow(id: &RequestId) -> Problem {
    tracing::warn!(request_id = id.as_str(), "a request was not complete within 35 seconds");
    metrics::counter!("nexus_http_request_timeouts_total").increment(1);
    Problem::new(&problem::REQUEST_TIMEOUT, "the request was not complete within 35 seconds")
}

/// A problem as its response; the log is told the cause.
pub(crate) fn told(problem: &Problem, id: &RequestId) -> HttpResponse {
    if let Some(cause) = problem.cause() {
        tracing::error!(request_id = id.as_str(), code = problem.kind().code, cause, "request failed");
    }
    problem.response(id.as_str())
}

/// Failures without a body of ours become problem details: what actix refuses by itself, and
/// problems that do not know the request's id yet.
fn explain(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let Some(error) = response.response().error() else {
        return response;
    };
    if let Some(failure) = error.as_error::<Failure>() {
        if let Some(problem) = failure.problem() {
            let _logged = told(problem, id);
        }
        let rendered = failure.response(id.as_str());
        return response.into_response(rendered);
    }
    let rendered = match error.as_error::<Problem>() {
        Some(problem) => told(problem, id),
        None => told(&refused_by_actix(error, response.status().as_u16()), id),
    };
    response.into_response(rendered)
}

/// What actix refuses by itself, in our words.
pub(crate) fn refused_by_actix(error: &Error, status: u16) -> Problem {
    let kind = match status {
        404 => &problem::NOT_FOUND,
        405 => &problem::METHOD_NOT_ALLOWED,
        413 => &problem::TOO_LARGE,
        415 => &problem::UNSUPPORTED_MEDIA_TYPE,
        400..=499 => &problem::INVALID_REQUEST,
        _ => return Problem::internal(error),
    };
    Problem::new(kind, error.to_string())
}

fn record(response: &ServiceResponse<BoxBody>, method: &Method, id: &RequestId, took: Duration) {
    let request = response.request();
    let status = response.status().as_u16();
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let class = STATUS_CLASSES.get(status_class(status)).copied().unwrap_or_default();
    metrics::histogram!(DURATION, "route" => route, "status" => class).record(took);
    tracing::info!(request_id = id.as_str(), %method, path = request.path(), status, micros, "request");
}

/// The histogram of how long requests take, by route and class of status.
pub(crate) const DURATION: &str = "nexus_http_request_duration_seconds";
/// Classes of status, as the histogram names them.
pub(crate) const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The place of a status in [`STATUS_CLASSES`].
pub(crate) const fn status_class(status: u16) -> usize {
    match status {
        200..=299 => 0,
        300..=399 => 1,
        400..=499 => 2,
        _ => 3,
    }
}

/// The caller's address: the peer's, unless the peer is a trusted proxy. Then the last address in
/// `X-Forwarded-For` that is not one: what stands before it may be forged by the caller.
/// `forwarded` are the values of those headers, in their order.
pub(crate) fn client_ip(head: &RequestHead, forwarded: &[&[u8]], trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = head.peer_addr?.ip().to_canonical();
    if !is_trusted(peer, trusted) {
        return Some(peer);
    }
    let mut nearest = peer;
    for hop in forwarded.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b',')) {
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

/// Whether forwarding headers of the request's peer are believed.
#[must_use]
pub fn from_trusted_proxy(head: &RequestHead, trusted: &[IpNet]) -> bool {
    head.peer_addr.is_some_and(|peer| is_trusted(peer.ip().to_canonical(), trusted))
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::verification::hot::Headers;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for value in forwarded {
            request = request.append_header(("x-forwarded-for", *value));
        }
        let request = request.to_http_request();
        let forwarded = Headers::of(request.head()).forwarded_for;
        let seen = client_ip(request.head(), &forwarded, &["10.0.0.0/8".parse().unwrap()]);
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
