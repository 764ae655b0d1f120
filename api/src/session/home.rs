//! `GET /`: the start page of a member.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use askama::Template;
use chrono::{DateTime, Utc};

use super::SignedIn;
use crate::app::App;
use crate::pages::{Failure, Visitor, render, stylesheet_address, visible};
use crate::tenants::existing;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    stylesheet: String,
    visitor: Visitor,
    role: &'a str,
    workspace: String,
    since: String,
    until: String,
}

#[get("/")]
pub(crate) async fn home(app: web::Data<App>, member: SignedIn) -> Result<HttpResponse, Failure> {
    let tenant = existing(&app, member.tenant_id).await?;
    let instant = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%SZ").to_string();
    let page = Home {
        stylesheet: stylesheet_address(),
        visitor: member.visitor(),
        role: member.role.as_str(),
        workspace: visible(&tenant.name),
        since: instant(member.since),
        until: instant(member.until),
    };
    render(StatusCode::OK, &page)
}
