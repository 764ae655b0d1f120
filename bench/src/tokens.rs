//! A verdict on an access token: one that was seen before against one on an opaque key, and one that was not against the bare
//! check of its signature by the same library. Processor time is counted.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use jsonwebtoken::crypto::{sign, verify};
use jsonwebtoken::{Algorithm as Checked, DecodingKey, EncodingKey, Header, encode};
use nexus_domain::ids::{KeyId, SigningKeyId};
use nexus_domain::jwt::{EdwardsCurve, PublicJwk};
use nexus_domain::token::{ACCESS_TOKEN, AccessClaims};
use nexus_domain::validity::{ClientEntry, Entry, VerifyingKeyEntry};
use nexus_domain::verification::Question;
use nexus_infrastructure::dialects;
use nexus_validator::Validator;
use nexus_validator::lease::{LENGTH, Lease};
use uuid::Uuid;

use crate::keys::{self, Population};
use crate::report::{Row, size};
use crate::rounds::Rounds;
use crate::sizes::Sizes;
use crate::timer::ThreadStopwatch;
use crate::{Failure, output};

/// Tokens that are asked about: few enough that nearly all have a place in the cache for themselves.
const TOKENS: u32 = 1_000;
/// How often each of them is asked about in a round.
const TURNS: u32 = 20;
const ISSUER: &str = "https://nexus.example.com";
/// The seed of the signing key, and its public half.
const SEED: [u8; 32] = [1; 32];
const PUBLIC: &str = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w";

pub(crate) async fn measure(sizes: &Sizes) -> Result<Vec<Row>, Failure> {
    let [_, keys] = sizes.keys;
    output::progress(&format!("jwt-verify: {} keys, {} tokens", size(keys), size(TOKENS)));
    let population = Population::new(keys)?;
    let tokens = tokens()?;
    let opaque = keys::presented(TOKENS);
    let opaque: Vec<&str> = keys::each(&opaque).collect();
    let table = Table::new(&population)?;
    // Each once, so that all have been seen.
    let _seen = table.time(tokens.iter().map(String::as_str), 1)?;
    let seen = Rounds::play(
        sizes.rounds,
        || async { table.time(tokens.iter().map(String::as_str), TURNS) },
        || async { table.time(opaque.iter().copied(), TURNS) },
    )
    .await?;
    let few = Population::new(100)?;
    let unseen = Rounds::play(
        sizes.rounds,
        || async { Table::new(&few)?.time(tokens.iter().map(String::as_str), 1) },
        || async { bare(&tokens) },
    )
    .await?;
    let row = |what: &str, rounds: &Rounds| Row {
        what: what.to_owned(),
        ours: format!("{:.0} ns", rounds.ours()),
        baseline: format!("{:.0} ns", rounds.baseline()),
        ratio: Some(rounds.ratio()),
        target: "≤ 1.2",
        growth: String::new(),
    };
    Ok(vec![
        row("jwt-verify: an access token that was seen, against an opaque key", &seen),
        row("jwt-verify: one that was not (Ed25519), against its signature alone", &unseen),
    ])
}

/// PKCS #8 of the signing key (RFC 8410 section 7).
fn signing_key() -> EncodingKey {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    EncodingKey::from_ed_der(&[head.as_slice(), &SEED].concat())
}

fn kid() -> SigningKeyId {
    SigningKeyId::new(Uuid::from_u128(1))
}

/// Access tokens of one client of the first tenant.
fn tokens() -> Result<Vec<String>, Failure> {
    let key = signing_key();
    // Once by hand, so that a library that signs otherwise is not measured.
    let _works = sign(b"", &key, Checked::EdDSA)?;
    let now = DateTime::from_timestamp_micros(keys::BEGINNING).ok_or("no such time")?.timestamp();
    let header = Header {
        typ: Some(ACCESS_TOKEN.to_owned()),
        kid: Some(kid().to_string()),
        ..Header::new(Checked::EdDSA)
    };
    let claims = |number: u32| AccessClaims {
        iss: ISSUER.to_owned(),
        sub: "nxc_1".to_owned(),
        aud: ISSUER.to_owned(),
        exp: now + 3600,
        iat: now,
        jti: Uuid::from_u128(u128::from(number)).to_string(),
        client_id: "nxc_1".to_owned(),
        scope: keys::SCOPE.to_owned(),
        tenant_id: keys::tenant_id(0),
        environment: "live".to_owned(),
        grant_id: Some(Uuid::from_u128(7).to_string()),
        cnf: None,
        restrictions: Default::default(),
    };
    (0..TOKENS).map(|number| Ok(encode(&header, &claims(number), &key)?)).collect()
}

/// A table with keys, and with what the tokens are checked by.
struct Table {
    validator: Validator,
    required: Vec<String>,
    ip: IpAddr,
}

impl Table {
    fn new(population: &Population) -> Result<Self, Failure> {
        let validator = Validator::new(Arc::new(dialects::load(None)?));
        let jwk = PublicJwk::Edwards { crv: EdwardsCurve::Ed25519, x: PUBLIC.to_owned() };
        let algorithm = jwk.algorithm();
        let key =
            VerifyingKeyEntry { kid: kid(), algorithm, issuer: ISSUER.to_owned(), jwk, not_after: i64::MAX };
        let client = ClientEntry {
            id: KeyId::new(Uuid::from_u128(7)),
            client_id: "nxc_1".to_owned(),
            tenant_id: keys::tenant_id(0),
            name: "Billing".to_owned(),
            environment: "live".to_owned(),
            scopes: [keys::SCOPE.parse()?].into(),
            restrictions: Default::default(),
            ip_allowlist: Vec::new(),
            revoked: false,
        };
        let others = [Entry::VerifyingKeys(vec![key]), Entry::Client(Box::new(client))];
        validator.apply(population.entries().chain(others), 1);
        Ok(Self { validator, required: vec![keys::SCOPE.to_owned()], ip: keys::ADDRESS.parse()? })
    }

    /// Nanoseconds a verdict, each credential so many times. All must accept.
    fn time<'c>(
        &self,
        credentials: impl Iterator<Item = &'c str> + Clone,
        turns: u32,
    ) -> Result<f64, Failure> {
        let question = Question {
            environment: Some("live"),
            method: Some("GET"),
            ip: Some(self.ip),
            required_scopes: &self.required,
            ..Question::default()
        };
        let lease = Lease::new();
        lease.extend(LENGTH);
        let (mut asked, mut accepted) = (0u32, 0u32);
        let watch = ThreadStopwatch::start();
        for _ in 0..turns {
            for credential in credentials.clone() {
                let sight = lease.holds(black_box(Duration::ZERO)).ok_or("the lease does not hold")?.into();
                let decision =
                    self.validator.verify_credential(&sight, None, credential, &question, keys::BEGINNING)?;
                asked += 1;
                accepted += u32::from(decision.outcome.is_ok());
                black_box(&decision);
            }
        }
        let seconds = watch.seconds();
        if asked == 0 || accepted != asked {
            return Err(format!("{accepted} of {asked} were accepted").into());
        }
        Ok(seconds * 1e9 / f64::from(asked))
    }
}

/// The baseline for a token that was not seen: the signature, and nothing of what it speaks for.
fn bare(tokens: &[String]) -> Result<f64, Failure> {
    let key = DecodingKey::from_ed_components(PUBLIC)?;
    let (mut asked, mut right) = (0u32, 0u32);
    let watch = ThreadStopwatch::start();
    for token in tokens {
        let (signed, signature) = token.rsplit_once('.').ok_or("no token")?;
        asked += 1;
        right += u32::from(black_box(verify(signature, signed.as_bytes(), &key, Checked::EdDSA)?));
    }
    let seconds = watch.seconds();
    if asked == 0 || right != asked {
        return Err(format!("{right} of {asked} were right").into());
    }
    Ok(seconds * 1e9 / f64::from(asked))
}
