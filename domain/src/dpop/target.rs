//! Whether two addresses are of the same target (RFC 9449 section 4.3, RFC 3986 sections 6.2.2 and 6.2.3).

/// Whether both are of the same target: without query and fragment, and however they are spelt. Nothing but addresses of HTTP is of
/// any.
#[must_use]
pub fn same_target(one: &str, other: &str) -> bool {
    normal(one).is_some_and(|one| normal(other) == Some(one))
}

/// Scheme, authority and path, each in its normal form.
fn normal(address: &str) -> Option<(String, String, String)> {
    let address = address.split(['?', '#']).next()?;
    let (scheme, rest) = address.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    // Whoever names itself in an address means another place than it seems.
    if authority.is_empty() || authority.contains('@') || !address.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return None;
    }
    let authority = authority.to_ascii_lowercase();
    let authority =
        authority.strip_suffix(default).or_else(|| authority.strip_suffix(':')).unwrap_or(&authority);
    Some((scheme, authority.to_owned(), without_dots(&decoded(path)?)))
}

/// With escapes of unreserved characters decoded, and the others in upper case. Nothing where an escape is none.
fn decoded(path: &str) -> Option<String> {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, escaped)) = rest.split_once('%') {
        let digits =
            escaped.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        normal.push_str(before);
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&format!("%{byte:02X}"));
        }
        rest = escaped.get(2..)?;
    }
    normal.push_str(rest);
    Some(normal)
}

/// Without segments that lead nowhere (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or_default().split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_count_and_all_else_does() {
        let here = "https://api.example/v1/users";
        for same in [
            here,
            "HTTPS://API.Example/v1/users",
            "https://api.example:443/v1/users",
            "https://api.example:/v1/users",
            "https://api.example/v1/users?page=2#top",
            "https://api.example/v1/./x/../users",
            "https://api.example/v1/%75sers",
        ] {
            assert!(same_target(here, same), "{same}");
        }
        for other in [
            "",
            "https://",
            "/v1/users",
            "http://api.example/v1/users",
            "https://api.example:8443/v1/users",
            "https://api.example/v1/users/",
            "https://api.example/v1/Users",
            "https://api.example.evil.example/v1/users",
            "https://evil@api.example/v1/users",
            "https://api.example/v1%2Fusers",
            "https://api.example/v1/use%7",
            "https://api.example/v1/use%+1rs",
            "https://api.example/v1/ users",
            "ftp://api.example/v1/users",
        ] {
            assert!(!same_target(here, other), "{other}");
        }
        assert!(same_target("http://a.example", "http://a.example:80/"));
        assert!(same_target("http://a.example/%2f", "http://a.example/%2F"));
        assert!(same_target("http://a.example/a/..", "http://a.example/"));
        assert!(!same_target("nothing", "nothing"), "what is no address is of no target");
    }
}
