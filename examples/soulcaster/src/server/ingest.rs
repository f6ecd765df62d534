//! Deliveries: verified, written down, acknowledged. Nothing else happens here.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use soulcaster_core::flow::QuotaState;
use soulcaster_core::model::{AuthStrength, FeedbackItem, Inbound, Proof, SourceConfig};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Key as RecordKey, Webhook};
use soulcaster_core::{Error, ErrorKind, FeedbackId, ProjectId};
use soulcaster_sources::signature::Auth;
use soulcaster_sources::{Arrival, vendor};
use utoipa::openapi::{Content, ObjectBuilder, RefOr, Response as Described, ResponseBuilder, Type};
use utoipa::{IntoResponses, ToSchema};

use super::App;
use super::extract::Path;
use super::key::{Ingest, Key};
use super::problem::{Answer, Fault, Problems};
use super::request::{Decompressed, Tenant};

/// What became of a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum Receipt {
    /// It is kept, and will be grouped.
    Accepted {
        /// The items that its reports are about, in order; known ones too.
        #[schema(value_type = Vec<String>)]
        items: Vec<FeedbackId>,
    },
    /// It is authentic and holds nothing to keep.
    Ignored {
        /// Why.
        because: Ignored,
    },
}

/// Says that vendors may be answered in a form of their own.
struct Acknowledged;

impl IntoResponses for Acknowledged {
    fn responses() -> std::collections::BTreeMap<String, RefOr<Described>> {
        let text = || RefOr::T(ObjectBuilder::new().schema_type(Type::String).build().into());
        let own = ResponseBuilder::new()
            .description("The vendor's own form of acknowledgement, such as a challenge sent back")
            .content("application/json", Content::new(Some(ObjectBuilder::new().build())))
            .content("text/plain", Content::new(Some(text())))
            .content("application/x-protobuf", Content::new(Some(text())));
        let nothing = ResponseBuilder::new().description("The vendor's test of the connection");
        [("200", own), ("204", nothing)].map(|(s, r)| (s.to_owned(), RefOr::T(r.build()))).into()
    }
}

/// Where a delivery goes, and who reads it.
struct Route {
    /// One of the known ones: what a project calls its source is its own matter, and not for the metrics.
    vendor: String,
    project: ProjectId,
    webhook: Box<dyn Webhook>,
    /// The key that came along proves the sender.
    keyed: bool,
    enabled: bool,
}

/// Takes a delivery from a sender that shows a key.
///
/// For senders that can set a header: Datadog, PostHog, Alertmanager, OTLP exporters, your own programs. The key decides the
/// project. Of what `generic` sends, one JSON object, an array of them, or lines of them is read.
#[utoipa::path(
    post, path = "/ingest/{vendor}", tag = "ingest",
    params(("vendor" = String, Path, description = "Who delivers, such as `manual`, `generic` or `otlp`")),
    request_body(content = Option<serde_json::Value>, description = "The delivery, as the vendor sends it",
                 example = json!({"text": "The card was declined at checkout", "id": "42"})),
    responses((status = 202, description = "Kept, or ignored for a reason", body = Receipt), Acknowledged, Problems),
    security(("key" = []))
)]
pub(crate) async fn by_key(
    State(app): State<Arc<App>>,
    Path(vendor): Path<String>,
    key: Answer<Key<Ingest>>,
    request: Request,
) -> Answer<Response> {
    let key = key.map_err(|fault| patient(&vendor, fault))?;
    // A project's own settings for this vendor hold for what comes with a key too.
    let sources = app.soulcaster.sources(&key.project).await?;
    let mut known = sources.into_iter().filter(|source| source.vendor == vendor);
    let (settings, enabled) = match (known.next(), known.next()) {
        (Some(source), None) => (source.settings, source.enabled),
        _ => (serde_json::Map::new(), true),
    };
    let webhook = vendor::configured(&vendor, Auth::AllowUnsigned, &settings)?;
    take(&app, Route { vendor, project: key.project.clone(), webhook, keyed: true, enabled }, request).await
}

/// Takes a delivery that a configured source's signature or secret header proves.
#[utoipa::path(
    post, path = "/ingest/{vendor}/{source}", tag = "ingest",
    params(("vendor" = String, Path, description = "Who delivers, such as `github`"),
           ("source" = String, Path, description = "The id of the configured source")),
    request_body(content = Option<serde_json::Value>, description = "The delivery, as the vendor sends it"),
    responses((status = 202, description = "Kept, or ignored for a reason", body = Receipt), Acknowledged, Problems),
    security(())
)]
pub(crate) async fn by_source(
    State(app): State<Arc<App>>,
    Path((vendor, source)): Path<(String, String)>,
    request: Request,
) -> Answer<Response> {
    let route = route(&app, &vendor, &source, false).await?;
    take(&app, route, request).await
}

/// Takes a delivery that is proven by a token in its path, for senders that can neither sign nor set a header.
#[utoipa::path(
    post, path = "/ingest/{vendor}/{source}/{token}", tag = "ingest",
    params(("vendor" = String, Path, description = "Who delivers, such as `splunk`"),
           ("source" = String, Path, description = "The id of the configured source"),
           ("token" = String, Path, description = "The source's token")),
    request_body(content = Option<serde_json::Value>, description = "The delivery, as the vendor sends it"),
    responses((status = 202, description = "Kept, or ignored for a reason", body = Receipt), Acknowledged, Problems),
    security(())
)]
pub(crate) async fn by_token(
    State(app): State<Arc<App>>,
    Path((vendor, source, _)): Path<(String, String, String)>,
    request: Request,
) -> Answer<Response> {
    let route = route(&app, &vendor, &source, true).await?;
    take(&app, route, request).await
}

async fn route(app: &App, vendor: &str, source: &str, in_path: bool) -> Answer<Route> {
    let unknown = || Fault::not_found("no such source; `soulcaster sources list` shows where to deliver");
    let config = app.soulcaster.source_config(source).await.map_err(|error| match Fault::from(error) {
        fault if fault.status() == StatusCode::NOT_FOUND => unknown(),
        fault => fault,
    })?;
    let proof_fits = match config.proof {
        Proof::PathToken => in_path,
        Proof::Pull => false,
        _ => !in_path,
    };
    if config.vendor != vendor || !proof_fits {
        return Err(unknown());
    }
    app.limiter.admit(&config.id).map_err(|fault| patient(vendor, fault))?;
    let webhook = vendor::configured(vendor, vendor::auth_of(&config)?, &config.settings)?;
    let SourceConfig { vendor, project_id: project, enabled, .. } = config;
    Ok(Route { vendor, project, webhook, keyed: false, enabled })
}

/// Datadog gives up on anything but a server's error.
fn patient(vendor: &str, fault: Fault) -> Fault {
    let gives_up = vendor == "datadog" && fault.status() == StatusCode::TOO_MANY_REQUESTS;
    if gives_up { fault.into_overload() } else { fault }
}

async fn take(app: &Arc<App>, route: Route, request: Request) -> Answer<Response> {
    let vendor = route.vendor.clone();
    let tenant = Tenant(route.project.to_string());
    let taken = deliver(app, route, request).await;
    let outcome = match &taken {
        Ok(response) if response.status().is_success() => "taken",
        Ok(_) => "answered",
        Err(_) => "refused",
    };
    metrics::counter!("soulcaster_deliveries_total", "source" => vendor.clone(), "outcome" => outcome)
        .increment(1);
    let mut response = taken.unwrap_or_else(|fault| patient(&vendor, fault).into_response());
    response.extensions_mut().insert(tenant);
    Ok(response)
}

async fn deliver(app: &Arc<App>, route: Route, request: Request) -> Answer<Response> {
    let now = app.now();
    let (parts, body) = request.into_parts();
    let delivery = Delivery {
        headers: headers(&parts.headers),
        path: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        body: whole(body).await?,
    };
    let decoded = route.webhook.decode(&delivery, now)?;
    let otlp = route.vendor == "otlp";
    let mut reports = match decoded {
        Decoded::Handshake { status, content_type, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            if status == StatusCode::NO_CONTENT {
                return Ok(status.into_response());
            }
            return Ok((status, [(header::CONTENT_TYPE, content_type)], body).into_response());
        }
        Decoded::Ignored(because) => {
            if matches!(&because, Ignored::NotAReport { what } if what == "pull_request") {
                app.fixer.look_now();
            }
            return Ok(receipt(otlp, &parts.headers, &Receipt::Ignored { because }));
        }
        Decoded::Reports(_) if !route.enabled => {
            let because = Ignored::Filtered { setting: "enabled".to_owned() };
            return Ok(receipt(otlp, &parts.headers, &Receipt::Ignored { because }));
        }
        Decoded::Reports(reports) => reports,
    };
    if parts.extensions.get::<Decompressed>().is_some()
        && reports.iter().any(|report| report.auth_strength == AuthStrength::Signed)
    {
        let detail =
            "a signed delivery must come uncompressed: the signature is over the bytes as they are sent";
        return Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid", detail));
    }
    for (index, report) in reports.iter_mut().enumerate() {
        if route.keyed && report.auth_strength == AuthStrength::None {
            report.auth_strength = AuthStrength::SharedSecret;
        }
        report.check().map_err(|error| Fault::from(error).with("index", index))?;
    }
    let items: Vec<FeedbackId> = reports.iter().map(Inbound::feedback_id).collect();
    check_quota(app, &route.project, &items).await?;
    keep(app.clone(), Arrival { project: route.project, received_at: now, reports }).await?;
    metrics::counter!("soulcaster_reports_total", "source" => route.vendor).increment(items.len() as u64);
    Ok(receipt(otlp, &parts.headers, &Receipt::Accepted { items }))
}

/// Writes a delivery down; to the end also when its sender goes away meanwhile, so that the counts stay right.
async fn keep(app: Arc<App>, arrival: Arrival) -> Answer<()> {
    let count = arrival.reports.len() as u64;
    app.pending.add(&arrival.project, count);
    let kept = tokio::spawn(async move {
        match app.inbox.put(&arrival).await {
            Ok(_) => app.arrived.notify_one(),
            Err(error) => {
                app.pending.remove(&arrival.project, count);
                return Err(error);
            }
        }
        Ok(())
    });
    let stopped =
        |_| Error::new(ErrorKind::Unavailable, "ingest", "the server stops; the outcome is unknown");
    Ok(kept.await.map_err(stopped)??)
}

/// Refuses what would go over the limit of the project's owner; items that are known already take no room.
async fn check_quota(app: &App, project: &ProjectId, items: &[FeedbackId]) -> Answer<()> {
    if app.settings.limits.items_per_user.is_none() {
        return Ok(());
    }
    let keys: Vec<RecordKey> = items.iter().map(|id| RecordKey::of::<FeedbackItem>(id.as_str())).collect();
    let known = app.soulcaster.store().get(project, &keys, false).await?;
    let more = known.iter().filter(|item| item.is_none()).count() as u64;
    if more == 0 {
        return Ok(());
    }
    let pending = app.pending.of(project);
    let checked = app.soulcaster.check_quota(project, app.settings.limits, more, pending).await;
    checked.map_err(|error| {
        let Some(state) = QuotaState::of(&error).copied() else { return Fault::from(error) };
        Fault::new(StatusCode::TOO_MANY_REQUESTS, "quota_exceeded", error.message())
            .with("current_count", state.current_count)
            .with("limit", state.limit)
            .with("requested", state.requested)
            .retry_after(3600)
    })
}

fn receipt(otlp: bool, headers: &HeaderMap, receipt: &Receipt) -> Response {
    if otlp {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let (content_type, body) = soulcaster_sources::otlp::answer(content_type.unwrap_or_default());
        return ([(header::CONTENT_TYPE, content_type)], body).into_response();
    }
    (StatusCode::ACCEPTED, Json(receipt)).into_response()
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

async fn whole(body: axum::body::Body) -> Answer<Vec<u8>> {
    // It lies in memory already, within the limit.
    let bytes: Bytes =
        axum::body::to_bytes(body, usize::MAX).await.map_err(|_| Fault::invalid("the body broke off"))?;
    Ok(bytes.into())
}
