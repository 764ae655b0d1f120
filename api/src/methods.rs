//! What is asked of a known address with a method that it does not offer: `405` with those that it does. Registered behind
//! all routes, so that nothing comes here that one of them takes.

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::OpenApi as _;
use utoipa::openapi::PathItem;

use crate::openapi::Document;
use crate::problem::Problem;

/// Addresses for people and programs that the OpenAPI document does not describe, with what they offer.
const UNDESCRIBED: &[(&str, &str)] = &[
    ("/openapi.json", "GET, HEAD"),
    ("/docs", "GET, HEAD"),
    ("/problems", "GET, HEAD"),
    ("/problems/{code}", "GET, HEAD"),
    ("/", "GET, HEAD"),
    ("/sign-in", "GET, HEAD, POST"),
    ("/sign-out", "POST"),
    ("/assets/pages.css", "GET, HEAD"),
];

/// What gateways ask with the method of the request that they ask about. Another dialect there is not found.
const FOR_EVERY_METHOD: &str = "/v1/forward-auth/{dialect}";

/// Registers every address that is `served` once more, for the methods that are left.
pub fn routes(config: &mut web::ServiceConfig, served: impl Fn(&str) -> bool) {
    for (path, allow) in UNDESCRIBED.iter().filter(|(path, _)| served(path)) {
        refuse(config, path, (*allow).to_owned());
    }
    for (path, item) in Document::openapi()
        .paths
        .paths
        .into_iter()
        .filter(|(path, _)| path != FOR_EVERY_METHOD && served(path))
    {
        refuse(config, &path, offered(&item));
    }
}

fn refuse(config: &mut web::ServiceConfig, path: &str, allow: String) {
    let refused = move |request: HttpRequest| {
        let problem = Problem::method_not_allowed(request.method().as_str(), &allow);
        async { Err::<HttpResponse, _>(problem) }
    };
    config.service(web::resource(path).to(refused));
}

fn offered(item: &PathItem) -> String {
    let methods = [
        ("GET", &item.get),
        // Answered as `GET` is.
        ("HEAD", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("DELETE", &item.delete),
        ("OPTIONS", &item.options),
        ("PATCH", &item.patch),
        ("TRACE", &item.trace),
    ];
    let offered: Vec<&str> =
        methods.iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| *method).collect();
    offered.join(", ")
}
