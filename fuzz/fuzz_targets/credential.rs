//! Credentials as callers write them: whatever comes is answered, what is accepted is whole and in the dialect's form, and what was
//! minted is accepted and read as what it is.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use nexus_domain::credential::{self, LONGEST_SECRET, RANDOM_BYTES, Secret};
use nexus_domain::dialect::{Dialects, built_in};
use nexus_domain::jwt::LONGEST_TOKEN;
use nexus_fuzz::headers_of;

static DIALECTS: LazyLock<Dialects> = LazyLock::new(built_in);

fuzz_target!(|text: &str| {
    let headers = headers_of(text);
    for dialect in DIALECTS.iter() {
        for found in [dialect.extract(headers.iter().copied()), dialect.parse_credential(text)] {
            let presented = match found {
                Ok(presented) => presented,
                Err(refused) => {
                    assert!(!refused.detail.is_empty());
                    continue;
                }
            };
            let secret = presented.secret;
            assert!(text.contains(secret));
            let prefix = dialect.prefix_of(secret).expect("a prefix of the dialect");
            match presented.token {
                None => {
                    assert!(
                        secret.len() <= LONGEST_SECRET && credential::is_well_formed(secret, &prefix.text)
                    );
                }
                Some(token) => {
                    assert_eq!(secret, format!("{}{token}", prefix.text));
                    assert!(secret.len() <= LONGEST_TOKEN && token.split('.').all(|part| !part.is_empty()));
                }
            }
        }
    }
    let Some(random) = text.as_bytes().first_chunk::<RANDOM_BYTES>() else { return };
    for prefix in DIALECTS.iter().flat_map(|dialect| &dialect.prefixes) {
        let minted = Secret::mint(&prefix.text, random);
        let dialect = DIALECTS.of_secret(minted.expose()).expect("a dialect has the prefix");
        assert!(credential::is_well_formed(minted.expose(), &prefix.text));
        assert_eq!(dialect.prefix_of(minted.expose()), Some(prefix));
    }
});
