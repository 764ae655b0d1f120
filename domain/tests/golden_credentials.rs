//! Cases that the SDKs run as well: which texts are well-formed secrets, and which signatures of webhooks are good.

#![cfg(test)]

use std::path::PathBuf;

use nexus_domain::credential::{Secret, is_well_formed};
use nexus_domain::webhook_signature::{SignatureFault, TOLERANCE_SECONDS, sign, verify};
use serde::Deserialize;

#[derive(Deserialize)]
struct Credentials {
    well_formed: Vec<WellFormed>,
    ill_formed: Vec<IllFormed>,
}

#[derive(Deserialize)]
struct WellFormed {
    name: String,
    prefix: String,
    random: String,
    text: String,
}

#[derive(Deserialize)]
struct IllFormed {
    name: String,
    prefix: String,
    text: String,
}

#[derive(Deserialize)]
struct Webhooks {
    signed: Vec<Signed>,
    accepted: Vec<Accepted>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Signed {
    name: String,
    payload: String,
    secrets: Vec<String>,
    timestamp: u64,
    header: String,
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
    payload: String,
    header: String,
    secret: String,
    now: i64,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(flatten)]
    case: Accepted,
    fault: String,
}

fn golden<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn verdict(case: &Accepted) -> Result<(), SignatureFault> {
    verify(case.payload.as_bytes(), &case.header, &case.secret, TOLERANCE_SECONDS, case.now)
}

#[test]
fn secrets_are_minted_and_told_from_typing_errors_as_the_cases_say() {
    let cases: Credentials = golden("credentials.json");
    assert!(cases.well_formed.len() >= 10 && cases.ill_formed.len() >= 20);
    for case in cases.well_formed {
        let random: Vec<u8> = (0..case.random.len() / 2)
            .map(|at| u8::from_str_radix(&case.random[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let secret = Secret::mint(&case.prefix, &random.try_into().unwrap());
        assert_eq!(secret.expose(), case.text, "{}", case.name);
        assert!(is_well_formed(&case.text, &case.prefix), "{}", case.name);
    }
    for case in cases.ill_formed {
        assert!(!is_well_formed(&case.text, &case.prefix), "{}", case.name);
    }
}

#[test]
fn webhooks_are_signed_and_judged_as_the_cases_say() {
    let cases: Webhooks = golden("webhooks.json");
    assert!(cases.signed.len() >= 3 && cases.accepted.len() >= 10 && cases.refused.len() >= 20);
    for case in cases.signed {
        let secrets: Vec<&str> = case.secrets.iter().map(String::as_str).collect();
        assert_eq!(sign(case.payload.as_bytes(), &secrets, case.timestamp), case.header, "{}", case.name);
    }
    for case in cases.accepted {
        assert_eq!(verdict(&case), Ok(()), "{}", case.name);
    }
    for Refused { case, fault } in cases.refused {
        let expected = match fault.as_str() {
            "missing" => SignatureFault::Missing,
            "malformed" => SignatureFault::Malformed,
            "mismatch" => SignatureFault::Mismatch,
            "too_old" => SignatureFault::TooOld,
            "too_new" => SignatureFault::TooNew,
            other => panic!("{}: no fault is named {other}", case.name),
        };
        assert_eq!(verdict(&case), Err(expected), "{}", case.name);
    }
}
