//! `GET /v1/projections` and `POST /v1/projections/{name}/rebuild`

use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use nexus_infrastructure::database::ANSWERS_WITHIN;
use nexus_projections::Status;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::body::{Fields, Unspecified};
use crate::once::{Reply, once};
use crate::principal::Caller;
use crate::problem::{self, Problem};

/// How far a projection is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectionObject {
    /// Its name.
    #[schema(example = "key_list")]
    name: String,
    /// The number of the table set that is read.
    #[schema(example = 2_000_001)]
    version: i64,
    /// Up to which position it has folded the log.
    #[schema(example = 41)]
    checkpoint: u64,
    /// The last position of the log.
    #[schema(example = 41)]
    head: u64,
    /// How many events it is behind.
    #[schema(example = 0)]
    lag: u64,
    /// A rebuild that is running.
    rebuilding: Option<RebuildObject>,
    /// Why it stands still.
    error: Option<String>,
}

/// A running rebuild.
#[derive(Debug, Serialize, ToSchema)]
pub struct RebuildObject {
    /// Up to which position it has come.
    position: u64,
    /// Where it has to go.
    target: u64,
}

/// All projections.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectionPage {
    /// The projections.
    data: Vec<ProjectionObject>,
    /// Always `null`: there is one page.
    next_cursor: Option<String>,
}

/// Registers the routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(list).service(rebuild);
}

/// Tells how far the projections are.
#[utoipa::path(tag = "operation", operation_id = "list_projections", responses((status = 200, body = ProjectionPage), (status = 403, body = problem::Document)))]
#[get("/v1/projections")]
pub(crate) async fn list(app: web::Data<App>, caller: Caller) -> Result<HttpResponse, Problem> {
    caller.require("projections:read")?;
    caller.unconfined()?;
    let data = app.projections.status().await?.into_iter().map(ProjectionObject::from).collect();
    Ok(HttpResponse::Ok().json(ProjectionPage { data, next_cursor: None }))
}

/// Builds a projection anew beside the live one, and switches when it has caught up.
#[utoipa::path(
    tag = "operation",
    operation_id = "rebuild_projection",
    params(("name" = String, Path, description = "The projection's name")),
    responses((status = 202, description = "The rebuild runs; follow it with `GET /v1/projections`"), (status = 400, body = problem::Document), (status = 404, body = problem::Document)),
)]
#[post("/v1/projections/{name}/rebuild")]
pub(crate) async fn rebuild(
    app: web::Data<App>,
    request: HttpRequest,
    caller: Caller,
    name: web::Path<String>,
    bytes: Unspecified,
) -> Result<HttpResponse, Problem> {
    caller.require("projections:write")?;
    caller.unconfined()?;
    Fields::parse(&bytes)?.finish()?;
    let call = caller.call(&app, &request, &bytes)?;
    let work = async {
        if !app.projections.status().await?.iter().any(|status| status.name == name.as_str()) {
            return Err(Problem::not_found());
        }
        // It goes on by itself; whoever asked follows it with `GET /v1/projections`. The answer is kept once it has begun: should
        // the process end in between, a repetition joins the rebuild, which goes on at the next start.
        let begun = tokio::time::timeout(ANSWERS_WITHIN, app.projections.rebuild(&name)).await;
        drop(
            begun
                .map_err(|_| Problem::new(&problem::UNAVAILABLE, "the store did not answer; try again"))??,
        );
        Ok(Reply::observed(StatusCode::ACCEPTED, serde_json::json!({"name": name.as_str()})))
    };
    once(&app, &call, ready(Ok(())), work).await
}

impl From<Status> for ProjectionObject {
    fn from(status: Status) -> Self {
        Self {
            name: status.name.to_owned(),
            version: status.build.unwrap_or(0),
            checkpoint: status.checkpoint,
            head: status.head,
            lag: status.lag,
            rebuilding: status
                .rebuilding
                .map(|progress| RebuildObject { position: progress.checkpoint, target: progress.head }),
            error: status.error,
        }
    }
}
