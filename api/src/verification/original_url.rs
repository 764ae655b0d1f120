//! The address of the request that a gateway asks about, which proofs of possession name (RFC 9449 section 4.3).

use super::hot::{HotRequest, Stated};

/// Scheme, host and path as a trusted proxy tells them; of each thing that it does not say, what its own request says. Nothing where
/// the path is none. The query stays out: proofs do not name it, and it is nobody's business.
pub(super) fn original_url(hot: &HotRequest<'_>, path: &str) -> Option<String> {
    let path = path.split('?').next().filter(|path| path.starts_with('/'))?;
    let over_https = match hot.headers.forwarded_proto {
        Stated::Once(_) | Stated::Contradicted => hot.headers.forwarded_over_https(),
        Stated::Not => hot.is_over_tls(),
    };
    let host = host(hot)?;
    let scheme = if over_https { "https" } else { "http" };
    Some(format!("{scheme}://{host}{path}"))
}

fn host<'r>(hot: &'r HotRequest<'_>) -> Option<&'r str> {
    let all = |wanted: &'static str| {
        let named = hot.headers.texts.iter().filter(move |(name, _)| *name == wanted);
        named.map(|(_, value)| *value)
    };
    let mut forwarded = all("x-forwarded-host");
    match (forwarded.next(), forwarded.next()) {
        // One of several would be a guess.
        (Some(_), Some(_)) => return None,
        (Some(host), None) => return Some(host).filter(|host| !host.contains(',')),
        (None, _) => {}
    }
    all("host").next().or_else(|| hot.head.uri.authority().map(|authority| authority.as_str()))
}
