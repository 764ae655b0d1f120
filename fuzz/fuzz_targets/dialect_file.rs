//! Dialect files: each is a dialect that is whole and takes the keys that it makes, or is refused with a line of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_domain::credential::{RANDOM_BYTES, Secret};
use nexus_domain::dialect::{Dialect, Form, KeyType};
use nexus_domain::verification::Code;

const TENANT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fuzz_target!(|text: &str| {
    let dialect = match Dialect::parse("fuzzed.toml", text) {
        Ok(dialect) => dialect,
        Err(invalid) => {
            assert!((1..=text.matches('\n').count() + 1).contains(&invalid.line), "{invalid}");
            assert!(!invalid.reason.is_empty() && !invalid.reason.contains('\n'), "{invalid:?}");
            return;
        }
    };
    for code in Code::ALL.into_iter().filter(|code| *code != Code::Valid) {
        assert!((400..=599).contains(&dialect.refusals.answer(code).status));
    }
    assert_eq!(dialect.refusals.answer(Code::Malformed), dialect.refusals.answer(Code::Unknown));
    assert!(dialect.default_environment().is_some());
    for environment in &dialect.environments {
        for key_type in [KeyType::Secret, KeyType::Publishable] {
            takes_what_it_makes(&dialect, key_type, &environment.name);
        }
    }
});

fn takes_what_it_makes(dialect: &Dialect, key_type: KeyType, environment: &str) {
    let environment = dialect.environment(environment).expect("an environment of the dialect");
    let Some(prefix) = dialect.prefix_for(key_type, environment) else { return };
    let secret = match prefix.form {
        Form::Opaque => Secret::mint(&prefix.text, &[5; RANDOM_BYTES]),
        Form::Jwt => Secret::signed(&prefix.text, "e30.e30.c2ln"),
    };
    let secret = secret.expose();
    let value = match &dialect.presentation.scheme {
        Some(scheme) => format!("{scheme} {secret}"),
        None => secret.to_owned(),
    };
    let mut headers = vec![(dialect.presentation.header.as_str(), value.as_str())];
    if let Some(header) = &dialect.presentation.tenant_header {
        headers.push((header.name.as_str(), TENANT));
    }
    let presented = dialect.extract(headers.into_iter()).map(|presented| presented.secret);
    assert_eq!(presented, Ok(secret), "{prefix:?} {:?}", dialect.presentation);
}
