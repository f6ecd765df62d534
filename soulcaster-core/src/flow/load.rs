//! Reading a project, or a part of it, as the engine needs it.

use std::collections::{BTreeMap, HashMap, HashSet};

use ndarray::Array2;

use crate::engine::Rules;
use crate::error::{Error, Result};
use crate::id::{ClusterId, ConstraintId, FeedbackId, ProjectId};
use crate::model::cluster::Cluster;
use crate::model::constraint::{Constraint, ConstraintKind};
use crate::model::decision::Decision;
use crate::model::head::Head;
use crate::model::item::FeedbackItem;
use crate::model::vector::StoredVector;
use crate::port::embedder::{CHUNK, Embedding, embed_checked};
use crate::port::store::{Expect, Key, Order, Query, Stored, Write};
use crate::soulcaster::Soulcaster;

/// The head of a project with what its next write expects.
pub(crate) struct Base {
    pub(crate) head: Head,
    pub(crate) expect: Expect,
}

/// Items in arrival order, with everything the engine and the records need.
pub(crate) struct Material {
    pub(crate) items: Vec<FeedbackItem>,
    pub(crate) texts: Vec<String>,
    /// Row `i` is item `i`.
    pub(crate) vectors: Array2<f32>,
    pub(crate) row_of: HashMap<FeedbackId, usize>,
    pub(crate) decisions: Vec<Option<Decision>>,
    /// The greatest version of an item; 0 when not all were read.
    pub(crate) read_to: u64,
}

impl Soulcaster {
    /// The head, and the check that its vectors are of this embedder.
    pub(crate) async fn base(&self, project: &ProjectId) -> Result<Base> {
        let (head, expect) = match self.store.read::<Head>(project, "head").await? {
            Some((head, version)) => (head, Expect::Version(version)),
            None => (Head::empty(project), Expect::Absent),
        };
        if let Some(stored) = &head.embedder
            && *stored != self.embedder.id()
        {
            let message = format!(
                "project {project} was embedded with {stored}, not with {}; open it with the same embedder",
                self.embedder.id()
            );
            return Err(Error::conflict("project.open", message));
        }
        Ok(Base { head, expect })
    }

    /// Every item of the project, embedded.
    pub(crate) async fn load_all(&self, project: &ProjectId) -> Result<Material> {
        let stored = self.store.list(project, &Query::all::<FeedbackItem>()).await?.records;
        let read_to = stored.iter().map(|stored| stored.version).max().unwrap_or(0);
        let items = stored.into_iter().map(Stored::decode).collect::<Result<Vec<FeedbackItem>>>()?;
        let decisions: Vec<Decision> = self.store.read_all(project, &Query::all::<Decision>()).await?;
        let vectors =
            self.store.read_all(project, &Query { blobs: true, ..Query::all::<StoredVector>() }).await?;
        Ok(Material { read_to, ..self.material(project, items, decisions, vectors).await? })
    }

    /// The members of `clusters`, the items that are unsure of them, and those named in `more`, embedded.
    pub(crate) async fn load_members(
        &self,
        project: &ProjectId,
        clusters: &[ClusterId],
        more: &[FeedbackId],
    ) -> Result<Material> {
        let mut decisions: Vec<Decision> = Vec::new();
        for (cluster, field) in
            clusters.iter().flat_map(|cluster| [(cluster, "cluster"), (cluster, "unsure")])
        {
            let query = Query::all::<Decision>().with(field, cluster.as_str());
            decisions.extend(self.store.read_all::<Decision>(project, &query).await?);
        }
        let mut seen: HashSet<FeedbackId> = decisions.iter().map(|d| d.item_id.clone()).collect();
        let rest: Vec<&FeedbackId> = more.iter().filter(|id| seen.insert((*id).clone())).collect();
        let keys: Vec<Key> = rest.into_iter().map(|id| Key::of::<Decision>(id.as_str())).collect();
        for stored in self.store.get(project, &keys, false).await?.into_iter().flatten() {
            decisions.push(stored.decode()?);
        }
        let ids: Vec<FeedbackId> = decisions.iter().map(|d| d.item_id.clone()).collect();
        self.load_items(project, &ids, decisions).await
    }

    async fn load_items(
        &self,
        project: &ProjectId,
        ids: &[FeedbackId],
        decisions: Vec<Decision>,
    ) -> Result<Material> {
        let keys: Vec<Key> = ids.iter().map(|id| Key::of::<FeedbackItem>(id.as_str())).collect();
        let mut stored: Vec<Stored> =
            self.store.get(project, &keys, false).await?.into_iter().flatten().collect();
        stored.sort_by_key(|s| s.created);
        let items = stored.into_iter().map(Stored::decode).collect::<Result<Vec<FeedbackItem>>>()?;
        let keys: Vec<Key> = ids.iter().map(|id| Key::of::<StoredVector>(id.as_str())).collect();
        let stored = self.store.get(project, &keys, true).await?;
        let vectors =
            stored.into_iter().flatten().map(Stored::decode).collect::<Result<Vec<StoredVector>>>()?;
        self.material(project, items, decisions, vectors).await
    }

    /// Joins items with their decisions and vectors; makes and keeps the vectors that are missing or old.
    async fn material(
        &self,
        project: &ProjectId,
        items: Vec<FeedbackItem>,
        decisions: Vec<Decision>,
        vectors: Vec<StoredVector>,
    ) -> Result<Material> {
        let texts: Vec<String> = items.iter().map(FeedbackItem::text).collect();
        let row_of: HashMap<FeedbackId, usize> =
            items.iter().enumerate().map(|(i, item)| (item.id.clone(), i)).collect();
        let (embedder, dimensions) = (self.embedder.id(), self.embedder.dimensions());
        let mut rows = Array2::<f32>::zeros((items.len(), dimensions));
        let mut missing = vec![true; items.len()];
        for vector in vectors {
            let Some(row) = row_of.get(&vector.item_id).copied() else { continue };
            let current = vector.embedder == embedder && vector.text == StoredVector::text_name(&texts[row]);
            if let Some(embedding) = vector.embedding.filter(|e| current && e.dimensions() == dimensions) {
                set_row(&mut rows, row, &embedding);
                missing[row] = false;
            }
        }
        let missing: Vec<usize> = (0..items.len()).filter(|row| missing[*row]).collect();
        for chunk in missing.chunks(CHUNK) {
            let wanted: Vec<String> = chunk.iter().map(|row| texts[*row].clone()).collect();
            let made = embed_checked(self.embedder.as_ref(), &wanted).await?;
            let mut writes = Vec::with_capacity(chunk.len());
            for (row, embedding) in chunk.iter().zip(made) {
                set_row(&mut rows, *row, &embedding);
                let vector = StoredVector {
                    item_id: items[*row].id.clone(),
                    embedder: embedder.clone(),
                    text: StoredVector::text_name(&texts[*row]),
                    embedding: Some(embedding),
                };
                writes.push(Write::put(&vector, Expect::Any)?);
            }
            self.store.commit(project, writes).await?;
        }
        let mut placed: Vec<Option<Decision>> = vec![None; items.len()];
        for decision in decisions {
            if let Some(row) = row_of.get(&decision.item_id) {
                placed[*row] = Some(decision);
            }
        }
        Ok(Material { items, texts, vectors: rows, row_of, decisions: placed, read_to: 0 })
    }

    /// Every cluster of the project with its version, the retired ones included.
    pub(crate) async fn load_clusters(
        &self,
        project: &ProjectId,
    ) -> Result<BTreeMap<ClusterId, (Cluster, u64)>> {
        let stored = self.store.list(project, &Query::all::<Cluster>()).await?.records;
        decode_clusters(stored)
    }

    /// The named clusters with their versions; those that are not there are left out.
    pub(crate) async fn load_named(
        &self,
        project: &ProjectId,
        ids: &[ClusterId],
    ) -> Result<BTreeMap<ClusterId, (Cluster, u64)>> {
        let keys: Vec<Key> = ids.iter().map(|id| Key::of::<Cluster>(id.as_str())).collect();
        decode_clusters(self.store.get(project, &keys, false).await?.into_iter().flatten().collect())
    }

    /// The constraints in force, oldest first.
    pub(crate) async fn load_constraints(&self, project: &ProjectId) -> Result<Vec<Constraint>> {
        let query = Query { order: Order::Arrival, ..Query::all::<Constraint>() }.with("active", "true");
        self.store.read_all(project, &query).await
    }
}

fn decode_clusters(stored: Vec<Stored>) -> Result<BTreeMap<ClusterId, (Cluster, u64)>> {
    stored
        .into_iter()
        .map(|stored| {
            let version = stored.version;
            let cluster: Cluster = stored.decode()?;
            Ok((cluster.id.clone(), (cluster, version)))
        })
        .collect()
}

fn set_row(rows: &mut Array2<f32>, row: usize, embedding: &Embedding) {
    rows.row_mut(row).iter_mut().zip(embedding.as_slice()).for_each(|(x, y)| *x = *y);
}

/// Constraints as rules over rows, and for each row the constraints that name it. Should two contradict, which
/// no correction lets happen, the newer one stands.
pub(crate) fn rules(
    constraints: &[Constraint],
    row_of: &HashMap<FeedbackId, usize>,
    n: usize,
) -> (Rules, Vec<Vec<ConstraintId>>) {
    let (rules, naming) = all_rules(constraints, row_of, n);
    if rules.contradiction(n).is_none() {
        return (rules, naming);
    }
    let mut standing: Vec<Constraint> = Vec::new();
    for constraint in constraints.iter().rev() {
        standing.insert(0, constraint.clone());
        if all_rules(&standing, row_of, n).0.contradiction(n).is_some() {
            standing.remove(0);
        }
    }
    all_rules(&standing, row_of, n)
}

fn all_rules(
    constraints: &[Constraint],
    row_of: &HashMap<FeedbackId, usize>,
    n: usize,
) -> (Rules, Vec<Vec<ConstraintId>>) {
    let rows = |ids: &[FeedbackId]| ids.iter().filter_map(|id| row_of.get(id).copied()).collect::<Vec<_>>();
    let (mut together, mut apart) = (Vec::new(), Vec::new());
    let mut naming: Vec<Vec<ConstraintId>> = vec![Vec::new(); n];
    for constraint in constraints {
        let named: Vec<usize> = match &constraint.kind {
            ConstraintKind::Together { items } => {
                together.push(rows(items));
                rows(items)
            }
            ConstraintKind::Apart { left, right } => {
                let (left, right) = (rows(left), rows(right));
                let both = [left.as_slice(), right.as_slice()].concat();
                apart.push((left, right));
                both
            }
        };
        for row in named {
            if naming[row].last() != Some(&constraint.id) {
                naming[row].push(constraint.id.clone());
            }
        }
    }
    (Rules::new(n, &together, &apart), naming)
}
