//! Looking things up.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::flow::binding::named;
use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::cluster::Cluster;
use crate::model::constraint::Constraint;
use crate::model::decision::{Decision, Verdict};
use crate::model::event::TimelineEvent;
use crate::model::item::FeedbackItem;
use crate::port::store::{Key, Order, Query, Stored};
use crate::soulcaster::Soulcaster;

/// Which items to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ItemQuery {
    /// Only of this cluster.
    pub cluster: Option<ClusterId>,
    /// Only of this source.
    pub source: Option<String>,
    /// Only those that nobody is sure about.
    pub unsure: bool,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// Where the last page ended.
    pub after: Option<String>,
}

/// An item and where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlacedItem {
    /// The item.
    #[serde(flatten)]
    pub item: FeedbackItem,
    /// Where it is; absent until it has been grouped.
    pub verdict: Option<Verdict>,
}

/// Items with where they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ItemPage {
    /// The items.
    pub items: Vec<PlacedItem>,
    /// How many there are in all.
    pub total: usize,
    /// Where to go on; absent on the last page.
    pub next: Option<String>,
}

/// A cluster with its items and history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClusterDetail {
    /// The cluster.
    pub cluster: Cluster,
    /// Its items, oldest first.
    pub items: Vec<PlacedItem>,
    /// Items that may belong to it.
    pub unsure: Vec<PlacedItem>,
}

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Named {
    /// An item.
    Item(FeedbackId),
    /// A cluster.
    Cluster(ClusterId),
}

/// Why an item is where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// The item.
    pub item: FeedbackItem,
    /// The decision with its evidence; absent until it has been grouped.
    pub decision: Option<Decision>,
    /// Its cluster, or the suggested one.
    pub cluster: Option<Cluster>,
    /// The nearest items, in the order of the evidence.
    pub nearest: Vec<FeedbackItem>,
    /// The second-best cluster.
    pub runner_up: Option<Cluster>,
    /// Corrections in force that name it.
    pub corrections: Vec<Constraint>,
}

impl Soulcaster {
    /// A cluster with its items. A retired one is `NotFound` with where it went.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn cluster(&self, project: &ProjectId, id: &ClusterId) -> Result<ClusterDetail> {
        let members = self.members(project, id).await?;
        let Some((mut cluster, _)) = self.store.read::<Cluster>(project, id.as_str()).await? else {
            return Err(Error::not_found("clusters.show", format!("no cluster {id} in project {project}")));
        };
        cluster.centroid = None;
        let items = self.placed(project, &members).await?;
        let query = Query::all::<Decision>().with("unsure", id.as_str());
        let unsure: Vec<FeedbackId> = self
            .store
            .list(project, &query)
            .await?
            .records
            .into_iter()
            .map(|s| FeedbackId::from(s.id))
            .collect();
        let unsure = self.placed(project, &unsure).await?;
        Ok(ClusterDetail { cluster, items, unsure })
    }

    /// An item and where it is.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn item(&self, project: &ProjectId, id: &FeedbackId) -> Result<PlacedItem> {
        let found = self.placed(project, std::slice::from_ref(id)).await?.pop();
        found.ok_or_else(|| Error::not_found("items.show", format!("no item {id} in project {project}")))
    }

    /// Items, as they arrived; those of a cluster or a source alone if wanted.
    ///
    /// # Errors
    /// `NotFound` for an unknown cluster, `Invalid` for an `after` that no page gave, and those of the store.
    pub async fn items(&self, project: &ProjectId, query: &ItemQuery) -> Result<ItemPage> {
        if let Some(cluster) = &query.cluster {
            self.members(project, cluster).await?;
        }
        if query.cluster.is_some() || query.unsure {
            return self.decided_items(project, query).await;
        }
        let mut wanted =
            Query { limit: query.limit, after: query.after.clone(), ..Query::all::<FeedbackItem>() };
        if let Some(source) = &query.source {
            wanted = wanted.with("source", source.as_str());
        }
        let total = self.store.count(project, &wanted).await?;
        let page = self.store.list(project, &wanted).await?;
        let items = page.records.into_iter().map(Stored::decode).collect::<Result<Vec<FeedbackItem>>>()?;
        let items = self.with_verdicts(project, items).await?;
        Ok(ItemPage { items, total, next: page.next })
    }

    /// Items that a decision leads to, in the order of the first decision about each, which no later one changes: who
    /// joins or leaves between two pages makes nothing else come twice or not at all.
    async fn decided_items(&self, project: &ProjectId, query: &ItemQuery) -> Result<ItemPage> {
        let all = Query::all::<Decision>();
        let wanted = match &query.cluster {
            Some(cluster) => all.with(if query.unsure { "unsure" } else { "cluster" }, cluster.as_str()),
            None => all.with("verdict", "unsure"),
        };
        let decisions = self.store.list(project, &wanted).await?.records;
        let mut found: Vec<(u64, FeedbackId)> =
            decisions.into_iter().map(|stored| (stored.created, FeedbackId::from(stored.id))).collect();
        if let Some(source) = &query.source {
            let ids: Vec<FeedbackId> = found.iter().map(|(_, id)| id.clone()).collect();
            let mut items = self.placed(project, &ids).await?;
            items.retain(|placed| placed.item.source == *source);
            let ids: HashSet<FeedbackId> = items.into_iter().map(|placed| placed.item.id).collect();
            found.retain(|(_, id)| ids.contains(id));
        }
        let total = found.len();
        if let Some(after) = &query.after {
            let last: u64 = after
                .parse()
                .map_err(|_| Error::invalid("items.list", "this is no place where a page ended"))?;
            found.drain(..found.partition_point(|(created, _)| *created <= last));
        }
        let is_more = query.limit > 0 && found.len() > query.limit;
        if is_more {
            found.truncate(query.limit);
        }
        let next = found.last().filter(|_| is_more).map(|(created, _)| created.to_string());
        let ids: Vec<FeedbackId> = found.into_iter().map(|(_, id)| id).collect();
        Ok(ItemPage { items: self.placed(project, &ids).await?, total, next })
    }

    /// Why an item is where it is.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn explain(&self, project: &ProjectId, id: &FeedbackId) -> Result<Explanation> {
        let Some((item, _)) = self.store.read::<FeedbackItem>(project, id.as_str()).await? else {
            return Err(Error::not_found("items.explain", format!("no item {id} in project {project}")));
        };
        let decision = self.store.read::<Decision>(project, id.as_str()).await?.map(|(decision, _)| decision);
        let place = decision.as_ref().map(|d| match &d.verdict {
            Verdict::Joined { cluster } | Verdict::New { cluster } => cluster.clone(),
            Verdict::Unsure { suggestion } => suggestion.clone(),
        });
        let runner_up =
            decision.as_ref().and_then(|d| d.evidence.runner_up.as_ref()).map(|r| r.cluster.clone());
        let near: Vec<FeedbackId> =
            decision.iter().flat_map(|d| &d.evidence.nearest).map(|near| near.item.clone()).collect();
        let nearest = self.placed(project, &near).await?.into_iter().map(|placed| placed.item).collect();
        let mut corrections = self.load_constraints(project).await?;
        corrections.retain(|constraint| named(&constraint.kind).any(|named| named == id));
        Ok(Explanation {
            item,
            cluster: self.one_cluster(project, place).await?,
            runner_up: self.one_cluster(project, runner_up).await?,
            nearest,
            corrections,
            decision,
        })
    }

    async fn one_cluster(&self, project: &ProjectId, id: Option<ClusterId>) -> Result<Option<Cluster>> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.load_named(project, &[id]).await?.into_values().next().map(|(cluster, _)| cluster))
    }

    /// The timeline, latest first, at most `limit` events (0 for all).
    ///
    /// # Errors
    /// Those of the store.
    pub async fn timeline(&self, project: &ProjectId, limit: usize) -> Result<Vec<TimelineEvent>> {
        self.store
            .read_all(project, &Query { order: Order::Sort, limit, ..Query::all::<TimelineEvent>() })
            .await
    }

    /// The constraints in force, oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn constraints(&self, project: &ProjectId) -> Result<Vec<Constraint>> {
        self.load_constraints(project).await
    }

    /// Items by id, in that order, with where they are; unknown ones are left out.
    pub(crate) async fn placed(&self, project: &ProjectId, ids: &[FeedbackId]) -> Result<Vec<PlacedItem>> {
        let keys: Vec<Key> = ids.iter().map(|id| Key::of::<FeedbackItem>(id.as_str())).collect();
        let stored = self.store.get(project, &keys, false).await?;
        let items =
            stored.into_iter().flatten().map(Stored::decode).collect::<Result<Vec<FeedbackItem>>>()?;
        self.with_verdicts(project, items).await
    }

    async fn with_verdicts(&self, project: &ProjectId, items: Vec<FeedbackItem>) -> Result<Vec<PlacedItem>> {
        let keys: Vec<Key> = items.iter().map(|item| Key::of::<Decision>(item.id.as_str())).collect();
        let stored = self.store.get(project, &keys, false).await?;
        items
            .into_iter()
            .zip(stored)
            .map(|(item, stored)| {
                let verdict = stored.map(Stored::decode::<Decision>).transpose()?.map(|d| d.verdict);
                Ok(PlacedItem { item, verdict })
            })
            .collect()
    }

    /// The one item or cluster that `name` means: one that is called just so, else the only one that begins so.
    ///
    /// # Errors
    /// `NotFound`, or `Invalid` when several match.
    pub async fn find(&self, project: &ProjectId, name: &str) -> Result<Named> {
        let (item, cluster) = (self.find_item(project, name).await, self.find_cluster(project, name).await);
        let (item, cluster) = match (item, cluster) {
            (Err(error), Err(other)) => {
                // Several of a kind say more than none of the other.
                return Err(if error.kind() == ErrorKind::NotFound { other } else { error });
            }
            (Ok(item), Err(error)) if error.kind() == ErrorKind::NotFound => return Ok(Named::Item(item)),
            (Err(error), Ok(cluster)) if error.kind() == ErrorKind::NotFound => {
                return Ok(Named::Cluster(cluster));
            }
            (Ok(item), Ok(cluster)) => (item, cluster),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => return Err(error),
        };
        if cluster.as_str() == name {
            return Ok(Named::Cluster(cluster));
        }
        let known = self.placed(project, std::slice::from_ref(&item)).await?;
        let external = known.first().and_then(|placed| placed.item.external_id.as_deref());
        if item.as_str() == name || external == Some(name) {
            return Ok(Named::Item(item));
        }
        let message = format!("{name:?} means item {item} and cluster {cluster}; give more letters");
        Err(Error::invalid("find", message))
    }

    /// The one item that `name` means: its id, the beginning of it, or the source's own id.
    ///
    /// # Errors
    /// `NotFound`, or `Invalid` when several match.
    pub async fn find_item(&self, project: &ProjectId, name: &str) -> Result<FeedbackId> {
        if self.store.read::<FeedbackItem>(project, name).await?.is_some() {
            return Ok(FeedbackId::from(name));
        }
        let by_source = Query { limit: 2, ..Query::all::<FeedbackItem>() }.with("external_id", name);
        let mut found: Vec<String> =
            self.store.list(project, &by_source).await?.records.into_iter().map(|s| s.id).collect();
        if found.is_empty() && name.len() >= 3 {
            let all = self.store.list(project, &Query::all::<FeedbackItem>()).await?.records;
            found = all.into_iter().map(|s| s.id).filter(|id| id.starts_with(name)).take(2).collect();
        }
        one(found, "item", name, project).map(FeedbackId::from)
    }

    /// The one cluster that `name` means: its id or the beginning of it.
    ///
    /// # Errors
    /// `NotFound`, or `Invalid` when several match.
    pub async fn find_cluster(&self, project: &ProjectId, name: &str) -> Result<ClusterId> {
        if self.store.read::<Cluster>(project, name).await?.is_some() {
            return Ok(ClusterId::from(name));
        }
        let all = self.store.list(project, &Query::all::<Cluster>()).await?.records;
        let found = all
            .into_iter()
            .map(|s| s.id)
            .filter(|id| name.len() >= 3 && id.starts_with(name))
            .take(2)
            .collect();
        one(found, "cluster", name, project).map(ClusterId::from)
    }
}

fn one(mut found: Vec<String>, what: &'static str, name: &str, project: &ProjectId) -> Result<String> {
    match (found.pop(), found.pop()) {
        (Some(id), None) => Ok(id),
        (Some(a), Some(b)) => Err(Error::invalid(
            "find",
            format!("{name:?} means {what}s {b} and {a}, perhaps more; use one of these, or more letters"),
        )),
        _ => {
            let short = if name.len() < 3 { "; the beginning of an id takes three letters" } else { "" };
            let message =
                format!("no {what} {name:?} in project {project}; `soulcaster {what}s` lists them{short}");
            Err(Error::not_found("find", message))
        }
    }
}
