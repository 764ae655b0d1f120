//! Which failures are worth another try, and after how long.

use std::io::ErrorKind;
use std::time::Duration;

use ureq::http::{Response, StatusCode};
use ureq::{Body, Timeout};

/// How often a request is sent at the most.
pub(super) const TRIES: u32 = 3;
/// The pause before the second try; each further one is twice as long.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest time that a server's `Retry-After` is heeded.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The pause after try number `tried`, or `None` where another one would not help: the outcome is final, or there were
/// [`TRIES`]. Only failures of the connection and 503 are repeated.
pub(super) fn pause(
    outcome: &Result<Response<Body>, ureq::Error>,
    tried: u32,
    first: Duration,
) -> Option<Duration> {
    if tried >= TRIES {
        return None;
    }
    let backoff = first.saturating_mul(1 << tried.saturating_sub(1));
    match outcome {
        Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
            Some(retry_after(response).map_or(backoff, |asked| asked.clamp(backoff, LONGEST_PAUSE)))
        }
        Ok(_) => None,
        Err(error) => connection_failed(error).then_some(backoff),
    }
}

fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn connection_failed(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::ConnectionFailed | ureq::Error::Timeout(Timeout::Connect) => true,
        ureq::Error::Io(io) => matches!(
            io.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::NotConnected
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(200);

    fn answer(status: u16, retry_after: Option<&str>) -> Result<Response<Body>, ureq::Error> {
        let mut response = Response::builder().status(status);
        if let Some(seconds) = retry_after {
            response = response.header("retry-after", seconds);
        }
        Ok(response.body(Body::builder().data("")).unwrap())
    }

    #[test]
    fn pauses_double_and_end() {
        let refused = || Err(ureq::Error::Io(ErrorKind::ConnectionRefused.into()));
        assert_eq!(pause(&refused(), 1, FIRST), Some(FIRST));
        assert_eq!(pause(&refused(), 2, FIRST), Some(FIRST * 2));
        assert_eq!(pause(&refused(), 3, FIRST), None);
    }

    #[test]
    fn a_server_says_how_long_within_reason() {
        assert_eq!(pause(&answer(503, None), 1, FIRST), Some(FIRST));
        assert_eq!(pause(&answer(503, Some("1")), 1, FIRST), Some(Duration::from_secs(1)));
        assert_eq!(pause(&answer(503, Some("3600")), 1, FIRST), Some(LONGEST_PAUSE));
        assert_eq!(pause(&answer(503, Some("soon")), 1, FIRST), Some(FIRST));
    }

    #[test]
    fn other_outcomes_are_final() {
        for status in [200, 400, 401, 409, 429, 500, 502] {
            assert_eq!(pause(&answer(status, Some("1")), 1, FIRST), None, "{status}");
        }
        assert_eq!(pause(&Err(ureq::Error::HostNotFound), 1, FIRST), None);
    }
}
