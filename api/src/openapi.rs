//! The OpenAPI document, made from the handlers. `openapi.json` in the repository is this document;
//! a test fails when they differ.

use actix_web::{HttpResponse, get, web};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{RefOr, Required};
use utoipa::{Modify, OpenApi};

use crate::verification::{forward_auth, verify};
use crate::{
    agents, audit, clients, events, health, integrations, jwt_secrets, key_set, keys, members, nodes, oauth,
    problem, projections, tenants, tokens,
};

/// The document.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "Nexus", description = "Self-hosted, event-sourced credentials for APIs: issue, restrict, rotate, revoke, verify, audit.", license(name = "Apache-2.0")),
    paths(
        verify::verify,
        forward_auth::forward_auth,
        tenants::create, tenants::list, tenants::show, tenants::change, tenants::suspend, tenants::resume,
        keys::issue, keys::list, keys::show, keys::change, keys::rotate, keys::revoke, keys::usage, keys::requests,
        clients::register, clients::list, clients::show, clients::change, clients::rotate, clients::revoke,
        tokens::list, tokens::revoke,
        oauth::issue, oauth::revoke, oauth::introspect, oauth::push, oauth::authorize, oauth::consent,
        oauth::server, oauth::protected_resource,
        members::create, members::list, members::remove, members::erase, members::set_password, members::list_sessions, members::end_session,
        integrations::create, integrations::list, integrations::show, integrations::change,
        agents::create, agents::list, agents::show, agents::change,
        audit::search, audit::search_tenant,
        events::follow,
        nodes::create, nodes::list, nodes::stream,
        projections::list, projections::rebuild,
        jwt_secrets::issue, jwt_secrets::list, jwt_secrets::show, jwt_secrets::rotate, jwt_secrets::revoke,
        key_set::key_set,
        health::healthz, health::readyz, health::metrics,
    ),
    components(schemas(problem::Document, problem::FieldError)),
    modifiers(&Bearer, &LeftOut),
    security(("management" = [])),
    tags(
        (name = "verification", description = "May this credential do this?"),
        (name = "keys", description = "Keys of a tenant"),
        (name = "clients", description = "OAuth clients of a tenant, and the tokens that they got"),
        (name = "integrations", description = "What keys belong to, and what refuses them together"),
        (name = "jwt-secrets", description = "Secrets with which a tenant's services sign their own tokens"),
        (name = "tenants", description = "Who owns keys"),
        (name = "members", description = "People with a role in a tenant, and where they are signed in"),
        (name = "audit", description = "What happened"),
        (name = "oauth", description = "The OAuth 2.0 authorization server, and what its tokens are checked with"),
        (name = "nodes", description = "Processes that answer whether a credential may do something, from memory"),
        (name = "operation", description = "How the process is"),
    ),
)]
pub struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A management credential"))
            .build();
        openapi
            .components
            .get_or_insert_default()
            .add_security_scheme("management", SecurityScheme::Http(scheme));
    }
}

/// The generator takes every body as required.
struct LeftOut;

impl Modify for LeftOut {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let operations = openapi.paths.paths.values_mut().filter_map(|item| item.post.as_mut());
        for body in operations.filter_map(|operation| operation.request_body.as_mut()) {
            if let RefOr::T(body) = body
                && body.description.as_deref().is_some_and(|text| text.starts_with("May be left out"))
            {
                body.required = Some(Required::False);
            }
        }
    }
}

/// The document as it is served and committed, with a line break at the end.
///
/// # Errors
/// When it cannot be written as JSON, which a test rules out.
pub fn document() -> Result<String, serde_json::Error> {
    Document::openapi().to_pretty_json().map(|json| json + "\n")
}

/// Registers the route.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(show);
}

#[get("/openapi.json")]
async fn show() -> Result<HttpResponse, problem::Problem> {
    let json = document().map_err(problem::Problem::internal)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|item| item.as_object().unwrap().values());
        let mut names: Vec<&str> =
            operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }

    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json");
        let served = document().unwrap();
        if std::env::var_os("NEXUS_UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &served).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == served,
            "openapi.json is out of date: run NEXUS_UPDATE_GOLDEN=1 cargo test -p nexus-api and commit it"
        );
    }
}
