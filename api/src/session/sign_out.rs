//! `POST /sign-out`

use actix_web::{HttpRequest, HttpResponse, post, web};
use nexus_domain::session::EndReason;

use super::SignedIn;
use super::cookies::Cookies;
use crate::app::App;
use crate::pages::{Failure, see_other};
use crate::problem::Problem;

#[post("/sign-out")]
pub(crate) async fn sign_out(
    app: web::Data<App>,
    request: HttpRequest,
    member: SignedIn,
    body: web::Bytes,
) -> Result<HttpResponse, Failure> {
    member.form(&app, &request, &body)?;
    // Before the browser is told: what it forgets may have been copied.
    let call = member.call(&app);
    app.gate.end_session(&call, member.tenant_id, member.session_id, EndReason::SignedOut).await?;
    let mut response = see_other("/sign-in?signed-out=1");
    response.add_cookie(&Cookies::of(&app).without_session()).map_err(Problem::internal)?;
    Ok(response)
}
