//! The control stream over a WebSocket (RFC 6455), with TLS where the address says `https`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};
use zeroize::Zeroizing;

use super::link::{Dial, Frame, Link, LinkError};
use super::message::LONGEST_FRAME;

/// The most bytes that are read at once. Each read fills as many with zeros first, and most messages have a few hundred.
const READ_AT_ONCE: usize = 8 << 10;

/// Where the stream is on an API node.
pub const PATH: &str = "/v1/nodes/stream";

/// How to reach the API nodes.
#[derive(Clone, Default)]
pub struct WebSocketOptions {
    /// Their addresses, `http://` or `https://`, at least one.
    pub urls: Vec<String>,
    /// The node's credential.
    pub credential: String,
    /// Certificates to trust instead of the public ones: a PEM file.
    pub ca: Option<PathBuf>,
    /// The node's own certificate and key for mutual TLS: PEM files.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// The options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebSocketOptionsError {
    /// There is no API node.
    #[error("no API node is named")]
    Nobody,
    /// The credential cannot stand in a header.
    #[error("the credential has characters that no credential has")]
    Credential,
    /// A file cannot be used.
    #[error("{} cannot be used for TLS: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// Dials over WebSockets.
pub struct WebSocketDial {
    urls: Vec<String>,
    authorization: HeaderValue,
    tls: Arc<ClientConfig>,
}

impl WebSocketDial {
    /// # Errors
    /// [`WebSocketOptionsError`]
    pub fn new(options: WebSocketOptions) -> Result<Self, WebSocketOptionsError> {
        if options.urls.is_empty() {
            return Err(WebSocketOptionsError::Nobody);
        }
        let bearer = Zeroizing::new(format!("Bearer {}", options.credential));
        let mut authorization =
            HeaderValue::from_str(&bearer).map_err(|_| WebSocketOptionsError::Credential)?;
        authorization.set_sensitive(true);
        let tls = Arc::new(tls(options.ca, options.certificate)?);
        Ok(Self { urls: options.urls, authorization, tls })
    }
}

fn tls(
    ca: Option<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
) -> Result<ClientConfig, WebSocketOptionsError> {
    let unusable = |path: &PathBuf, reason: String| WebSocketOptionsError::Tls { path: path.clone(), reason };
    let read = |path: &PathBuf| {
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable(path, error.to_string()))?;
        // Whoever trusts nobody would be told that of each API node instead, for ever.
        if certificates.is_empty() {
            return Err(unusable(path, "it holds no certificate".to_owned()));
        }
        Ok(certificates)
    };
    let mut roots = rustls::RootCertStore::empty();
    match &ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for root in read(path)? {
                roots.add(root).map_err(|error| unusable(path, error.to_string()))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| WebSocketOptionsError::Tls { path: PathBuf::new(), reason: error.to_string() })?
        .with_root_certificates(roots);
    match certificate {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let chain = read(&certificate)?;
            let private =
                PrivateKeyDer::from_pem_file(&key).map_err(|error| unusable(&key, error.to_string()))?;
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|error| unusable(&certificate, error.to_string()))
        }
    }
}

impl Dial for WebSocketDial {
    type Link = WebSocketLink;

    fn count(&self) -> usize {
        self.urls.len()
    }

    fn name(&self, api: usize) -> String {
        self.urls.get(api).cloned().unwrap_or_default()
    }

    async fn dial(&self, api: usize) -> Result<WebSocketLink, LinkError> {
        let url = self.name(api);
        // `http` becomes `ws` and `https` becomes `wss`.
        let address = format!("{}{PATH}", url.replacen("http", "ws", 1));
        let mut request =
            address.into_client_request().map_err(|error| LinkError::Unreachable(error.to_string()))?;
        request.headers_mut().insert("authorization", self.authorization.clone());
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_AT_ONCE)
            .max_message_size(Some(LONGEST_FRAME))
            .max_frame_size(Some(LONGEST_FRAME));
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        let connected = connect_async_tls_with_config(request, Some(config), true, Some(connector)).await;
        let (stream, _) = connected.map_err(|error| match error {
            Error::Http(response) => {
                let status = response.status().as_u16();
                LinkError::Refused { status, advice: advice(status) }
            }
            error if speaks_no_tls(&error) => {
                LinkError::Unreachable("it does not speak TLS; is its address http://?".to_owned())
            }
            error => LinkError::Unreachable(error.to_string()),
        })?;
        Ok(WebSocketLink { stream })
    }
}

/// Whether what came back where TLS began was nothing of TLS (RFC 8446 section 5.1): most likely plain HTTP.
fn speaks_no_tls(error: &Error) -> bool {
    let Error::Io(error) = error else { return false };
    let told = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(told, Some(rustls::Error::InvalidMessage(_)))
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "the credential is not valid (any more); make one with `nexus nodes create`",
        403 => {
            "the credential is not one of a node, or may not be used from here, or a certificate must be shown besides; make one with `nexus nodes create`, or set `control.certificate`"
        }
        404 => "nothing is there; check `control.urls`",
        503 => "it has as many streams as it may, or cannot answer just now; another API node may",
        _ => "check `control.urls`, and the API node's log",
    }
}

/// A stream over a WebSocket.
pub struct WebSocketLink {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(200);

impl Link for WebSocketLink {
    async fn send(&mut self, frame: Frame) -> Result<(), LinkError> {
        let message = match frame {
            Frame::Text(text) => Message::Text(text.into()),
            Frame::Bytes(bytes) => Message::Binary(Bytes::from(bytes)),
        };
        self.stream.send(message).await.map_err(lost)
    }

    async fn receive(&mut self) -> Result<Frame, LinkError> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Frame::Text(text.as_str().to_owned())),
                Some(Ok(Message::Binary(bytes))) => return Ok(Frame::Bytes(bytes.to_vec())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) | None => {
                    let _late = tokio::time::timeout(GOODBYE, self.stream.close(None)).await;
                    return Err(LinkError::Lost("the API node closed it".to_owned()));
                }
                Some(Err(error)) => return Err(lost(error)),
            }
        }
    }
}

fn lost(error: Error) -> LinkError {
    LinkError::Lost(error.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_api_node_that_speaks_plain_http_is_told_from_one_that_is_not_there() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let urls = vec![format!("https://{}", listener.local_addr().unwrap())];
        let dial = WebSocketDial::new(WebSocketOptions { urls, ..WebSocketOptions::default() }).unwrap();
        let answers = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            stream
        };
        let (dialled, _stream) = tokio::join!(dial.dial(0), answers);
        let said = dialled.err().unwrap().to_string();
        assert!(said.contains("does not speak TLS") && said.contains("http://"), "{said}");
    }
}
