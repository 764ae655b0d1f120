//! Requests that happen once: with an `Idempotency-Key`, a repetition gets the first answer, byte for byte.

use std::future::Future;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use nexus_infrastructure::gate::{Answer, Begun, Call, GateError};
use serde::Serialize;

use crate::app::App;
use crate::nodes::settle::{Settled, settle_here};
use crate::problem::Problem;

/// How a request that succeeded is answered.
#[derive(Debug)]
pub struct Reply<B> {
    status: StatusCode,
    body: B,
    follows: bool,
    held: Option<Duration>,
}

impl<B: Serialize> Reply<B> {
    /// An answer that holds what was seen afterwards, such as a time or a row of a list. It is kept for repetitions.
    pub const fn observed(status: StatusCode, body: B) -> Self {
        Self { status, body, follows: false, held: None }
    }

    /// An answer that follows from the command's stored outcome alone: a repetition makes the same one again, so that
    /// keeping it would be a second write for nothing.
    pub const fn following(status: StatusCode, body: B) -> Self {
        Self { status, body, follows: true, held: None }
    }

    /// With the time from the commit until nodes had confirmed it, which the first answer tells in `Server-Timing` (W3C). A
    /// repetition took no time.
    #[must_use]
    pub const fn settled(mut self, settled: &Settled) -> Self {
        self.held = Some(settled.confirmation.held_after);
        self
    }

    fn answer(&self) -> Result<Answer, Problem> {
        let body = serde_json::to_string(&self.body).map_err(Problem::internal)?;
        Ok(Answer { status: self.status.as_u16(), body })
    }
}

/// Works on a request, or repeats its answer. `allowed` is asked before an answer is repeated: whoever has lost the power to
/// do it must not be handed what it gave, least of all a secret. The work asks by itself.
///
/// # Errors
/// `request_in_flight`, `idempotency_mismatch`, `idempotency_unreadable`, `unavailable`, and whatever the work fails with.
/// Failures are not kept: nothing happened, and the next try may succeed.
pub async fn once<B: Serialize>(
    app: &App,
    call: &Call<'_>,
    allowed: impl Future<Output = Result<(), GateError>>,
    work: impl Future<Output = Result<Reply<B>, Problem>>,
) -> Result<HttpResponse, Problem> {
    let _running = match app.gate.begin(call).await? {
        Begun::Answered(answer) => {
            allowed.await?;
            // The first answer may have come from another node: what it says must hold on this one too.
            settle_here(app).await?;
            return respond(&answer);
        }
        Begun::Go(running) => running,
    };
    let reply = work.await?;
    let answer = reply.answer()?;
    let mut response =
        if reply.follows { respond(&answer)? } else { respond(&app.gate.keep_answer(call, answer).await?)? };
    if let Some(held) = reply.held {
        insert_timing(response.headers_mut(), held);
    }
    Ok(response)
}

/// Tells in `Server-Timing` (W3C) how long it took from the commit until nodes had confirmed it.
pub fn insert_timing(headers: &mut HeaderMap, held: Duration) {
    let timing = format!("barrier;dur={:.3}", held.as_secs_f64() * 1e3);
    if let Ok(timing) = HeaderValue::from_str(&timing) {
        headers.insert(SERVER_TIMING, timing);
    }
}

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

fn respond(answer: &Answer) -> Result<HttpResponse, Problem> {
    let status = StatusCode::from_u16(answer.status).map_err(Problem::internal)?;
    Ok(HttpResponse::build(status).content_type("application/json").body(answer.body.clone()))
}
