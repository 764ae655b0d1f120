//! The client against a server that plays a script.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::*;

/// What the server does with one connection.
enum Turn {
    /// Status, further headers, body.
    Answer(u16, &'static str, &'static str),
    /// The beginning of a chunked body, and no more.
    BreakOff(&'static str),
    /// Reads the request and hangs up.
    HangUp,
}

/// A request as the server saw it: its head in lower case and its body.
struct Seen {
    head: String,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

/// Plays the turns, one a connection, on a port of its own.
fn play(turns: Vec<Turn>) -> (Client, JoinHandle<Vec<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for turn in turns {
            let (mut stream, _) = listener.accept().unwrap();
            seen.push(read_request(&mut BufReader::new(&stream)));
            let reply = match turn {
                Turn::Answer(status, headers, body) => {
                    let length = body.len();
                    format!(
                        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
                    )
                }
                Turn::BreakOff(start) => {
                    let length = start.len();
                    format!("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{start}\r\n")
                }
                Turn::HangUp => String::new(),
            };
            stream.write_all(reply.as_bytes()).unwrap();
        }
        seen
    });
    let client = Client { first_pause: Duration::ZERO, ..Client::new(&url, Some(" tok \n")).unwrap() };
    (client, server)
}

fn read_request(reader: &mut impl std::io::BufRead) -> Seen {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line.to_lowercase());
    }
    let mut seen = Seen { head, body: String::new() };
    let length = seen.header("content-length").map_or(0, |text| text.trim().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    seen.body = String::from_utf8(body).unwrap();
    seen
}

const REFUSED: &str =
    r#"{"title":"T","detail":"the key has expired","code":"key_expired","request_id":"r1"}"#;

#[test]
fn a_post_is_repeated_with_the_same_key_until_it_is_answered() {
    let (client, server) =
        play(vec![Turn::HangUp, Turn::Answer(503, "", ""), Turn::Answer(201, "", r#"{"b":1,"a":2.0}"#)]);
    let answer = client.post("/v1/tenants", &json!({"name": "A"})).unwrap();
    assert_eq!(answer.raw(), r#"{"b":1,"a":2.0}"#);
    let seen = server.join().unwrap();
    let keys: Vec<_> = seen.iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(seen.iter().all(|request| request.body == r#"{"name":"A"}"#));
    assert_eq!(seen[0].header("authorization"), Some("bearer tok"));
    assert!(seen[0].head.starts_with("post /v1/tenants http/1.1"));
}

#[test]
fn three_tries_and_no_more() {
    let (client, server) =
        play(vec![Turn::Answer(503, "", ""), Turn::Answer(503, "", ""), Turn::Answer(503, "", REFUSED)]);
    let error = client.post("/v1/x", &json!({})).unwrap_err();
    assert_eq!(error.to_string(), "the key has expired [key_expired, request r1]");
    assert_eq!(server.join().unwrap().len(), 3);
}

#[test]
fn a_patch_is_sent_once() {
    let (client, server) = play(vec![Turn::Answer(503, "", "")]);
    let error = client.patch("/v1/x", &json!({"name": "B"})).unwrap_err();
    assert!(matches!(error, ClientError::Unexplained { status: 503, .. }), "{error}");
    let seen = server.join().unwrap();
    assert!(seen[0].head.starts_with("patch "));
    assert_eq!(seen[0].header("idempotency-key"), None);
}

#[test]
fn a_refusal_is_final_and_says_why() {
    let (client, server) =
        play(vec![Turn::Answer(409, "content-type: application/problem+json\r\n", REFUSED)]);
    let error = client.post("/v1/x", &json!({})).unwrap_err();
    assert_eq!(error.to_string(), "the key has expired [key_expired, request r1]");
    assert_eq!(server.join().unwrap().len(), 1);
}

#[test]
fn a_server_without_the_management_api_is_named_as_such() {
    const ABSENT: &str = r#"{"detail":"there is no such thing","code":"not_found"}"#;
    const UNKNOWN: &str = r#"{"detail":"the credential is missing","code":"unauthorized"}"#;
    for (second, says) in [((404, ABSENT), "is no API node"), ((401, UNKNOWN), "there is no tenant T")] {
        let (client, server) =
            play(vec![Turn::Answer(404, "", ABSENT), Turn::Answer(second.0, "", second.1)]);
        let said = client.get("/v1/tenants/T/keys", &Query::default()).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
        let seen = server.join().unwrap();
        assert!(seen[1].head.starts_with("get /v1/tenants http/1.1"), "{}", seen[1].head);
        assert_eq!(seen[1].header("authorization"), None, "a stranger gets the credential once");
    }
}

#[test]
fn who_gave_no_token_is_told_so() {
    const UNKNOWN: &str = r#"{"detail":"the credential is missing","code":"unauthorized"}"#;
    let (client, server) = play(vec![Turn::Answer(401, "", UNKNOWN)]);
    let client = Client { authorization: None, ..client };
    let said = client.get("/v1/tenants", &Query::default()).unwrap_err().to_string();
    assert!(said.starts_with("no credential is given: set NEXUS_TOKEN"), "{said}");
    assert_eq!(server.join().unwrap()[0].header("authorization"), None);
}

#[test]
fn nobody_there_leads_to_nexus_dev() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = Client {
        first_pause: Duration::ZERO,
        ..Client::new(&format!("http://127.0.0.1:{port}"), None).unwrap()
    };
    let said = client.get("/v1/tenants", &Query::default()).unwrap_err().to_string();
    assert!(said.contains("nexus dev") && said.contains("NEXUS_URL"), "{said}");
}

/// Plays what servers of another protocol say, a connection each.
fn play_bytes(scheme: &str, answers: &'static [&'static [u8]]) -> (Client, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream.write_all(answer).unwrap();
        }
    });
    let client = Client { first_pause: Duration::ZERO, ..Client::new(&url, Some("tok")).unwrap() };
    (client, server)
}

/// An alert of TLS 1.2: the handshake failed.
const ALERT: &[u8] = b"\x15\x03\x03\x00\x02\x02\x28";

#[test]
fn a_server_without_tls_is_named_as_such() {
    let (client, server) = play_bytes("https", &[b"HTTP/1.1 400 Bad Request\r\n\r\n"]);
    let said = client.get("/v1/tenants", &Query::default()).unwrap_err().to_string();
    assert!(said.ends_with("speaks plain HTTP; write http:// in place of https://"), "{said}");
    server.join().unwrap();
}

#[test]
fn a_server_of_tls_is_named_as_such_whatever_it_says_to_plain_http() {
    const REFUSAL: &[u8] =
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    for answers in [[ALERT, ALERT].as_slice(), &[REFUSAL, ALERT], &[b"", b"", b"", ALERT]] {
        let (client, server) = play_bytes("http", answers);
        let said = client.get("/v1/tenants", &Query::default()).unwrap_err().to_string();
        assert!(said.ends_with("speaks TLS; write https:// in place of http://"), "{said}");
        server.join().unwrap();
    }
    let (client, server) = play_bytes("http", &[REFUSAL, REFUSAL]);
    let error = client.get("/v1/tenants", &Query::default()).unwrap_err();
    assert!(matches!(error, ClientError::Unexplained { status: 400, .. }), "{error}");
    server.join().unwrap();
}

#[test]
fn a_redirect_does_not_carry_the_credential_away() {
    let (client, server) = play(vec![Turn::Answer(302, "location: http://127.0.0.1:1/\r\n", "")]);
    let error = client.get("/v1/x", &Query::default()).unwrap_err();
    assert!(matches!(error, ClientError::Redirected { .. }), "{error}");
    assert_eq!(server.join().unwrap().len(), 1);
}

#[test]
fn what_is_no_json_is_named_as_such() {
    let (client, server) = play(vec![Turn::Answer(200, "", "<html>")]);
    let error = client.get("/v1/x", &Query::default()).unwrap().parse::<Value>(&client).unwrap_err();
    assert!(matches!(error, ClientError::Unreadable { .. }), "{error}");
    server.join().unwrap();
}

#[test]
fn lists_follow_the_cursor_and_stop_where_enough_is() {
    let turns = || {
        vec![
            Turn::Answer(200, "", r#"{"data":[{"z":1,"a":1.0},{"n":2}],"next_cursor":"c d"}"#),
            Turn::Answer(200, "", r#"{"data":[{"n":3}],"next_cursor":null}"#),
        ]
    };
    let (client, server) = play(turns());
    let mut query = Query::default();
    query.add("status", Some("all"));
    query.add("q", None::<&str>);
    let rows = client.list("/v1/x", &query, usize::MAX).unwrap();
    assert_eq!(rows.values().count(), 3);
    assert_eq!(rows.json(), r#"{"data":[{"z":1,"a":1.0},{"n":2},{"n":3}],"next_cursor":null}"#);
    let seen = server.join().unwrap();
    assert!(seen[0].head.starts_with("get /v1/x?status=all&limit=200 "), "{}", seen[0].head);
    assert!(seen[1].head.starts_with("get /v1/x?status=all&limit=200&cursor=c%20d "), "{}", seen[1].head);

    let (client, server) = play(turns().into_iter().take(1).collect());
    let rows = client.list("/v1/x", &Query::default(), 2).unwrap();
    assert_eq!(rows.next_cursor.as_deref(), Some("c d"));
    assert!(server.join().unwrap()[0].head.starts_with("get /v1/x?limit=2 "));
}

#[test]
fn a_stream_that_breaks_off_is_an_error() {
    let (client, server) = play(vec![Turn::BreakOff("a,b\n")]);
    let mut text = String::new();
    let result =
        client.download("/v1/audit", &Query::default(), "text/csv").unwrap().read_to_string(&mut text);
    assert_eq!(text, "a,b\n");
    assert!(result.is_err());
    let seen = server.join().unwrap();
    assert_eq!(seen[0].header("accept"), Some("text/csv"));
}

#[test]
fn tokens_that_cannot_be_sent_are_refused_without_repeating_them() {
    let error = Client::new("http://x", Some("se\ncret")).err().unwrap().to_string();
    assert!(error.contains("NEXUS_TOKEN") && !error.contains("cret"), "{error}");
    assert!(Client::new("http://x", Some(" ")).unwrap().authorization.is_none());
}

#[test]
fn no_proxy_stands_before_this_machine() {
    for own in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:8080/x"] {
        assert!(is_loopback(own), "{own}");
    }
    assert!(!is_loopback("https://auth.example"));
}
