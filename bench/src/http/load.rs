//! A client for load: connections that are kept, each with one request under way, all on one thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Failure;
use crate::rate::Counter;

/// Requests that connections send in turn, each beginning with another one.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    requests: Arc<[Vec<u8>]>,
}

/// What a server did under load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Answers in all, also before and after those that count for the rate.
    pub(crate) total: u64,
}

impl Load {
    pub(crate) fn new(requests: Vec<Vec<u8>>) -> Self {
        Self { requests: requests.into() }
    }

    /// Puts load on a server. Every answer must be a 200.
    pub(crate) async fn run(
        &self,
        address: SocketAddr,
        connections: u32,
        span: Duration,
    ) -> Result<Served, Failure> {
        let load = self.clone();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(load.on_this_thread(address, connections, span))
        };
        tokio::task::spawn_blocking(work).await?
    }

    async fn on_this_thread(
        self,
        address: SocketAddr,
        connections: u32,
        span: Duration,
    ) -> Result<Served, Failure> {
        let counter = Counter::default();
        let mut running: JoinSet<Result<(), Failure>> = JoinSet::new();
        for number in 0..connections {
            let mut connection = Connection::open(address).await?;
            let (requests, counter) = (Arc::clone(&self.requests), counter.clone());
            running.spawn(async move {
                for request in requests.iter().cycle().skip(number as usize) {
                    if !counter.goes_on() {
                        break;
                    }
                    let answer = connection.exchange(request).await?;
                    if answer.status != 200 {
                        let text = String::from_utf8_lossy(answer.body).into_owned();
                        return Err(format!("answered {}: {text}", answer.status).into());
                    }
                    counter.one();
                }
                Ok(())
            });
        }
        // A client that slept would have to be woken, by the server's system calls and at the server's cost.
        let awake = tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        let rate = counter.watch(span).await;
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        awake.abort();
        Ok(Served { rate, total: counter.total() })
    }
}

/// An answer, in the connection's buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// The headers, names and values.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let head = std::str::from_utf8(self.head).unwrap_or_default();
        head.lines().skip(1).filter_map(|line| line.split_once(": "))
    }

    /// The answer at the beginning of `bytes`, once all of it is there.
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, rest) = bytes.split_at_checked(end + 4)?;
        let digits = head.get(9..12)?;
        let status = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit.wrapping_sub(b'0')));
        let mut length = 0;
        for line in head.split(|byte| *byte == b'\n') {
            if let Some((name, value)) = line.split_at_checked(15)
                && name.eq_ignore_ascii_case(b"content-length:")
            {
                length = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
            }
        }
        Some(Self { status, head, body: rest.get(..length)? })
    }
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        while Answer::parse(&self.buffer).is_none() {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
        Answer::parse(&self.buffer).ok_or_else(|| "the answer was lost".into())
    }

    /// The last answer again.
    pub(crate) fn answer(&self) -> Option<Answer<'_>> {
        Answer::parse(&self.buffer)
    }
}

/// A request as a gateway writes it. A body is JSON unless the headers say otherwise.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: nexus.example\r\nuser-agent: nexus-bench\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            text.push_str("content-type: application/json\r\n");
        }
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_not_there() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-a: b\r\n\r\nokHTTP";
        let answer = Answer::parse(bytes).unwrap();
        assert_eq!((answer.status, answer.body), (200, b"ok".as_slice()));
        assert_eq!(answer.headers().collect::<Vec<_>>(), [("Content-Length", "2"), ("x-a", "b")]);
        assert!(Answer::parse(&bytes[..47]).is_none() && Answer::parse(&bytes[..20]).is_none());
    }
}
