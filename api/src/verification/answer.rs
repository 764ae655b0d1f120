//! What `POST /v1/verify` tells of a verdict.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_domain::dialect::OutwardRefusal;
use nexus_domain::ids::{KeyId, LONGEST_ID, TenantId};
use nexus_domain::verification::Code;
#[cfg(doc)]
use nexus_domain::verification::Rights;
use nexus_validator::{Decision, Limits, Subject};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::rate_limit_fields::{self, whole_seconds};

/// A verdict.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum VerifyAnswer<'a> {
    /// The credential may do what was asked.
    Valid(Accepted<'a>),
    /// It may not.
    Refused(Rejected<'a>),
}

/// The credential may do what was asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Accepted<'a> {
    /// Always `true`.
    valid: bool,
    /// Always `VALID`.
    #[schema(value_type = String)]
    code: Code,
    /// Whose the key is.
    #[schema(value_type = String)]
    tenant_id: TenantId,
    /// The key.
    #[schema(value_type = String)]
    key_id: KeyId,
    /// The key's name.
    name: &'a str,
    /// `secret` or `publishable` for a key, `access_token` or `service` for a token.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The environment that the key is for.
    environment: &'a str,
    /// What the key was granted.
    #[schema(value_type = Vec<String>)]
    scopes: Scopes<'a>,
    /// From when on the secret is refused; `null`: never.
    #[schema(value_type = Option<String>)]
    expires_at: Option<DateTime<Utc>>,
    /// The dialect's limits that the request was counted against.
    rate_limits: Vec<CountedLimit>,
    /// Up to which position of the log this node knows everything.
    position: u64,
    /// What the dialect tells the outside with whatever the request is answered; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Told>,
}

/// What an answer to an accepted request should say besides.
#[derive(Debug, Serialize, ToSchema)]
pub struct Told {
    /// Headers by name.
    headers: BTreeMap<String, String>,
}

/// A limit of a tenant's requests that were accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountedLimit {
    /// At most so many
    limit: u32,
    /// in any stretch of so many seconds.
    window_seconds: u64,
    /// How many more this node could accept now. Other nodes may hold more.
    remaining: u32,
    /// When the oldest requests that count slide out, so that there is room for more.
    reset_at: Option<DateTime<Utc>>,
}

/// The credential may not do what was asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rejected<'a> {
    /// Always `false`.
    valid: bool,
    /// Why, for machines.
    #[schema(value_type = String)]
    code: Code,
    /// The status for the outside.
    status: u16,
    /// Why, for insiders.
    #[schema(value_type = String)]
    detail: Cow<'a, str>,
    /// What the dialect tells the outside.
    response: Outward<'a>,
}

/// What the dialect tells the outside.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outward<'a> {
    /// The status.
    status: u16,
    /// Headers by name.
    #[schema(value_type = BTreeMap<String, String>)]
    headers: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// The body: JSON as such, anything else as a text.
    #[schema(value_type = Object)]
    body: OutwardBody<'a>,
}

/// A body as the dialect writes it, byte by byte.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum OutwardBody<'a> {
    Json(&'a RawValue),
    Text(&'a str),
    None(()),
}

/// Scopes as [`Rights::granted`] has them.
#[derive(Debug, Clone, Copy)]
struct Scopes<'a>(&'a str);

impl<'a> Scopes<'a> {
    fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.split_ascii_whitespace()
    }
}

impl Serialize for Scopes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'a> VerifyAnswer<'a> {
    /// What is told of a decision that this node made at `now`, in unix microseconds, knowing the log up to `position`.
    pub(super) fn of(decision: &'a Decision<'_>, now: i64, position: u64) -> Self {
        match (&decision.outcome, &decision.subject) {
            (Ok(()), Some(subject)) => Self::Valid(Accepted {
                response: Told::of(decision),
                ..Accepted::of(subject, counted(decision, now), position)
            }),
            (Err(refused), _) => {
                let outward = decision.dialect.map(|dialect| dialect.outward(refused));
                Self::Refused(Rejected::of(decision, refused.code, outward, Cow::Borrowed(&refused.detail)))
            }
            (Ok(()), None) => {
                let outward = decision.dialect.map(|dialect| dialect.refusals.answer(Code::Unknown));
                let detail = Cow::Borrowed("no such credential");
                Self::Refused(Rejected::of(decision, Code::Unknown, outward, detail))
            }
        }
    }

    /// The answer as JSON.
    pub(super) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Valid(accepted) => accepted.to_json(),
            Self::Refused(rejected) => serde_json::to_vec(rejected),
        }
    }
}

/// What a decision was counted against.
fn counted(decision: &Decision<'_>, now: i64) -> Vec<CountedLimit> {
    let (Limits::Within(remaining), Some((_, limits))) = (decision.limits, decision.rate_limits()) else {
        return Vec::new();
    };
    let now = DateTime::from_timestamp_micros(now);
    let counted = limits.iter().zip(remaining.iter()).map(|(limit, left)| CountedLimit {
        limit: limit.limit(),
        window_seconds: limit.window().as_secs(),
        remaining: left.requests,
        reset_at: now.and_then(|now| now.checked_add_signed(TimeDelta::from_std(left.more_after).ok()?)),
    });
    counted.collect()
}

impl Told {
    fn of(decision: &Decision<'_>) -> Option<Self> {
        let headers: BTreeMap<_, _> =
            rate_limit_fields::fields(decision).map(|(name, value)| (name.to_string(), value)).collect();
        (!headers.is_empty()).then_some(Self { headers })
    }
}

impl<'a> Accepted<'a> {
    fn of(subject: &'a Subject, rate_limits: Vec<CountedLimit>, position: u64) -> Self {
        let rights = subject.rights();
        Self {
            valid: true,
            code: Code::Valid,
            tenant_id: subject.tenant_id(),
            key_id: subject.key_id(),
            name: subject.name(),
            kind: subject.kind(),
            environment: &rights.environment,
            scopes: Scopes(&rights.granted),
            expires_at: Some(subject.not_after())
                .filter(|not_after| *not_after != i64::MAX)
                .and_then(DateTime::from_timestamp_micros),
            rate_limits,
            position,
            response: None,
        }
    }

    /// The bytes that [`serde_json::to_vec`] gives, in a third of its time: most of them are the same in every answer, and need
    /// not be looked at for characters to escape.
    fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut id = [0; LONGEST_ID];
        let mut json = Vec::with_capacity(512);
        json.extend_from_slice(br#"{"valid":true,"code":"VALID","tenant_id":""#);
        json.extend_from_slice(self.tenant_id.encode(&mut id).as_bytes());
        json.extend_from_slice(br#"","key_id":""#);
        json.extend_from_slice(self.key_id.encode(&mut id).as_bytes());
        json.extend_from_slice(br#"","name":"#);
        serde_json::to_writer(&mut json, self.name)?;
        json.extend_from_slice(br#","type":""#);
        json.extend_from_slice(self.kind.as_bytes());
        json.extend_from_slice(br#"","environment":"#);
        serde_json::to_writer(&mut json, self.environment)?;
        json.extend_from_slice(br#","scopes":["#);
        for (number, scope) in self.scopes.iter().enumerate() {
            json.extend_from_slice(if number == 0 { br#"""# } else { br#",""# });
            // A scope has neither quotes nor backslashes.
            json.extend_from_slice(scope.as_bytes());
            json.push(b'"');
        }
        json.extend_from_slice(br#"],"expires_at":"#);
        serde_json::to_writer(&mut json, &self.expires_at)?;
        json.extend_from_slice(br#","rate_limits":"#);
        serde_json::to_writer(&mut json, &self.rate_limits)?;
        json.extend_from_slice(br#","position":"#);
        serde_json::to_writer(&mut json, &self.position)?;
        if let Some(told) = &self.response {
            json.extend_from_slice(br#","response":"#);
            serde_json::to_writer(&mut json, told)?;
        }
        json.push(b'}');
        Ok(json)
    }
}

impl<'a> Rejected<'a> {
    fn of(
        decision: &Decision<'a>,
        code: Code,
        outward: Option<&'a OutwardRefusal>,
        detail: Cow<'a, str>,
    ) -> Self {
        // Where not even the dialect is known, there is nobody's form to answer in.
        let Some(outward) = outward else {
            let status = if code == Code::Unavailable { 503 } else { 401 };
            let response = Outward { status, headers: BTreeMap::new(), body: OutwardBody::None(()) };
            return Self { valid: false, code, status, detail, response };
        };
        let mut headers: BTreeMap<_, _> =
            outward.headers.iter().map(|(name, value)| (Cow::from(name), Cow::from(value))).collect();
        if let Some(challenge) = decision.outcome.as_ref().err().and_then(|refused| refused.challenge) {
            headers.insert(Cow::from("www-authenticate"), Cow::from(challenge.www_authenticate()));
        }
        let fields = rate_limit_fields::fields(decision);
        headers.extend(fields.map(|(name, value)| (Cow::from(name.to_string()), Cow::from(value))));
        if let Limits::Exceeded { retry_after, .. } = decision.limits {
            headers.insert(Cow::from("retry-after"), Cow::from(whole_seconds(retry_after).to_string()));
        }
        let response = Outward {
            status: outward.status,
            headers,
            body: serde_json::from_str(&outward.body)
                .map_or_else(|_| OutwardBody::Text(&outward.body), OutwardBody::Json),
        };
        Self { valid: false, code, status: outward.status, detail, response }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_accepting_answer_is_written_as_serde_would() {
        let end_of_year = DateTime::from_timestamp_micros(1_798_761_599_000_001);
        for (name, environment, scopes, expires_at, position) in [
            ("Back end", "live", "read:users write:users", None, 7),
            ("\"Zürich\" \\ \n\u{1}", "sand\"box", "", end_of_year, 0),
            ("", "", "*", None, u64::MAX),
        ] {
            let accepted = Accepted {
                valid: true,
                code: Code::Valid,
                tenant_id: TenantId::new(Uuid::from_u128(0x0123)),
                key_id: KeyId::new(Uuid::from_u128(u128::MAX)),
                name,
                kind: "publishable",
                environment,
                scopes: Scopes(scopes),
                expires_at,
                rate_limits: Vec::new(),
                position,
                response: (position == 7)
                    .then(|| Told { headers: [("a".to_owned(), "\"b\"".to_owned())].into() }),
            };
            let written = String::from_utf8(accepted.to_json().unwrap()).unwrap();
            assert_eq!(written, serde_json::to_string(&accepted).unwrap());
        }
    }

    #[test]
    fn what_a_dialect_tells_stays_as_it_is_written() {
        let outward = |body| Outward { status: 401, headers: BTreeMap::new(), body };
        let raw = serde_json::from_str(r#"{"z": 1, "a": 2}"#).unwrap();
        for (body, expected) in [
            (OutwardBody::Json(raw), r#"{"z": 1, "a": 2}"#),
            (OutwardBody::Text("no"), r#""no""#),
            (OutwardBody::None(()), "null"),
        ] {
            let written = serde_json::to_string(&outward(body)).unwrap();
            assert_eq!(written, format!(r#"{{"status":401,"headers":{{}},"body":{expected}}}"#));
        }
    }
}
