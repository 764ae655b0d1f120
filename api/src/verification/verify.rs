//! `POST /v1/verify`: may this credential do this? The same answer as forward auth, explained.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use actix_http::{Request, Response};
use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{Error, web};
use futures::StreamExt as _;
use nexus_domain::dialect::Dialect;
use nexus_domain::verification::{Code, Possession, Question, Refused};
use nexus_validator::usage_journal::UsageRecord;
use nexus_validator::{Decision, Limits, Subject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Verifier;
use super::answer::VerifyAnswer;
use super::hot::{HotRequest, HotRoute, Moment};
use crate::app::LONGEST_BODY;
use crate::body::{Fields, require_json};
use crate::principal::Asker;
use crate::problem::{self, Problem};
use crate::request::{ANSWERED_WITHIN, refused_by_actix, too_slow};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is asked. Either `credential`, or `dialect` and `headers`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VerifyBody<'a> {
    /// The credential alone; its dialect is found by its prefix.
    #[schema(value_type = Option<String>, example = "nx_live_…")]
    #[serde(borrow)]
    credential: Option<Text<'a>>,
    /// The dialect that is served.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    dialect: Option<Text<'a>>,
    /// The request's own headers, the credential among them.
    headers: Option<BTreeMap<String, String>>,
    /// The request's method.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    method: Option<Text<'a>>,
    /// Whether the caller used `https` or `http`, for dialects that take credentials over HTTPS alone; absent: by HTTPS.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    scheme: Option<Text<'a>>,
    /// The request's path, for the usage log.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    path: Option<Text<'a>>,
    /// The caller's address.
    #[schema(value_type = Option<String>, example = "203.0.113.7")]
    ip: Option<IpAddr>,
    /// The environment that is served.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    environment: Option<Text<'a>>,
    /// Scopes that are all needed.
    required_scopes: Vec<String>,
    /// What the request touches, by restriction.
    restrictions: BTreeMap<String, String>,
    /// The request's id, for the usage log.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    request_id: Option<Text<'a>>,
    /// The version of the caller's client, for the usage log.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    client_version: Option<Text<'a>>,
    /// The proof that came with a token of the scheme `DPoP` (RFC 9449), which a token that is bound to a key needs.
    #[schema(inline)]
    dpop: Option<ProofBody<'a>>,
}

/// A proof of possession, and what it is held against beside `method`.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProofBody<'a> {
    /// The header `DPoP`. Not needed where `headers` has it.
    #[schema(value_type = Option<String>)]
    #[serde(borrow, default)]
    proof: Option<Text<'a>>,
    /// The address that the caller asked, such as `https://api.example/v1/users`.
    #[schema(value_type = String)]
    #[serde(borrow)]
    url: Text<'a>,
}

/// A text of the body where it stands, unless it has escapes. Without `Debug`: one of them is the credential.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Where it is asked.
pub(super) const PATH: &str = "/v1/verify";

/// Answers a request.
pub(super) async fn answer(
    verifier: Rc<web::Data<Verifier>>,
    mut request: Request,
) -> Result<Response<BoxBody>, Error> {
    let body = request.take_payload();
    let hot = HotRequest::of(&request, &verifier);
    let answered = verify(&verifier, &hot, body).await;
    Ok(hot.finish(&verifier, HotRoute::Verify, answered))
}

/// Asks whether a credential may do something. Always 200 when a verdict was reached.
///
/// Who asks shows a management credential with the scope `verify`, on API nodes and on validating nodes.
#[utoipa::path(
    operation_id = "verify",
    post,
    path = "/v1/verify",
    tag = "verification",
    request_body = VerifyBody<'static>,
    responses((status = 200, description = "A verdict, valid or refused", body = VerifyAnswer<'static>), (status = 400, body = problem::Document), (status = 401, body = problem::Document), (status = 403, body = problem::Document), (status = 408, body = problem::Document), (status = 413, body = problem::Document), (status = 415, body = problem::Document)),
)]
async fn verify(
    verifier: &Verifier,
    hot: &HotRequest<'_>,
    body: Payload,
) -> Result<Response<BoxBody>, Problem> {
    let asker = Asker::of(hot, verifier).await?;
    asker.require("verify")?;
    require_json(hot.head)?;
    let (body, now) = read(verifier, hot, body).await?;
    let asked = parse(&body)?;
    let method = asked.method.as_deref().map(upper_case);
    let question = Question {
        environment: asked.environment.as_deref(),
        method: method.as_deref(),
        ip: asked.ip,
        required_scopes: &asked.required_scopes,
        restrictions: Some(&asked.restrictions),
        possession: asked
            .dpop
            .as_ref()
            .map_or_else(Possession::default, |dpop| Possession::Proof(dpop.proof.as_deref())),
        url: asked.dpop.as_ref().map(|dpop| &*dpop.url),
        ..Question::default()
    };
    let decision = over_https(decide(verifier, &asked, &question, now).await?, asked.scheme.as_deref())?;
    known_names(&decision, &asked)?;
    let decision = verifier.within_limits(hide_foreign(decision, &asker)).await;
    verifier.record(UsageRecord {
        at: now.unix_micros,
        key: decision.subject.as_ref().map(Subject::used),
        code: decision.code(),
        method: method.as_deref(),
        path: asked.path.as_deref(),
        ip: asked.ip.map(|ip| ip.to_canonical()),
        request_id: asked.request_id.as_deref(),
        client_version: asked.client_version.as_deref(),
    });
    let json = VerifyAnswer::of(&decision, now.unix_micros, verifier.validator.applied())
        .to_json()
        .map_err(Problem::internal)?;
    let mut response = Response::with_body(StatusCode::OK, BoxBody::new(json));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    Ok(response)
}

/// The whole body, and the moment from which the verdict counts.
async fn read(
    verifier: &Verifier,
    hot: &HotRequest<'_>,
    mut body: Payload,
) -> Result<(web::Bytes, Moment), Problem> {
    let mut collected = pin!(collect(&mut body));
    // A server hands a request over when it has read the head. Nearly always the body came with it and is there as soon as
    // the server goes on, and no timer needs to be set.
    for _ in 0..2 {
        if let Poll::Ready(body) = futures::poll!(collected.as_mut()) {
            return Ok((body?, hot.began));
        }
        give_way().await;
    }
    match tokio::time::timeout(ANSWERED_WITHIN, collected).await {
        Ok(body) => Ok((body?, Moment::now(verifier))),
        Err(_) => Err(too_slow(&hot.id)),
    }
}

/// Is polled again soon, without anybody waking it.
async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn collect(body: &mut Payload) -> Result<web::Bytes, Problem> {
    let Some(first) = chunk(body, 0).await? else { return Ok(web::Bytes::new()) };
    // Nearly always it is one piece, which need not be copied.
    let Some(second) = chunk(body, first.len()).await? else { return Ok(first) };
    let mut whole = web::BytesMut::with_capacity(LONGEST_BODY);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(next) = chunk(body, whole.len()).await? {
        whole.extend_from_slice(&next);
    }
    Ok(whole.freeze())
}

/// The next piece of a body of which so many bytes have come.
async fn chunk(body: &mut Payload, before: usize) -> Result<Option<web::Bytes>, Problem> {
    match body.next().await {
        Some(Ok(chunk)) if before + chunk.len() > LONGEST_BODY => {
            Err(Problem::new(&problem::TOO_LARGE, "the body has more than 64 KiB"))
        }
        Some(Ok(chunk)) => Ok(Some(chunk)),
        Some(Err(error)) => {
            let error = actix_web::Error::from(error);
            Err(refused_by_actix(&error, error.as_response_error().status_code().as_u16()))
        }
        None => Ok(None),
    }
}

fn upper_case<'a>(method: &'a str) -> Cow<'a, str> {
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        method.to_ascii_uppercase().into()
    } else {
        method.into()
    }
}

async fn decide<'v>(
    verifier: &'v Verifier,
    asked: &VerifyBody<'_>,
    question: &Question<'_>,
    now: Moment,
) -> Result<Decision<'v>, Problem> {
    let validator = &verifier.validator;
    let unix_micros = now.unix_micros;
    let decided = match (&asked.credential, &asked.dialect, &asked.headers) {
        (Some(credential), named, None) => {
            let named = named.as_deref();
            // What is seen before anything is looked up.
            match verifier.sight(now, || validator.wanted_in_credential(named, credential)).await {
                Ok(sight) => validator.verify_credential(&sight, named, credential, question, unix_micros),
                Err(refused) => validator.dialect_for(named, credential).map(|dialect| Decision {
                    outcome: Err(refused),
                    dialect,
                    subject: None,
                    limits: Limits::NotCounted,
                }),
            }
        }
        (None, Some(dialect), Some(headers)) => match validator.dialect(dialect) {
            Ok(dialect) => {
                let lower: Vec<(String, &str)> =
                    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect();
                let lower = lower.iter().map(|(name, value)| (name.as_str(), *value));
                Ok(match verifier.sight(now, || validator.wanted_in_headers(dialect, lower.clone())).await {
                    Ok(sight) => validator.verify_headers(&sight, dialect, lower, question, unix_micros),
                    Err(refused) => Decision::refused(refused, dialect),
                })
            }
            Err(unknown) => Err(unknown),
        },
        (Some(_), _, Some(_)) => {
            return Err(Problem::invalid_field(
                "body.headers",
                "both `credential` and `headers` are given",
                "give one of them",
            ));
        }
        (None, None, Some(_)) => {
            return Err(Problem::invalid_field(
                "body.dialect",
                "missing",
                "name the dialect that the headers belong to",
            ));
        }
        (None, _, None) => {
            return Err(Problem::invalid_field(
                "body.credential",
                "missing",
                "give `credential`, or `dialect` and `headers`",
            ));
        }
    };
    decided.map_err(|unknown| {
        Problem::invalid_field("body.dialect", unknown.to_string(), "name a dialect that is served here")
    })
}

/// Refuses what came over plain HTTP where the dialect wants HTTPS alone.
fn over_https<'v>(decision: Decision<'v>, scheme: Option<&str>) -> Result<Decision<'v>, Problem> {
    match scheme {
        None | Some("https") => Ok(decision),
        Some("http") => Ok(match decision.dialect {
            Some(dialect) if dialect.https_only.is_some() => {
                Decision::refused(Refused::over_plain_http(), dialect)
            }
            Some(_) | None => decision,
        }),
        Some(other) => Err(Problem::invalid_field(
            "body.scheme",
            format!("unknown scheme `{}`", beginning(other)),
            "write \"https\" or \"http\"",
        )),
    }
}

/// Refuses to ask for what the dialect does not have. A misspelt restriction would let every key through, and a misspelt
/// environment none, for no reason that anybody sees.
fn known_names(decision: &Decision<'_>, asked: &VerifyBody<'_>) -> Result<(), Problem> {
    let Some(dialect) = decision.dialect else { return Ok(()) };
    if let Some(name) = asked.environment.as_deref() {
        known_environment(dialect, "body.environment", name)?;
    }
    let Some(unknown) = asked.restrictions.keys().find(|name| !dialect.restrictions.contains(name)) else {
        return Ok(());
    };
    let fix = match dialect.restrictions.join(", ") {
        none if none.is_empty() => "leave it out: keys of this dialect have no restrictions".to_owned(),
        names => format!("choose from {names}"),
    };
    Err(Problem::invalid_field(
        "body.restrictions",
        format!("unknown restriction `{}`", beginning(unknown)),
        fix,
    ))
}

/// Refuses an environment that the dialect does not have.
///
/// # Errors
/// A problem with the field at `location`.
pub(super) fn known_environment(dialect: &Dialect, location: &str, name: &str) -> Result<(), Problem> {
    if dialect.knows_environment(name) {
        return Ok(());
    }
    let names: Vec<&str> = dialect.environments.iter().map(|known| known.name.as_str()).collect();
    let message = format!("unknown environment `{}`", beginning(name));
    Err(Problem::invalid_field(location, message, format!("choose from {}", names.join(", "))))
}

/// As much of a text as a message repeats.
fn beginning(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A caller confined to tenants learns of other tenants' credentials what it would learn of
/// nobody's.
fn hide_foreign<'v>(decision: Decision<'v>, asker: &Asker) -> Decision<'v> {
    match &decision.subject {
        Some(subject) if !asker.sees(subject.tenant_id()) => Decision {
            outcome: Err(Refused::new(Code::Unknown, "no such credential")),
            dialect: decision.dialect,
            subject: None,
            limits: Limits::NotCounted,
        },
        Some(_) | None => decision,
    }
}

fn parse(body: &[u8]) -> Result<VerifyBody<'_>, Problem> {
    // Seen to be UTF-8 as a whole, its texts need not be looked at again one by one.
    if let Ok(text) = std::str::from_utf8(body)
        && let Ok(asked) = serde_json::from_str(text)
    {
        return Ok(asked);
    }
    // The slow way tells everything that is wrong.
    let mut fields = Fields::parse(body)?;
    for name in
        ["credential", "dialect", "method", "scheme", "path", "environment", "request_id", "client_version"]
    {
        fields.text(name);
    }
    fields.parsed("ip", "write an IPv4 or IPv6 address", str::parse::<IpAddr>);
    fields.list("required_scopes", "write texts", |text| Ok::<_, std::convert::Infallible>(text.to_owned()));
    for name in ["headers", "restrictions"] {
        if fields.object(name).is_some_and(|map| !map.values().all(serde_json::Value::is_string)) {
            fields.wrong(name, "a value is not a text", "write each value as \"…\"");
        }
    }
    if let Some(dpop) = fields.object("dpop") {
        let known = dpop.iter().all(|(name, value)| matches!(&**name, "proof" | "url") && value.is_string());
        if !known || !dpop.contains_key("url") {
            let fix = "write {\"proof\": \"…\", \"url\": \"https://…\"}";
            fields.wrong("dpop", "not a proof with the address that it is for", fix);
        }
    }
    fields.finish()?;
    Err(Problem::invalid_field("body", "not a verify request", "see the documentation at /docs"))
}
