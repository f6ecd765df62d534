//! A project at a glance: everything that a report shows, as one value.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use ndarray::Array2;

use crate::engine::layout::{Disc, layout, spot};
use crate::error::Result;
use crate::flow::view::{Counts, Example, GroupView, MergeView, Overview, OverviewOptions, UnsureView};
use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::cluster::Cluster;
use crate::model::decision::{Decision, Verdict};
use crate::model::item::FeedbackItem;
use crate::port::store::{Order, Query};
use crate::soulcaster::Soulcaster;

/// Characters of a body that an example shows.
const BODY: usize = 600;
/// Characters of a title on the map.
const LABEL: usize = 120;
/// Buckets of time at most.
const BUCKETS: i64 = 60;

impl Soulcaster {
    /// Everything a report shows, made at `now`. Changes nothing but that vectors that are missing are made.
    ///
    /// # Errors
    /// Those of the store and the embedder.
    pub async fn overview(
        &self,
        project: &ProjectId,
        options: &OverviewOptions,
        now: DateTime<Utc>,
    ) -> Result<Overview> {
        let base = self.base(project).await?;
        let mut material = self.load_all(project).await?;
        let merges = self.suggestions(project, &material).await?;
        let items = std::mem::take(&mut material.items);
        let decisions: Vec<Decision> =
            std::mem::take(&mut material.decisions).into_iter().flatten().collect();
        drop(material);
        let query =
            Query { order: Order::Sort, blobs: true, limit: options.groups, ..Query::all::<Cluster>() };
        let clusters: Vec<Cluster> = self.store.read_all(project, &query.with("kind", "group")).await?;
        let groups = self.store.count(project, &Query::all::<Cluster>().with("kind", "group")).await?;
        let decided: HashMap<&FeedbackId, &Decision> = decisions.iter().map(|d| (&d.item_id, d)).collect();
        let by_id: HashMap<&FeedbackId, &FeedbackItem> = items.iter().map(|item| (&item.id, item)).collect();
        let mut titles: HashMap<ClusterId, String> =
            clusters.iter().map(|c| (c.id.clone(), c.title.clone())).collect();
        let suggested: Vec<ClusterId> = decisions
            .iter()
            .filter_map(|d| match &d.verdict {
                Verdict::Unsure { suggestion } if !titles.contains_key(suggestion) => {
                    Some(suggestion.clone())
                }
                _ => None,
            })
            .collect();
        titles.extend(
            self.load_named(project, &suggested)
                .await?
                .into_iter()
                .map(|(id, (cluster, _))| (id, cluster.title)),
        );
        let mut members: HashMap<&ClusterId, Vec<&FeedbackItem>> = HashMap::new();
        for item in &items {
            if let Some(cluster) = decided.get(&item.id).and_then(|d| d.verdict.cluster()) {
                members.entry(cluster).or_default().push(item);
            }
        }
        let buckets = Buckets::over(&items);
        let dimensions = self.embedder.dimensions();
        let centres = Array2::from_shape_fn((clusters.len(), dimensions), |(i, j)| {
            clusters[i].centroid.as_ref().and_then(|c| c.as_slice().get(j)).copied().unwrap_or(0.0)
        });
        let discs = layout(centres.view(), &clusters.iter().map(|c| c.size).collect::<Vec<_>>());
        let why =
            |id: &FeedbackId| decided.get(id).map(|d| d.evidence.sentence(&d.verdict)).unwrap_or_default();
        let groups_view: Vec<GroupView> = clusters
            .iter()
            .zip(&discs)
            .map(|(cluster, disc)| GroupView {
                growth: buckets.count(members.get(&cluster.id).map_or(&[], Vec::as_slice)),
                why: togetherness(cluster),
                examples: cluster
                    .examples
                    .iter()
                    .filter_map(|id| by_id.get(id))
                    .map(|item| example(item, why(&item.id)))
                    .collect(),
                x: round(disc.x),
                y: round(disc.y),
                r: round(disc.r),
                ..view(cluster)
            })
            .collect();
        let unsure: Vec<UnsureView> = items
            .iter()
            .filter_map(|item| match &decided.get(&item.id)?.verdict {
                Verdict::Unsure { suggestion } => Some((item, suggestion)),
                _ => None,
            })
            .map(|(item, suggestion)| UnsureView {
                id: item.id.clone(),
                external_id: item.external_id.clone(),
                title: cut(headline(item), LABEL),
                source: item.source.clone(),
                url: item.url.clone(),
                suggestion: suggestion.clone(),
                suggestion_title: titles.get(suggestion).cloned().unwrap_or_default(),
                why: why(&item.id),
            })
            .collect();
        let mut sources: BTreeMap<String, usize> = BTreeMap::new();
        items.iter().for_each(|item| *sources.entry(item.source.clone()).or_default() += 1);
        let grouped: usize = members.values().map(Vec::len).filter(|n| *n > 1).sum();
        let counts = Counts {
            items: items.len(),
            occurrences: items.iter().map(|item| item.occurrences).sum(),
            groups,
            grouped,
            singles: items.len() - grouped - unsure.len(),
            unsure: unsure.len(),
        };
        let title = |id: &ClusterId| titles.get(id).cloned().unwrap_or_default();
        Ok(Overview {
            project: project.clone(),
            generated_at: now,
            engine: env!("CARGO_PKG_VERSION").to_owned(),
            embedder: self.embedder.id().to_string(),
            calibration: base.head.calibration,
            counts,
            sources,
            points: points(&clusters, &discs, &members, &items, options.points),
            buckets: buckets.starts,
            groups: groups_view,
            unsure: unsure.into_iter().take(options.unsure).collect(),
            merges: merges
                .into_iter()
                .map(|pair| MergeView {
                    why: format!(
                        "reports of the two are {:.0} % as alike as reports within the looser one",
                        100.0 * pair.ratio.min(1.0)
                    ),
                    a_title: title(&pair.into),
                    b_title: title(&pair.from),
                    a: pair.into,
                    b: pair.from,
                    similarity: pair.similarity,
                })
                .collect(),
        })
    }
}

fn view(cluster: &Cluster) -> GroupView {
    GroupView {
        id: cluster.id.clone(),
        title: cluster.title.clone(),
        keywords: cluster.keywords.clone(),
        size: cluster.size,
        occurrences: cluster.occurrences,
        sources: cluster.sources.clone(),
        first_seen: cluster.first_seen,
        last_seen: cluster.last_seen,
        severity: cluster.severity,
        status: cluster.status,
        cohesion: cluster.cohesion,
        growth: Vec::new(),
        why: String::new(),
        x: 0.0,
        y: 0.0,
        r: 0.0,
        examples: Vec::new(),
    }
}

fn togetherness(cluster: &Cluster) -> String {
    let words = cluster.keywords.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    let alike = cluster.cohesion.map_or(String::new(), |c| {
        format!("; mean similarity {:.2}, from {:.2} to {:.2}", c.mean, c.min, c.max)
    });
    if words.is_empty() {
        format!("{} reports alike{alike}", cluster.size)
    } else {
        format!("set apart by: {words}{alike}")
    }
}

fn example(item: &FeedbackItem, why: String) -> Example {
    Example {
        id: item.id.clone(),
        external_id: item.external_id.clone(),
        title: cut(headline(item), 300),
        body: cut(if item.title.trim().is_empty() { "" } else { &item.body }, BODY),
        source: item.source.clone(),
        url: item.url.clone(),
        occurred_at: item.occurred_at,
        author: item.author.clone(),
        why,
    }
}

fn headline(item: &FeedbackItem) -> &str {
    if item.title.trim().is_empty() { &item.body } else { &item.title }
}

/// The first `most` characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn round(x: f64) -> f64 {
    (x * 10_000.0).round() / 10_000.0
}

/// The items drawn: of each group the same share, at least one; those that are alone in a ring around.
fn points(
    clusters: &[Cluster],
    discs: &[Disc],
    members: &HashMap<&ClusterId, Vec<&FeedbackItem>>,
    items: &[FeedbackItem],
    most: usize,
) -> Vec<(i64, f64, f64, String)> {
    let share = (most as f64 / items.len().max(1) as f64).min(1.0);
    let wanted = |n: usize| ((n as f64 * share).ceil() as usize).min(n);
    let mut out = Vec::new();
    let mut drawn = std::collections::HashSet::new();
    for ((at, cluster), disc) in (0i64..).zip(clusters).zip(discs) {
        let all = members.get(&cluster.id).map_or(&[][..], Vec::as_slice);
        let n = wanted(all.len());
        drawn.extend(all.iter().map(|item| &item.id));
        for i in 0..n {
            let (x, y) = spot(*disc, i, n);
            out.push((at, round(x), round(y), cut(headline(all[i * all.len() / n]), LABEL)));
        }
    }
    let rest: Vec<&FeedbackItem> = items.iter().filter(|item| !drawn.contains(&item.id)).collect();
    let n = wanted(rest.len());
    for i in 0..n {
        let ring = Disc { x: 0.0, y: 0.0, r: 1.0 };
        let (x, y) = spot(ring, n + i, 2 * n);
        out.push((-1, round(x * 1.5), round(y * 1.5), cut(headline(rest[i * rest.len() / n]), LABEL)));
    }
    out.truncate(most);
    out
}

/// Evenly spaced days that cover the items' times.
struct Buckets {
    starts: Vec<NaiveDate>,
    days: i64,
}

impl Buckets {
    fn over(items: &[FeedbackItem]) -> Self {
        let days = items.iter().filter_map(|item| item.occurred_at).map(|at| at.date_naive());
        let Some((first, last)) = days.fold(None, |span: Option<(NaiveDate, NaiveDate)>, day| {
            Some(span.map_or((day, day), |(a, b)| (a.min(day), b.max(day))))
        }) else {
            return Self { starts: Vec::new(), days: 1 };
        };
        let days = [1, 7, 28, 91, 364].into_iter().find(|days| (last - first).num_days() / days < BUCKETS);
        let days = days.unwrap_or((last - first).num_days() / BUCKETS + 1);
        // Weeks begin on Monday.
        let first = if days % 7 == 0 {
            first - Duration::days(i64::from(first.weekday().num_days_from_monday()))
        } else {
            first
        };
        let n = (last - first).num_days() / days + 1;
        Self { starts: (0..n).map(|i| first + Duration::days(i * days)).collect(), days }
    }

    fn count(&self, items: &[&FeedbackItem]) -> Vec<usize> {
        let mut counts = vec![0; self.starts.len()];
        for day in items.iter().filter_map(|item| item.occurred_at).map(|at| at.date_naive()) {
            if let Some(first) = self.starts.first() {
                let at = usize::try_from((day - *first).num_days() / self.days).unwrap_or(0);
                if let Some(count) = counts.get_mut(at) {
                    *count += 1;
                }
            }
        }
        counts
    }
}
