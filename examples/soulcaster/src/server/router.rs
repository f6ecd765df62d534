//! Which path leads where, and through what.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::Fault;
use super::request::{aside, observe, whole_body};
use super::{
    App, accounts, cluster_jobs, clusters, corrections, document, feedback, fixes, health, idempotency,
    ingest, keys, language, sources,
};

/// Everything that the server answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (router, mut document) = parts(&app).split_for_parts();
    document::finish(&mut document);
    // Written once: it is long, and anybody may ask for it.
    let document = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    let openapi = move || async move { ([(header::CONTENT_TYPE, "application/json")], document.clone()) };
    let docs = Router::from(SwaggerUi::new("/docs").config(Config::from("/openapi.json")));
    router
        .route("/openapi.json", get(openapi))
        .merge(docs.layer(map_response(nothing_there)))
        .fallback(no_such_path)
        .method_not_allowed_fallback(|| async {
            Fault::new(StatusCode::METHOD_NOT_ALLOWED, "invalid", "this path does not know that method")
        })
        // `whole_body` has the limit.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), whole_body))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Fault::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "unexpected",
                "a fault of this server; its log says more",
            )
            .into_response()
        }))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(header::REFERRER_POLICY, "no-referrer"))
        .layer(set(header::X_FRAME_OPTIONS, "DENY"))
        .layer(set(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// Nothing but what this server sends; the documentation page styles itself.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                              img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                              frame-ancestors 'none'; form-action 'none'";

async fn no_such_path() -> Fault {
    Fault::not_found("no such path; /docs lists them")
}

/// Puts a problem in the place of an empty 404.
async fn nothing_there(response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND { no_such_path().await.into_response() } else { response }
}

fn set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// The API with its description.
fn parts(app: &Arc<App>) -> OpenApiRouter<Arc<App>> {
    let deliveries = OpenApiRouter::new()
        .routes(routes!(ingest::by_key))
        .routes(routes!(ingest::by_source))
        .routes(routes!(ingest::by_token));
    // Their answers may hold a secret that is told once, so these are not remembered.
    let secrets = OpenApiRouter::new()
        .routes(routes!(sources::list, sources::add))
        .routes(routes!(sources::show, sources::change, sources::remove))
        .routes(routes!(sources::add_secret))
        .routes(routes!(sources::remove_secret))
        .routes(routes!(keys::list, keys::add))
        .routes(routes!(keys::revoke))
        .routes(routes!(accounts::users, accounts::add_user))
        .routes(routes!(accounts::user))
        .routes(routes!(accounts::projects, accounts::add_project))
        .layer(from_fn(aside));
    let looks = OpenApiRouter::new()
        .routes(routes!(feedback::list))
        .routes(routes!(feedback::show, feedback::edit))
        .routes(routes!(feedback::explain))
        .routes(routes!(feedback::search))
        .routes(routes!(clusters::list))
        .routes(routes!(clusters::show, clusters::edit))
        .routes(routes!(clusters::items))
        .routes(routes!(clusters::evidence))
        .routes(routes!(clusters::history))
        .routes(routes!(clusters::analyze))
        .routes(routes!(clusters::timeline))
        .routes(routes!(corrections::merge))
        .routes(routes!(corrections::split))
        .routes(routes!(corrections::confirm_cluster))
        .routes(routes!(corrections::move_item))
        .routes(routes!(corrections::confirm_item))
        .routes(routes!(corrections::undo))
        .routes(routes!(corrections::cleanup))
        .routes(routes!(cluster_jobs::start, cluster_jobs::list))
        .routes(routes!(cluster_jobs::show))
        .routes(routes!(cluster_jobs::progress))
        .routes(routes!(health::stats))
        .routes(routes!(fixes::settings, fixes::change_settings))
        .routes(routes!(fixes::plan, fixes::make_plan, fixes::edit_plan))
        .routes(routes!(fixes::approve_plan))
        .routes(routes!(fixes::start))
        .routes(routes!(fixes::list))
        .routes(routes!(fixes::show))
        .routes(routes!(fixes::evidence))
        .routes(routes!(fixes::cancel))
        .routes(routes!(fixes::runners))
        .routes(routes!(language::spend))
        .routes(routes!(language::change_ceilings))
        .routes(routes!(language::summarize))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn(aside));
    // A stream is neither buffered nor remembered.
    let logs = OpenApiRouter::new().routes(routes!(fixes::logs));
    OpenApiRouter::with_openapi(document::Document::openapi())
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .merge(deliveries)
        .merge(secrets)
        .merge(looks)
        .merge(logs)
}
