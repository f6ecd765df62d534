//! The contract of [`VectorIndex`].

use super::{fails, ok};
use crate::error::ErrorKind;
use crate::id::{FeedbackId, ProjectId};
use crate::port::embedder::Embedding;
use crate::port::index::VectorIndex;

fn vector(components: &[f32]) -> Embedding {
    ok(Embedding::new(components.to_vec()), "the vector has a direction")
}

fn points(points: &[(&str, [f32; 3])]) -> Vec<(FeedbackId, Embedding)> {
    points.iter().map(|(item, components)| (FeedbackId::from(*item), vector(components))).collect()
}

async fn search(index: &dyn VectorIndex, project: &ProjectId, query: [f32; 3], limit: usize) -> Vec<String> {
    let query = vector(&query);
    let hits = ok(index.search(project, &query, limit).await, "search answers");
    assert!(hits.len() <= limit, "search gives at most `limit` hits");
    let right = hits.is_sorted_by(|a, b| a.score > b.score || (a.score == b.score && a.item < b.item));
    assert!(right, "best first, equal scores in the order of their item ids: {hits:?}");
    hits.into_iter().map(|hit| hit.item.to_string()).collect()
}

/// Checks every sentence of the contract of [`VectorIndex`].
///
/// # Panics
/// With the sentence that was broken.
pub async fn index(index: &dyn VectorIndex) {
    let project = |name: &str| ok(ProjectId::new(format!("conformance-{name}")), "the name is a project id");
    let (left, right, empty) = (&project("left"), &project("right"), &project("empty"));
    let (x, y, z) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
    let len = async |project| ok(index.len(project).await, "len answers");

    let sentence = "an empty project gives an empty list";
    assert!(search(index, empty, x, 5).await.is_empty(), "{sentence}");
    assert_eq!(len(empty).await, 0, "an empty project has no vectors");
    ok(index.upsert(empty, vec![]).await, "adding nothing is no error");
    ok(index.remove(empty, &["a".into()]).await, "removing an unknown item is no error");
    assert!(search(index, empty, x, 5).await.is_empty(), "{sentence}");

    let first = [("b", x), ("a", x), ("é", y), ("d", [1.0, 1.0, 0.0]), ("", [-1.0, 0.0, 0.0])];
    ok(index.upsert(left, points(&first)).await, "upsert adds vectors");
    assert_eq!(len(left).await, 5, "len counts the project's vectors");
    assert_eq!(search(index, left, x, 10).await, ["a", "b", "d", "é", ""], "best first");
    for limit in 0..=5 {
        let expected = &["a", "b", "d", "é", ""][..limit];
        assert_eq!(search(index, left, x, limit).await, expected, "at most {limit} hits, and those the best");
    }
    assert_eq!(search(index, left, x, usize::MAX).await.len(), 5, "any limit is one");
    let hits = ok(index.search(left, &vector(&[0.6, 0.8, 0.0]), 1).await, "search answers");
    let expected = vector(&[1.0, 1.0, 0.0]).cosine(&vector(&[0.6, 0.8, 0.0]));
    assert!((hits[0].score - expected).abs() < 1e-3, "the score is the cosine: {hits:?}, not {expected}");

    let sentence = "every project is a namespace of its own";
    assert!(search(index, right, x, 5).await.is_empty(), "{sentence}");
    ok(index.upsert(right, points(&[("a", z)])).await, "upsert adds vectors");
    assert_eq!(search(index, right, x, 5).await, ["a"], "{sentence}");
    assert_eq!(search(index, left, z, 1).await, [""], "{sentence}");
    ok(index.remove(right, &["b".into()]).await, "removing an unknown item is no error");
    assert_eq!(len(left).await, 5, "{sentence}");

    let sentence = "upsert replaces the vector of a known item";
    ok(index.upsert(left, points(&[("b", y)])).await, sentence);
    assert_eq!(len(left).await, 5, "{sentence}");
    assert_eq!(search(index, left, x, 5).await, ["a", "d", "b", "é", ""], "{sentence}");
    ok(index.upsert(left, points(&[("b", x), ("b", z)])).await, "the last of two vectors of one item counts");
    assert_eq!(search(index, left, z, 1).await, ["b"], "the last of two vectors of one item counts");

    let sentence = "a vector of other dimensions than the project's first one is Invalid";
    let wrong = || vector(&[1.0, 0.0]);
    fails(index.upsert(left, vec![("w".into(), wrong())]).await, ErrorKind::Invalid, sentence);
    let mixed = vec![("v".into(), vector(&x)), ("w".into(), wrong())];
    fails(index.upsert(left, mixed).await, ErrorKind::Invalid, sentence);
    fails(index.search(left, &wrong(), 1).await, ErrorKind::Invalid, sentence);
    assert_eq!(len(left).await, 5, "{sentence}, and nothing of the call is kept");

    let gone: Vec<FeedbackId> = ["a", "é", "never-there"].map(FeedbackId::from).to_vec();
    ok(index.remove(left, &gone).await, "removing an unknown item is no error");
    assert_eq!(search(index, left, x, 5).await, ["d", "b", ""], "a removed item is not found");
    assert_eq!(len(left).await, 3, "a removed item is not counted");
    ok(index.upsert(left, points(&[("a", x)])).await, "a removed item can come back");
    assert_eq!(search(index, left, x, 1).await, ["a"], "a removed item can come back");

    let all: Vec<FeedbackId> = ["a", "b", "d", "", "é"].map(FeedbackId::from).to_vec();
    ok(index.remove(left, &all).await, "an index may be emptied");
    ok(index.remove(right, &all).await, "an index may be emptied");
    assert_eq!((len(left).await, len(right).await), (0, 0), "an index may be emptied");
    let sentence = "an index may be dropped and filled again at any time, also with vectors of another model";
    ok(index.upsert(left, vec![("w".into(), wrong())]).await, sentence);
    ok(index.remove(left, &["w".into()]).await, sentence);
}
