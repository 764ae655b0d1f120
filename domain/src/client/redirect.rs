//! Redirect URIs: where an authorization code may be sent (RFC 6749 section 3.1.2, RFC 9700 section 2.1, RFC 8252).

/// The longest redirect URI, in bytes.
pub const LONGEST_REDIRECT: usize = 2000;

/// A code must not be sent there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirect {
    /// Not an absolute URI in ASCII.
    #[error("is no absolute URI; write it like https://app.example/callback, percent-encoded where need be")]
    NotAbsolute,
    /// Longer than [`LONGEST_REDIRECT`].
    #[error("is longer than 2000 bytes; shorten it")]
    TooLong,
    /// With a fragment, which redirect URIs must not have.
    #[error("has a fragment; leave out `#` and what follows")]
    Fragment,
    /// Plain HTTP to another machine.
    #[error("uses plain HTTP; use https, or http on 127.0.0.1, [::1] or localhost while developing")]
    Insecure,
    /// A scheme that a browser would run, or that is nobody's own.
    #[error(
        "has a scheme that is not allowed; use https, or for a native app a scheme of your own domain such as com.example.app:/callback"
    )]
    Scheme,
    /// A user name or password before the host.
    #[error("names a user before the host; leave out everything up to `@`")]
    UserInfo,
    /// A wildcard.
    #[error("holds `*`, and redirect URIs are compared byte for byte; register each one")]
    Wildcard,
}

/// Checks a redirect URI when it is registered.
///
/// # Errors
/// [`InvalidRedirect`]
pub fn check_redirect(uri: &str) -> Result<(), InvalidRedirect> {
    if uri.len() > LONGEST_REDIRECT {
        return Err(InvalidRedirect::TooLong);
    }
    // What RFC 3986 does not let stand unencoded, backslash and quotes first of all: browsers read some of them as others.
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    if !uri.bytes().all(allowed) {
        return Err(InvalidRedirect::NotAbsolute);
    }
    if uri.contains('#') {
        return Err(InvalidRedirect::Fragment);
    }
    if uri.contains('*') {
        return Err(InvalidRedirect::Wildcard);
    }
    let (scheme, rest) = uri.split_once(':').ok_or(InvalidRedirect::NotAbsolute)?;
    match scheme {
        "https" => host(rest).map(drop),
        "http" => match host(rest)? {
            "127.0.0.1" | "[::1]" | "localhost" => Ok(()),
            _ => Err(InvalidRedirect::Insecure),
        },
        // RFC 8252 section 7.1: a reversed domain name, which has a dot, is whoever's the domain is.
        own if own.contains('.')
            && own.starts_with(|c: char| c.is_ascii_lowercase())
            && own.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b))
            && rest.starts_with('/') =>
        {
            if authority(rest).contains('@') {
                Err(InvalidRedirect::UserInfo)
            } else {
                Ok(())
            }
        }
        _ => Err(InvalidRedirect::Scheme),
    }
}

/// What stands between two slashes and the path (RFC 3986 section 3.2), behind the scheme; nothing where there is none.
fn authority(rest: &str) -> &str {
    rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default()
}

/// The host of what stands behind `https:`.
fn host(rest: &str) -> Result<&str, InvalidRedirect> {
    let authority = authority(rest);
    if authority.is_empty() {
        return Err(InvalidRedirect::NotAbsolute);
    }
    if authority.contains('@') {
        return Err(InvalidRedirect::UserInfo);
    }
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or(InvalidRedirect::NotAbsolute)?;
        authority.split_at(end + 1)
    } else {
        authority.split_at(authority.find(':').unwrap_or(authority.len()))
    };
    let port_is_one = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    if host.is_empty() || !port_is_one { Err(InvalidRedirect::NotAbsolute) } else { Ok(host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_to_https_to_the_own_machine_and_to_native_apps_alone() {
        for good in [
            "https://app.example/callback",
            "https://app.example:8443/callback?tenant=1&a=%20b",
            "http://127.0.0.1:49152/cb",
            "http://[::1]:3000/cb",
            "http://localhost/cb",
            "com.example.app:/callback",
            "com.example.app://callback",
        ] {
            assert_eq!(check_redirect(good), Ok(()), "{good}");
        }
        for (wrong, why) in [
            ("", InvalidRedirect::NotAbsolute),
            ("/callback", InvalidRedirect::NotAbsolute),
            ("//app.example/callback", InvalidRedirect::NotAbsolute),
            ("https:app.example", InvalidRedirect::NotAbsolute),
            ("https://", InvalidRedirect::NotAbsolute),
            ("https://app.example:port/", InvalidRedirect::NotAbsolute),
            ("https://app.example/a b", InvalidRedirect::NotAbsolute),
            ("https://app.example\\@evil.example/", InvalidRedirect::NotAbsolute),
            ("https://app.example/\r\nset-cookie:a", InvalidRedirect::NotAbsolute),
            ("https://äpp.example/", InvalidRedirect::NotAbsolute),
            ("https://app.example/#a", InvalidRedirect::Fragment),
            ("https://*.app.example/", InvalidRedirect::Wildcard),
            ("https://app.example@evil.example/", InvalidRedirect::UserInfo),
            ("com.example.app://app.example@evil.example/", InvalidRedirect::UserInfo),
            ("http://app.example/", InvalidRedirect::Insecure),
            ("http://127.0.0.1.evil.example/", InvalidRedirect::Insecure),
            ("http://localhost.evil.example/", InvalidRedirect::Insecure),
            ("javascript:alert(1)", InvalidRedirect::Scheme),
            ("data:text/html,x", InvalidRedirect::Scheme),
            ("myapp:/callback", InvalidRedirect::Scheme),
            ("HTTPS://app.example/", InvalidRedirect::Scheme),
        ] {
            assert_eq!(check_redirect(wrong), Err(why), "{wrong}");
        }
        assert_eq!(check_redirect(&format!("https://a/{}", "a".repeat(2000))), Err(InvalidRedirect::TooLong));
    }
}
