//! A small blocking HTTP client. Every status is an answer; only a broken connection is an error.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The longest that an answer may take unless a client is told otherwise.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A client with an address, and perhaps a bearer credential.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    within: Duration,
    /// Whose certificates servers may show; where empty, the public authorities'.
    trusted: Vec<Certificate<'static>>,
    url: String,
    headers: Vec<(String, String)>,
}

/// What a server answered.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client without a credential.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            agent: agent(ANSWER_WITHIN, &[]),
            within: ANSWER_WITHIN,
            trusted: Vec::new(),
            url: url.trim_end_matches('/').to_owned(),
            headers: Vec::new(),
        }
    }

    /// The same with a bearer credential.
    #[must_use]
    pub fn bearer(self, credential: &str) -> Self {
        self.header("authorization", &format!("Bearer {credential}"))
    }

    /// The same with one more header on every request; the same name may come several times.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, with another bound on the time of an answer.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { agent: agent(time, &self.trusted), within: time, ..self }
    }

    /// The same, for a server with a certificate of this authority, PEM.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn trusting(self, authority: &str) -> Self {
        let trusted = vec![Certificate::from_pem(authority.as_bytes()).expect("a certificate")];
        Self { agent: agent(self.within, &trusted), trusted, ..self }
    }

    /// The server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `GET`
    ///
    /// # Panics
    /// When there is no answer, as all methods without `try`.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    /// `POST` with a JSON body.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body.to_string().as_bytes()))
    }

    /// `PATCH` with a JSON body.
    #[must_use]
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, Some(body.to_string().as_bytes()))
    }

    /// Any method; a body is sent as JSON, unless the client has a `content-type` of its own.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// As [`Client::send`], where it is possible that nobody answers.
    ///
    /// # Errors
    /// A broken connection, or no answer in time.
    pub fn try_send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if body.is_some() && !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("content-type", "application/json");
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body)?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
        Ok(Answer { status, headers, body })
    }

    /// Every row of a list, page by page.
    ///
    /// # Panics
    /// When a page is refused, or a cursor comes twice.
    #[must_use]
    pub fn list(&self, path: &str, limit: u32) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut cursors: Vec<String> = Vec::new();
        loop {
            let cursor =
                cursors.last().map(|cursor| format!("&cursor={}", percent(cursor))).unwrap_or_default();
            let page = self.get(&format!("{path}{joint}limit={limit}{cursor}")).expect(200).json();
            let data = page["data"].as_array().expect("a page has data");
            assert!(data.len() <= limit as usize, "{} rows on a page of {limit}", data.len());
            rows.extend(data.iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { return rows };
            assert!(!cursors.iter().any(|seen| seen == next), "the cursor {next} comes twice");
            cursors.push(next.to_owned());
        }
    }
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The answer, if it has this status.
    ///
    /// # Panics
    /// When it has another one.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.status == status, "{status} was expected, not {self:?}");
        self
    }

    /// The `code` of a problem document; empty where it is something else.
    #[must_use]
    pub fn code(&self) -> String {
        serde_json::from_slice::<Value>(&self.body)
            .ok()
            .and_then(|body| body["code"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text())
    }
}

/// Text as it may stand in a query.
#[must_use]
pub fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

/// Sends bytes that no client library would, and reads until the server hangs up or `within` is over.
///
/// # Panics
/// When nobody listens there.
#[must_use]
pub fn raw(address: SocketAddr, bytes: &[u8], within: Duration) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(within)).unwrap();
    stream.set_write_timeout(Some(within)).unwrap();
    // A server may answer and hang up before it has read everything.
    let _written = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        answer.extend_from_slice(&piece[..read]);
    }
    answer
}

/// No connection is kept: a node that restarts, and another one on its port, would be met with a dead one.
fn agent(within: Duration, trusted: &[Certificate<'static>]) -> ureq::Agent {
    let roots = if trusted.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(trusted) };
    ureq::Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_connections(0)
        .timeout_global(Some(within))
        .proxy(None)
        .build()
        .into()
}
