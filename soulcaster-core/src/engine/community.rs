//! Communities by the constant Potts model (Traag, Van Dooren, Nesterov 2011): the partition that maximises
//! the sum over pairs in one group of (weight - gamma), found by local moving and aggregation in the manner
//! of Louvain (Blondel et al. 2008). Deterministic: nodes in order, ties stay, else go to the lower group.

use std::collections::VecDeque;

/// An undirected weighted graph; every edge stands in both rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// For each node its neighbours with the weight, by neighbour.
    pub edges: Vec<Vec<(u32, f64)>>,
    /// How many items each node stands for.
    pub sizes: Vec<f64>,
    /// Nodes that must not share a group with this one.
    pub apart: Vec<Vec<u32>>,
}

impl Graph {
    /// Merges nodes with equal labels (dense from 0) into one. Inner edges vanish: they never change again.
    #[must_use]
    pub fn contract(&self, labels: &[u32]) -> Self {
        let groups = labels.iter().max().map_or(0, |m| *m as usize + 1);
        let mut sizes = vec![0f64; groups];
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); groups];
        for (node, label) in (0u32..).zip(labels) {
            sizes[*label as usize] += self.sizes[node as usize];
            members[*label as usize].push(node);
        }
        let mut sum = vec![0f64; groups];
        let mut edges = Vec::with_capacity(groups);
        let mut apart = Vec::with_capacity(groups);
        for (group, members) in (0u32..).zip(&members) {
            let mut seen: Vec<u32> = Vec::new();
            for (other, weight) in members.iter().flat_map(|node| &self.edges[*node as usize]) {
                let other = labels[*other as usize];
                if other != group {
                    if sum[other as usize] == 0.0 {
                        seen.push(other);
                    }
                    sum[other as usize] += weight;
                }
            }
            seen.sort_unstable();
            edges
                .push(seen.iter().map(|other| (*other, std::mem::take(&mut sum[*other as usize]))).collect());
            let mut foes: Vec<u32> = members
                .iter()
                .flat_map(|node| &self.apart[*node as usize])
                .map(|foe| labels[*foe as usize])
                .collect();
            foes.sort_unstable();
            foes.dedup();
            apart.push(foes);
        }
        Self { edges, sizes, apart }
    }
}

/// Groups the nodes of `graph`: a label a node, dense from 0 in order of first use.
///
/// Nodes that must be apart are. Stops after three rounds of moving and aggregating, or when one changes
/// nothing.
#[must_use]
pub fn communities(graph: &Graph, gamma: f64) -> Vec<u32> {
    let mut labels: Vec<u32> = (0u32..).take(graph.sizes.len()).collect();
    for _ in 0..3 {
        let before = labels.clone();
        move_nodes(graph, gamma, &mut labels);
        loop {
            let coarse = graph.contract(&labels);
            let mut coarse_labels: Vec<u32> = (0u32..).take(coarse.sizes.len()).collect();
            if !move_nodes(&coarse, gamma, &mut coarse_labels) {
                break;
            }
            labels.iter_mut().for_each(|label| *label = coarse_labels[*label as usize]);
            renumber(&mut labels);
        }
        if labels == before {
            break;
        }
    }
    labels
}

/// Moves nodes one by one to the group where they gain most, until none wants to. Leaves `labels` dense.
fn move_nodes(graph: &Graph, gamma: f64, labels: &mut [u32]) -> bool {
    let n = graph.sizes.len();
    let mut group_size = vec![0f64; n];
    let mut group_nodes = vec![0u32; n];
    for (node, label) in labels.iter().enumerate() {
        group_size[*label as usize] += graph.sizes[node];
        group_nodes[*label as usize] += 1;
    }
    let mut empty: Vec<u32> = (0u32..).zip(&group_nodes).filter(|(_, k)| **k == 0).map(|(g, _)| g).collect();
    empty.reverse();
    let mut queue: VecDeque<u32> = (0u32..).take(n).collect();
    let mut queued = vec![true; n];
    let mut weight = vec![0f64; n];
    let mut steps = 50 * n;
    let mut moved = false;
    while let Some(node) = queue.pop_front() {
        let i = node as usize;
        queued[i] = false;
        if steps == 0 {
            break;
        }
        steps -= 1;
        let own = labels[i];
        let mut near: Vec<u32> = Vec::new();
        for (other, w) in &graph.edges[i] {
            let group = labels[*other as usize];
            if weight[group as usize] == 0.0 {
                near.push(group);
            }
            weight[group as usize] += w;
        }
        let size = graph.sizes[i];
        let gain = |group: u32, without: f64| {
            weight[group as usize] - gamma * size * (group_size[group as usize] - without)
        };
        let (mut best, mut best_gain) = (own, gain(own, size));
        for group in near.iter().copied().filter(|group| *group != own) {
            let gain = gain(group, 0.0);
            let better = gain > best_gain || (gain == best_gain && best != own && group < best);
            if better && !graph.apart[i].iter().any(|foe| labels[*foe as usize] == group) {
                (best, best_gain) = (group, gain);
            }
        }
        if best_gain < 0.0 && group_nodes[own as usize] > 1 {
            // Alone is worth 0. A group is empty whenever another holds two nodes.
            best = empty.pop().unwrap_or(own);
        }
        for group in near {
            weight[group as usize] = 0.0;
        }
        if best == own {
            continue;
        }
        moved = true;
        labels[i] = best;
        group_size[own as usize] -= size;
        group_nodes[own as usize] -= 1;
        group_size[best as usize] += size;
        group_nodes[best as usize] += 1;
        if group_nodes[own as usize] == 0 {
            group_size[own as usize] = 0.0;
            empty.push(own);
        }
        for (other, _) in &graph.edges[i] {
            if labels[*other as usize] != best && !queued[*other as usize] {
                queued[*other as usize] = true;
                queue.push_back(*other);
            }
        }
    }
    renumber(labels);
    moved
}

/// Numbers labels densely from 0, in order of first use.
pub(crate) fn renumber(labels: &mut [u32]) {
    let mut map: std::collections::HashMap<u32, u32> = std::collections::HashMap::new();
    for label in labels {
        #[allow(clippy::cast_possible_truncation)]
        let next = map.len() as u32;
        *label = *map.entry(*label).or_insert(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(n: usize, pairs: &[(u32, u32, f64)]) -> Graph {
        let mut graph = Graph { edges: vec![Vec::new(); n], sizes: vec![1.0; n], apart: vec![Vec::new(); n] };
        for (a, b, w) in pairs {
            graph.edges[*a as usize].push((*b, *w));
            graph.edges[*b as usize].push((*a, *w));
        }
        graph
    }

    #[test]
    fn two_triangles_with_a_weak_bridge_are_two_groups() {
        let pairs =
            [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (3, 4, 1.0), (4, 5, 1.0), (3, 5, 1.0), (2, 3, 0.3)];
        assert_eq!(communities(&graph(6, &pairs), 0.2), [0, 0, 0, 1, 1, 1]);
        assert_eq!(communities(&graph(6, &pairs), 2.0), [0, 1, 2, 3, 4, 5]);
        assert_eq!(communities(&graph(6, &pairs), 0.01), [0; 6]);
    }

    #[test]
    fn nodes_that_must_be_apart_are_apart_through_aggregation() {
        let pairs = [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (2, 3, 1.0), (1, 3, 1.0), (0, 3, 1.0)];
        let mut graph = graph(4, &pairs);
        graph.apart[0].push(3);
        graph.apart[3].push(0);
        let labels = communities(&graph, 0.05);
        assert_ne!(labels[0], labels[3]);
    }

    #[test]
    fn contracting_sums_weights_and_sizes() {
        let graph = graph(4, &[(0, 2, 0.5), (1, 2, 0.25), (2, 3, 1.0), (0, 1, 9.0)]);
        let coarse = graph.contract(&[0, 0, 1, 1]);
        assert_eq!(coarse.sizes, [2.0, 2.0]);
        assert_eq!(coarse.edges, vec![vec![(1, 0.75)], vec![(0, 0.75)]]);
    }

    #[test]
    fn no_nodes_no_groups() {
        assert!(communities(&Graph::default(), 0.1).is_empty());
    }
}
