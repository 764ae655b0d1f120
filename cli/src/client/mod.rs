//! The REST interface of a server, as the commands use it: one request, one answer or one reason why not.
//!
//! Every POST carries an idempotency key, and reads, POSTs and DELETEs are sent again where the connection failed or the server
//! was not available for a moment. A PATCH has no such key and is sent once.

mod error;
mod idempotency;
mod pages;
mod problem;
mod retry;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{HeaderValue, Response, Uri};
use ureq::{Agent, Body, Proxy};

pub(crate) use self::error::ClientError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A revocation answers when the nodes have confirmed it or their leases have lapsed.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest JSON answer, in bytes. Exports are streamed and have no bound.
const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;
const JSON: &str = "application/json";

/// A server to ask.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    authorization: Option<HeaderValue>,
    first_pause: Duration,
}

/// The names and values of a query string.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

/// A successful answer in the server's own words.
#[derive(Debug)]
pub(crate) struct Answer(String);

/// A request that can be sent more than once.
struct Outgoing<'a> {
    path: &'a str,
    query: &'a Query,
    accept: &'a str,
    body: Option<Write>,
}

/// What a request that writes has besides.
struct Write {
    json: String,
    how: How,
}

/// How something is written.
enum How {
    /// `POST`, with a key that makes it safe to repeat.
    Post(String),
    /// `PATCH`, which is sent once.
    Patch,
    /// `DELETE`, which can be repeated as it is.
    Delete,
}

impl Query {
    /// Adds a value, where there is one.
    pub(crate) fn add(&mut self, name: &'static str, value: Option<impl ToString>) {
        self.0.extend(value.map(|value| (name, value.to_string())));
    }
}

impl Answer {
    /// The answer as it was sent.
    pub(crate) fn raw(&self) -> &str {
        &self.0
    }

    /// The answer, parsed; `from` is who gave it.
    ///
    /// # Errors
    /// [`ClientError::Unreadable`]
    pub(crate) fn parse<T: DeserializeOwned>(&self, from: &Client) -> Result<T, ClientError> {
        serde_json::from_str(&self.0)
            .map_err(|source| ClientError::Unreadable { url: from.url.clone(), source })
    }
}

impl Client {
    /// A client for the server at `url`, which has no slash at its end. A token of white space alone is none.
    ///
    /// # Errors
    /// [`ClientError::UnusableToken`]
    pub(crate) fn new(url: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let authorization = match token.map(str::trim) {
            Some(token) if !token.is_empty() => {
                let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
                    .map_err(|_| ClientError::UnusableToken)?;
                header.set_sensitive(true);
                Some(header)
            }
            Some(_) | None => None,
        };
        let config = Agent::config_builder()
            .user_agent(concat!("nexus/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(if is_loopback(url) { None } else { Proxy::try_from_env() })
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_per_read(Some(ANSWER_TIMEOUT))
            .timeout_per_write(Some(ANSWER_TIMEOUT))
            .build();
        Ok(Self {
            agent: config.new_agent(),
            url: url.to_owned(),
            authorization,
            first_pause: retry::FIRST_PAUSE,
        })
    }

    /// Reads.
    ///
    /// # Errors
    /// [`ClientError`]
    pub(crate) fn get(&self, path: &str, query: &Query) -> Result<Answer, ClientError> {
        self.ask(&Outgoing { path, query, accept: JSON, body: None })
    }

    /// Acts, at most once, however often the request has to be sent.
    ///
    /// # Errors
    /// [`ClientError`]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        let write = Write { json: body.to_string(), how: How::Post(idempotency::fresh()?) };
        self.ask(&Outgoing { path, query: &Query::default(), accept: JSON, body: Some(write) })
    }

    /// Changes.
    ///
    /// # Errors
    /// [`ClientError`]
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Answer, ClientError> {
        let write = Write { json: body.to_string(), how: How::Patch };
        self.ask(&Outgoing { path, query: &Query::default(), accept: JSON, body: Some(write) })
    }

    /// Removes. What was removed before is no error to the server.
    ///
    /// # Errors
    /// [`ClientError`]
    pub(crate) fn delete(&self, path: &str) -> Result<Answer, ClientError> {
        let write = Write { json: String::new(), how: How::Delete };
        self.ask(&Outgoing { path, query: &Query::default(), accept: JSON, body: Some(write) })
    }

    /// Reads a stream of another type than JSON, of any length.
    ///
    /// # Errors
    /// [`ClientError`], before the first byte.
    pub(crate) fn download(
        &self,
        path: &str,
        query: &Query,
        accept: &str,
    ) -> Result<impl io::Read + use<>, ClientError> {
        let response = self.send(&Outgoing { path, query, accept, body: None })?;
        Ok(response.into_body().into_with_config().limit(u64::MAX).reader())
    }

    fn ask(&self, outgoing: &Outgoing<'_>) -> Result<Answer, ClientError> {
        let mut response = self.send(outgoing)?;
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string();
        body.map(Answer).map_err(|error| self.failed(error))
    }

    /// Sends until there is a success or a failure that stays.
    fn send(&self, outgoing: &Outgoing<'_>) -> Result<Response<Body>, ClientError> {
        let repeatable = outgoing.body.as_ref().is_none_or(|write| !matches!(write.how, How::Patch));
        let mut tried = 1;
        loop {
            let outcome = self.attempt(outgoing);
            match retry::pause(&outcome, tried, self.first_pause) {
                Some(pause) if repeatable => std::thread::sleep(pause),
                Some(_) | None => return self.judge(outgoing.path, outcome),
            }
            tried += 1;
        }
    }

    fn attempt(&self, outgoing: &Outgoing<'_>) -> Result<Response<Body>, ureq::Error> {
        let address = format!("{}{}", self.url, outgoing.path);
        let pairs = || outgoing.query.0.iter().map(|(name, value)| (*name, value.as_str()));
        let Some(write) = &outgoing.body else {
            let mut request = self.agent.get(&address).query_pairs(pairs()).header(ACCEPT, outgoing.accept);
            if let Some(authorization) = &self.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            return request.call();
        };
        let mut request = match &write.how {
            How::Post(key) => self.agent.post(&address).header("idempotency-key", key),
            How::Patch => self.agent.patch(&address),
            How::Delete => {
                let mut request = self.agent.delete(&address).header(ACCEPT, outgoing.accept);
                if let Some(authorization) = &self.authorization {
                    request = request.header(AUTHORIZATION, authorization);
                }
                return request.call();
            }
        };
        request = request.query_pairs(pairs()).header(ACCEPT, outgoing.accept).header(CONTENT_TYPE, JSON);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.send(write.json.as_str())
    }

    fn judge(
        &self,
        path: &str,
        outcome: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, ClientError> {
        let mut response = outcome.map_err(|error| self.failed(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = self.url.clone();
        if status.is_redirection() {
            return Err(ClientError::Redirected { url });
        }
        let status = status.as_u16();
        let body =
            response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string().unwrap_or_default();
        Err(match problem::Problem::parse(status, path, &body) {
            Some(_) if status == 401 && self.authorization.is_none() => ClientError::NoToken,
            Some(_) if status == 404 && !self.is_api_node() => ClientError::NoApiNode { url },
            Some(problem) => ClientError::Refused(Box::new(problem)),
            // What servers of TLS say to plain HTTP, where they say anything.
            None if status == 400 && self.speaks_tls() => ClientError::SpeaksTls { url },
            None => ClientError::Unexplained { url, status },
        })
    }

    fn failed(&self, error: ureq::Error) -> ClientError {
        let url = self.url.clone();
        match error {
            error if is_not_tls(&error) => ClientError::SpeaksPlainHttp { url },
            ureq::Error::Protocol(_) if self.speaks_tls() => ClientError::SpeaksTls { url },
            ureq::Error::Io(io) if hung_up(&io) && self.speaks_tls() => ClientError::SpeaksTls { url },
            ureq::Error::Io(io) if io.kind() == io::ErrorKind::ConnectionRefused => {
                ClientError::NotRunning { url }
            }
            ureq::Error::ConnectionFailed => ClientError::NotRunning { url },
            ureq::Error::Timeout(_) => ClientError::TimedOut { url },
            source => ClientError::Unreachable { url, source },
        }
    }

    /// Whether there is a management API: its address of tenants is asked for without the credential, and refused for that. An
    /// absent object and an address that the server does not have look the same from outside.
    fn is_api_node(&self) -> bool {
        let request = self.agent.get(format!("{}/v1/tenants", self.url));
        let answer = request.config().timeout_global(Some(CONNECT_TIMEOUT)).build().call();
        answer.map_or(true, |answer| answer.status().as_u16() != 404)
    }

    /// Whether the server of an `http` address is one of TLS, asked without the credential. A certificate that is not
    /// trusted here is proof enough.
    fn speaks_tls(&self) -> bool {
        let Some(rest) = self.url.strip_prefix("http://") else {
            return false;
        };
        let request = self.agent.get(format!("https://{rest}/healthz"));
        match request.config().timeout_global(Some(CONNECT_TIMEOUT)).build().call() {
            Ok(_) => true,
            Err(error) => tls_failure(&error).is_some() && !is_not_tls(&error),
        }
    }
}

/// Why TLS failed, where it did.
fn tls_failure(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(failure) => Some(failure),
        ureq::Error::Io(io) => io.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// Whether what the server said is no TLS at all.
fn is_not_tls(error: &ureq::Error) -> bool {
    matches!(tls_failure(error), Some(rustls::Error::InvalidMessage(_)))
}

/// Whether the server ended the connection in place of an answer.
fn hung_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// Whether an address is this machine's own, where no proxy belongs in between.
fn is_loopback(url: &str) -> bool {
    let uri: Uri = url.parse().unwrap_or_default();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
