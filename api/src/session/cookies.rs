//! The cookies of members: the session's, the one by which a browser without a session sends forms, and the one by which a
//! browser is known in which somebody signed in before.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_domain::credential::Digest;
use nexus_domain::ids::SessionId;
use nexus_infrastructure::gate::Gate;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::app::App;

const SESSION: &str = "nexus_session";
const VISITOR: &str = "nexus_visitor";
const DEVICE: &str = "nexus_device";
/// What browsers take from this host alone, over TLS alone, and for no other path (RFC 6265bis section 4.1.3.2).
const PREFIX: &str = "__Host-";
/// Random bytes of a session's secret.
const SECRET_BYTES: usize = 32;
/// Random bytes of the other two.
const RANDOM_BYTES: usize = 16;
/// How long a browser is known in which somebody signed in.
const KNOWN_FOR: Duration = Duration::days(180);

/// The secret of a session in clear, base64url of 256 random bits.
pub(crate) struct SessionSecret(Zeroizing<String>);

impl SessionSecret {
    pub(crate) fn draw(gate: &Gate) -> Self {
        let random = Zeroizing::new(gate.entropy().array::<SECRET_BYTES>());
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice())))
    }

    /// All that is stored of it.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

/// What a browser with a session shows.
pub(crate) struct SessionCookie {
    pub(crate) session_id: SessionId,
    pub(crate) secret: SessionSecret,
}

impl SessionCookie {
    pub(crate) fn digest(&self) -> Digest {
        self.secret.digest()
    }

    fn text(&self, tag: &str) -> String {
        format!("{}.{}.{tag}", self.session_id, *self.secret.0)
    }

    /// What a cookie holds, where it was made here: it ends in the tag of what it holds. One that does not costs no look-up.
    fn parse(text: &str, tag_of: impl Fn(SessionId, &SessionSecret) -> String) -> Option<Self> {
        let (shown, tag) = text.rsplit_once('.')?;
        let (id, secret) = shown.split_once('.')?;
        let session_id = id.parse().ok()?;
        let secret = SessionSecret(Zeroizing::new(secret.to_owned()));
        let made_here = tag_of(session_id, &secret).as_bytes().ct_eq(tag.as_bytes());
        bool::from(made_here).then_some(Self { session_id, secret })
    }
}

/// Reads and writes the cookies, as the way on which browsers reach this server allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    /// Whether browsers reach it over TLS. Over plain HTTP they take no cookie that demands it.
    secure: bool,
}

impl Cookies {
    pub(crate) fn of(app: &App) -> Self {
        Self { secure: Way::of(&app.public_url) != Way::Loopback }
    }

    /// The session that a browser says it has.
    pub(crate) fn session(self, request: &HttpRequest, gate: &Gate) -> Option<SessionCookie> {
        let cookie = request.cookie(&self.name(SESSION))?;
        SessionCookie::parse(cookie.value(), |id, secret| session_tag(gate, id, secret))
    }

    pub(crate) fn with_session(self, cookie: &SessionCookie, gate: &Gate) -> Cookie<'static> {
        let value = cookie.text(&session_tag(gate, cookie.session_id, &cookie.secret));
        // Without an end: browsers forget it with the window, and the server before.
        self.bare(SESSION, value)
    }

    pub(crate) fn without_session(self) -> Cookie<'static> {
        let mut cookie = self.bare(SESSION, String::new());
        cookie.make_removal();
        cookie
    }

    /// By what a browser without a session is told from others, where it has that already.
    pub(crate) fn visitor(self, request: &HttpRequest) -> Option<String> {
        let cookie = request.cookie(&self.name(VISITOR))?;
        let is_one = URL_SAFE_NO_PAD.decode(cookie.value()).is_ok_and(|bytes| bytes.len() == RANDOM_BYTES);
        is_one.then(|| cookie.value().to_owned())
    }

    pub(crate) fn with_visitor(self, visitor: &str) -> Cookie<'static> {
        self.bare(VISITOR, visitor.to_owned())
    }

    /// Whether somebody signed in to this account in this browser before.
    pub(crate) fn knows_account(self, request: &HttpRequest, gate: &Gate, account: &str) -> bool {
        let Some(cookie) = request.cookie(&self.name(DEVICE)) else { return false };
        let Some((id, tag)) = cookie.value().split_once('.') else { return false };
        bool::from(device_tag(gate, id, account).as_bytes().ct_eq(tag.as_bytes()))
    }

    /// That somebody signed in to this account in this browser. It gives no access to anything.
    pub(crate) fn with_device(self, gate: &Gate, account: &str) -> Cookie<'static> {
        let id = random_id(gate);
        let value = format!("{id}.{}", device_tag(gate, &id, account));
        let mut cookie = self.bare(DEVICE, value);
        cookie.set_max_age(KNOWN_FOR);
        cookie
    }

    fn name(self, name: &str) -> String {
        if self.secure { format!("{PREFIX}{name}") } else { name.to_owned() }
    }

    fn bare(self, name: &str, value: String) -> Cookie<'static> {
        // Lax: a link or a redirect from elsewhere leads to a page with the session, and a form from elsewhere does not.
        let cookie = Cookie::build(self.name(name), value).path("/").http_only(true).same_site(SameSite::Lax);
        cookie.secure(self.secure).finish()
    }
}

/// A random text for a browser.
pub(crate) fn random_id(gate: &Gate) -> String {
    URL_SAFE_NO_PAD.encode(gate.entropy().array::<RANDOM_BYTES>())
}

fn device_tag(gate: &Gate, id: &str, account: &str) -> String {
    gate.keyed_hash("known browser", format!("{id}\0{account}").as_bytes())
}

/// What only this server can put behind a session's cookie. It opens nothing: the secret is compared with the log all the same.
fn session_tag(gate: &Gate, session: SessionId, secret: &SessionSecret) -> String {
    gate.keyed_hash("session cookie", format!("{session}\0{}", secret.digest()).as_bytes())
}

/// How browsers reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over TLS.
    Tls,
    /// Over plain HTTP, on the same machine.
    Loopback,
    /// Over plain HTTP, through a network, where everybody on the way could take the session.
    Plain,
}

impl Way {
    /// By the address that the configuration says.
    pub(crate) fn of(public_url: &str) -> Self {
        let Some(rest) = public_url.strip_prefix("http://") else { return Self::Tls };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
        };
        let is_local = host.parse::<std::net::IpAddr>().map_or_else(
            |_| host == "localhost" || host.ends_with(".localhost"),
            |address| address.is_loopback(),
        );
        if is_local { Self::Loopback } else { Self::Plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_without_tls() {
        for (url, way) in [
            ("https://auth.example", Way::Tls),
            ("https://127.0.0.1:8443", Way::Tls),
            ("http://127.0.0.1:8080", Way::Loopback),
            ("http://localhost", Way::Loopback),
            ("http://nexus.localhost:8080/x", Way::Loopback),
            ("http://[::1]:8080", Way::Loopback),
            ("http://auth.example", Way::Plain),
            ("http://localhost.evil.example", Way::Plain),
            ("http://192.0.2.1:8080", Way::Plain),
            ("http://[2001:db8::1]:8080", Way::Plain),
        ] {
            assert_eq!(Way::of(url), way, "{url}");
        }
    }

    #[test]
    fn a_session_s_cookie_is_for_the_server_alone() {
        let cookie = SessionCookie {
            session_id: SessionId::new(uuid::Uuid::from_u128(7)),
            secret: SessionSecret(Zeroizing::new("abc".to_owned())),
        };
        let secure = Cookies { secure: true }.bare(SESSION, cookie.text("tag")).to_string();
        assert!(secure.starts_with("__Host-nexus_session=ses_"), "{secure}");
        for attribute in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(secure.contains(attribute), "{attribute} in {secure}");
        }
        assert!(!secure.contains("Domain") && !secure.contains("Max-Age"), "{secure}");
        let plain = Cookies { secure: false }.bare(SESSION, cookie.text("tag")).to_string();
        assert!(plain.starts_with("nexus_session=ses_") && !plain.contains("Secure"), "{plain}");
        let value = plain.split(['=', ';']).nth(1).unwrap();
        let tag = |_: SessionId, _: &SessionSecret| "tag".to_owned();
        let read = SessionCookie::parse(value, tag).unwrap();
        assert_eq!((read.session_id, read.digest()), (cookie.session_id, Digest::of("abc")));
        assert!(SessionCookie::parse(value, |_, _| "other".to_owned()).is_none(), "not made here");
        let untagged = value.strip_suffix(".tag").unwrap();
        for wrong in [
            "",
            ".",
            "..tag",
            "ses_1.abc.tag",
            "abc",
            "key_00000000000000000000000000000007.abc.tag",
            untagged,
        ] {
            assert!(SessionCookie::parse(wrong, tag).is_none(), "{wrong}");
        }
    }
}
