//! Verification over HTTP, thousands of times a second. It stands in front of actix-web's routing, which takes as long as a
//! verdict: requests for it are answered from here, and all others go on to the routes.

pub mod answer;
pub mod forward_auth;
pub mod hot;
mod original_url;
pub(crate) mod rate_limit_fields;
mod verifier;
pub mod verify;

use std::future::{Ready, ready};
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::{Request, Response};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Service, ServiceFactory, ServiceResponse};
use actix_web::http::Method;
use actix_web::{Error, web};
use futures::future::{Either, LocalBoxFuture, MapOk, TryFutureExt as _};
use nexus_validator::Sight;

use self::forward_auth::Door;
use self::hot::{HotRequest, Moment};
pub use self::verifier::Verifier;
use crate::https_only;

/// What answers requests for verification, and hands all others to what stands `behind` it. One for each worker.
pub struct Front<S> {
    verifier: web::Data<Verifier>,
    behind: S,
}

impl<S> Front<S> {
    pub(crate) const fn new(verifier: web::Data<Verifier>, behind: S) -> Self {
        Self { verifier, behind }
    }
}

/// What can stand behind: actix-web's routing.
pub trait Behind:
    ServiceFactory<
        Request,
        Config = AppConfig,
        Response = ServiceResponse,
        Error = Error,
        InitError = (),
        Future: 'static,
    >
{
}

impl<S> Behind for S
where
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse, Error = Error, InitError = ()>,
    S::Future: 'static,
{
}

impl<S: Behind> ServiceFactory<Request> for Front<S> {
    type Response = Response<BoxBody>;
    type Error = Error;
    type Config = AppConfig;
    type Service = FrontService<S::Service>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Self::Service, ()>>;

    fn new_service(&self, config: AppConfig) -> Self::Future {
        let verifier = Rc::new(web::Data::clone(&self.verifier));
        let behind = self.behind.new_service(config);
        Box::pin(async move {
            let dialects = verifier.validator.dialects();
            let doors =
                dialects.iter().map(|dialect| Rc::new(Door::to(Rc::clone(&verifier), dialect))).collect();
            Ok(FrontService { verifier, doors, behind: behind.await? })
        })
    }
}

/// [`Front`] on its worker.
pub struct FrontService<S> {
    /// Counted by `Rc` for each worker by itself: one count for all would be passed between processors with each request.
    verifier: Rc<web::Data<Verifier>>,
    doors: Box<[Rc<Door>]>,
    behind: S,
}

type Answered = Result<Response<BoxBody>, Error>;
type FromBehind<F> = MapOk<F, fn(ServiceResponse) -> Response<BoxBody>>;

impl<S> Service<Request> for FrontService<S>
where
    S: Service<Request, Response = ServiceResponse, Error = Error>,
{
    type Response = Response<BoxBody>;
    type Error = Error;
    type Future = Either<Ready<Answered>, Either<LocalBoxFuture<'static, Answered>, FromBehind<S::Future>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.behind.poll_ready(context)
    }

    fn call(&self, request: Request) -> Self::Future {
        if let Some(refusal) = https_only::refusal(&request, &self.verifier) {
            return Either::Left(ready(Ok(refusal)));
        }
        let path = request.path();
        if let Some((door, rest)) = self.door(path) {
            let hot = HotRequest::of(&request, &self.verifier);
            // Once, and kept for the request: it began when this held.
            let sight = self.verifier.own_sight(hot.began);
            let waits = if sight.is_ok() { door.is_limited() } else { self.verifier.reads_through() };
            if !waits {
                return Either::Left(ready(Ok(door.answer(hot, rest, sight))));
            }
            let (door, began, rest) = (Rc::clone(door), hot.began, rest.to_owned());
            drop(hot);
            let answering = answer_slowly(door, request, began, sight.ok(), rest);
            return Either::Right(Either::Left(Box::pin(answering)));
        }
        if path == verify::PATH && request.method() == Method::POST {
            return Either::Right(Either::Left(Box::pin(verify::answer(Rc::clone(&self.verifier), request))));
        }
        Either::Right(Either::Right(self.behind.call(request).map_ok(Response::from)))
    }
}

impl<S> FrontService<S> {
    /// The way in to a dialect that a path names, and what stands behind the name, which is empty or begins with a slash.
    fn door<'p>(&self, path: &'p str) -> Option<(&Rc<Door>, &'p str)> {
        let named = path.strip_prefix(forward_auth::PREFIX)?;
        let (name, rest) = named.split_at(named.find('/').unwrap_or(named.len()));
        Some((self.doors.iter().find(|door| door.name() == name)?, rest))
    }
}

/// Forward auth that may have to wait for others.
async fn answer_slowly(
    door: Rc<Door>,
    request: Request,
    began: Moment,
    own: Option<Sight>,
    rest: String,
) -> Answered {
    let hot = HotRequest::begun(&request, door.verifier(), began);
    Ok(door.answer_slowly(hot, &rest, own).await)
}
