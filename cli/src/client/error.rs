//! Why a request gave no answer that can be used.

use super::problem::Problem;

/// A request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens there.
    #[error("no server answers at {url}: start one with `nexus dev`, or set NEXUS_URL to where it is")]
    NotRunning {
        /// The server's address.
        url: String,
    },
    /// The network, the name or the encryption failed.
    #[error("cannot speak with {url}; check NEXUS_URL and the network")]
    Unreachable {
        /// The server's address.
        url: String,
        /// The reason.
        #[source]
        source: ureq::Error,
    },
    /// The address begins with https, and the server answers without TLS.
    #[error("the server at {url} speaks plain HTTP; write http:// in place of https://")]
    SpeaksPlainHttp {
        /// The server's address.
        url: String,
    },
    /// The address begins with http, and the server answers with TLS alone.
    #[error("the server at {url} speaks TLS; write https:// in place of http://")]
    SpeaksTls {
        /// The server's address.
        url: String,
    },
    /// The server took too long.
    #[error("{url} did not answer in time; whether the request was carried out is not known")]
    TimedOut {
        /// The server's address.
        url: String,
    },
    /// The server refused and said why.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The request carried no credential.
    #[error(
        "no credential is given: set NEXUS_TOKEN to a management credential; `nexus dev` prints one, and `nexus admin credential` makes one"
    )]
    NoToken,
    /// A Nexus server answers there, and has none of the addresses that were asked for.
    #[error(
        "{url} is no API node: NEXUS_URL names a validating node, which answers questions alone, or has a path too much"
    )]
    NoApiNode {
        /// The server's address.
        url: String,
    },
    /// The server refused without a problem document.
    #[error("{url} answered {status} without saying why; is it a Nexus server?")]
    Unexplained {
        /// The server's address.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// Requests are not sent elsewhere: they carry a credential.
    #[error("{url} sends requests on to another address; set NEXUS_URL to that one")]
    Redirected {
        /// The server's address.
        url: String,
    },
    /// The answer is no JSON, or of another shape.
    #[error("{url} answered something else than the JSON of a Nexus server")]
    Unreadable {
        /// The server's address.
        url: String,
        /// Where it breaks.
        #[source]
        source: serde_json::Error,
    },
    /// The token holds characters that cannot be sent. The text never repeats it.
    #[error("the token in NEXUS_TOKEN or --token holds characters that no credential has; copy it again")]
    UnusableToken,
    /// The system's random numbers failed.
    #[error("the system gives no random numbers")]
    NoRandomness,
}
