//! Tokens, those that nobody here signed among them: an accepted one was signed with the key that it names, says that it is for
//! here and is in its time, and with one character of its signature changed it is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_domain::verification::Code;
use nexus_fuzz::tokens::{ISSUER, NOW, Signer, Tokens};
use serde_json::Value;

thread_local! {
    static TOKENS: Tokens = Tokens::new();
}

fuzz_target!(|text: &str| {
    // The first line says who signs; then come a header and claims, or a whole token.
    let mut lines = text.splitn(3, '\n');
    let (who, first, second) = (lines.next(), lines.next(), lines.next());
    TOKENS.with(|tokens| match (who, first, second) {
        (Some("server"), Some(header), Some(claims)) => signed(tokens, Signer::Server, header, claims),
        (Some("service"), Some(header), Some(claims)) => signed(tokens, Signer::Service, header, claims),
        _ => assert_ne!(tokens.ask(text), Code::Valid, "nobody signed it"),
    });
});

fn signed(tokens: &Tokens, signer: Signer, header: &str, claims: &str) {
    let token = tokens.sign(signer, header, claims);
    if tokens.ask(&token) != Code::Valid {
        return;
    }
    let header: Value = serde_json::from_str(header).expect("a header that is JSON");
    let claims: Value = serde_json::from_str(claims).expect("claims that are JSON");
    holds(tokens, signer, &header, &claims);
    // Known by now, and still nobody else's.
    let signature = token.rfind('.').expect("three parts") + 1;
    for at in [signature, signature + 20] {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        assert_ne!(tokens.ask(&String::from_utf8(other).expect("ASCII")), Code::Valid);
    }
}

fn holds(tokens: &Tokens, signer: Signer, header: &Value, claims: &Value) {
    let typ = header["typ"].as_str().map(str::to_ascii_lowercase);
    let (algorithms, kid, types): (&[_], _, &[_]) = match signer {
        Signer::Server => {
            (&["EdDSA", "Ed25519"], tokens.server_kid(), &[Some("at+jwt"), Some("application/at+jwt")])
        }
        Signer::Service => (&["HS256"], tokens.service_kid(), &[None, Some("jwt"), Some("application/jwt")]),
    };
    assert!(algorithms.contains(&header["alg"].as_str().expect("an algorithm")), "{header}");
    assert_eq!(header["kid"].as_str(), Some(kid.as_str()));
    assert!(types.contains(&typ.as_deref()), "{header}");
    assert!(header.get("crit").is_none() && header.get("b64").is_none(), "{header}");
    let seconds = |name: &str| claims.get(name).map(|at| at.as_f64().expect("a number"));
    let now = NOW as f64;
    let exp = seconds("exp").expect("an end");
    assert!(exp > now - 61.0 && exp < now + 86_461.0, "{exp}");
    for begin in ["nbf", "iat"] {
        assert!(seconds(begin).is_none_or(|at| at < now + 61.0), "{claims}");
    }
    match signer {
        Signer::Server => {
            assert_eq!(claims["iss"], ISSUER);
            assert!(claims["aud"] == ISSUER || claims["aud"] == serde_json::json!([ISSUER]), "{claims}");
        }
        Signer::Service => {
            let names = |aud: &Value| {
                aud == ISSUER || aud.as_array().is_some_and(|all| all.iter().any(|one| one == ISSUER))
            };
            assert!(claims.get("aud").is_none_or(names), "{claims}");
        }
    }
}
