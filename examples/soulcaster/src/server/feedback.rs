//! Items: looking at them, mending them.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use soulcaster_core::flow::{Explanation, Found, ItemQuery, PlacedItem};
use soulcaster_core::model::FeedbackItem;
use soulcaster_core::{ClusterId, FeedbackId};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::extract::{Json, Path, Query, at_most};
use super::key::{Admin, Key, Read};
use super::page;
use super::problem::{Answer, Fault, Problems};

/// Which items to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Only of this source, such as `github`.
    source: Option<String>,
    /// Only of this cluster.
    cluster: Option<String>,
    /// Only those that the engine is not sure about.
    #[serde(default)]
    unsure: bool,
    /// How many at most, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Items, as they arrived.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items {
    items: Vec<PlacedItem>,
    /// How many there are in all.
    total: usize,
    /// Give it as `cursor` to go on; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists items, as they arrived.
#[utoipa::path(get, path = "/feedback", tag = "feedback", params(Filter),
    responses((status = 200, description = "Items, as they arrived", body = Items), Problems))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Query(filter): Query<Filter>,
) -> Answer<Json<Items>> {
    let list = format!("feedback {:?} {:?} {}", filter.source, filter.cluster, filter.unsure);
    let query = ItemQuery {
        source: filter.source,
        cluster: filter.cluster.map(ClusterId::from),
        unsure: filter.unsure,
        limit: page::limit(filter.limit)?,
        after: page::after(&key.project, &list, filter.cursor.as_deref())?,
    };
    let found = app.soulcaster.items(&key.project, &query).await?;
    let next = page::cursor(&key.project, &list, found.next);
    Ok(Json(Items { items: found.items, total: found.total, next }))
}

/// Shows one item and where it is.
#[utoipa::path(get, path = "/feedback/{id}", tag = "feedback",
    params(("id" = String, Path, description = "The item's id")),
    responses((status = 200, description = "The item", body = PlacedItem), Problems))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
) -> Answer<Json<PlacedItem>> {
    Ok(Json(app.soulcaster.item(&key.project, &FeedbackId::from(id)).await?))
}

/// Says why an item is where it is.
#[utoipa::path(get, path = "/feedback/{id}/explanation", tag = "feedback",
    params(("id" = String, Path, description = "The item's id")),
    responses((status = 200, description = "The decision with its evidence", body = Explanation), Problems))]
pub(crate) async fn explain(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
) -> Answer<Json<Explanation>> {
    Ok(Json(app.soulcaster.explain(&key.project, &FeedbackId::from(id)).await?))
}

/// What to change of an item; what is absent stays. Some text has to be left.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EditItem)]
pub(crate) struct Edit {
    /// One line.
    #[schema(max_length = 10_000, pattern = r"\S")]
    title: Option<String>,
    /// The rest.
    #[schema(max_length = 1_000_000)]
    body: Option<String>,
    /// Where to read it.
    #[schema(max_length = 2048, pattern = "^https?://[!-~]+$")]
    url: Option<String>,
    /// All labels.
    #[schema(max_items = 100)]
    tags: Option<Vec<Tag>>,
}

/// A label.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(min_length = 1, max_length = 256)]
pub(crate) struct Tag(String);

impl Edit {
    fn check(&self) -> Answer<()> {
        if let Some(title) = &self.title {
            at_most("title", title, 10_000)?;
            if title.trim().is_empty() {
                return Err(Fault::invalid("title is empty; leave it out to keep what is there"));
            }
        }
        at_most("body", self.body.as_deref().unwrap_or_default(), 1_000_000)?;
        if let Some(url) = &self.url {
            at_most("url", url, 2048)?;
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            if !rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic())) {
                let detail = "url is no address that a browser may be sent to: http or https, without blanks";
                return Err(Fault::invalid(detail));
            }
        }
        let tags = self.tags.as_deref().unwrap_or_default();
        if tags.len() > 100 || tags.iter().any(|Tag(tag)| tag.is_empty() || tag.chars().count() > 256) {
            return Err(Fault::invalid("tags holds at most 100 entries of 1 to 256 characters"));
        }
        Ok(())
    }
}

/// Changes the text, labels or address of an item by hand.
#[utoipa::path(patch, path = "/feedback/{id}", tag = "feedback",
    params(("id" = String, Path, description = "The item's id")), request_body = Edit,
    responses((status = 200, description = "The item as it is now", body = FeedbackItem), Problems))]
pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(edit): Json<Edit>,
) -> Answer<Json<FeedbackItem>> {
    edit.check()?;
    let change = |item: &mut FeedbackItem| {
        if let Some(title) = &edit.title {
            item.title.clone_from(title);
        }
        if let Some(body) = &edit.body {
            item.body.clone_from(body);
        }
        if let Some(url) = &edit.url {
            item.url = Some(url.clone());
        }
        if let Some(tags) = &edit.tags {
            item.tags = tags.iter().map(|Tag(tag)| tag.clone()).collect();
        }
    };
    let item = app.soulcaster.edit_item(&key.project, &FeedbackId::from(id), change).await?;
    app.jobs.request(&app, &key.project).await;
    Ok(Json(item))
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Some words.
    #[param(min_length = 1, max_length = 10_000, pattern = r"\S")]
    q: String,
    /// How many at most, 1 to 1000; 10 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Finds items by meaning and by words, best first.
#[utoipa::path(get, path = "/search", tag = "feedback", params(Wanted),
    responses((status = 200, description = "Items, best first", body = Vec<Found>), Problems))]
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<Vec<Found>>> {
    let limit = page::limit(wanted.limit.or(Some(10)))?;
    at_most("q", &wanted.q, 10_000)?;
    Ok(Json(app.soulcaster.search(&key.project, &wanted.q, limit).await?))
}
