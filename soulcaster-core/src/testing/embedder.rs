//! The contract of [`Embedder`].

use super::ok;
use crate::port::embedder::{Embedder, GRID};

/// Checks every sentence of the contract of [`Embedder`].
///
/// # Panics
/// With the sentence that was broken.
pub async fn embedder(embedder: &dyn Embedder) {
    let embed = async |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let vectors = ok(embedder.embed(&texts).await, "any text gets a vector");
        assert_eq!(vectors.len(), texts.len(), "one vector a text");
        vectors
    };
    let (id, dimensions) = (embedder.id(), embedder.dimensions());
    assert!(!id.0.is_empty(), "id names the model and its version");
    assert!(dimensions > 0, "a vector has at least one component");
    assert!(embed(&[]).await.is_empty(), "no texts, no vectors");

    let long = "a very long report about everything ".repeat(2000);
    let texts = [
        "The app crashes when I open the settings",
        "",
        " ",
        "\u{0}",
        "!!!",
        "日本語のレポート",
        "👩‍👩‍👧",
        "e\u{301}\u{301}\u{301}",
        "\u{feff}\u{200b}",
        "line\nbreak\r\n\ttab",
        "The app crashes when I open the settings",
        &long,
        "Please add a dark theme",
    ];
    let vectors = embed(&texts).await;
    for (vector, text) in vectors.iter().zip(texts) {
        let text: String = text.chars().take(40).collect();
        assert_eq!(vector.dimensions(), dimensions, "dimensions() components each: {text:?}");
        let length = vector.cosine(vector).sqrt();
        assert!((length - 1.0).abs() < 0.03, "a vector has unit length: {text:?} has {length}");
        let on_grid = vector.as_slice().iter().all(|x| (x * GRID).fract() == 0.0);
        assert!(on_grid, "components lie on the grid: {text:?}");
    }
    assert_eq!(vectors[0], vectors[10], "the same text gives the same vector");
    for (text, vector) in texts.iter().zip(&vectors) {
        let alone = embed(&[text]).await;
        let text: String = text.chars().take(40).collect();
        assert_eq!(
            alone[0], *vector,
            "the same text gives the same vector, whatever comes with it: {text:?}"
        );
    }
    let mut backwards = texts;
    backwards.reverse();
    let mut again = embed(&backwards).await;
    again.reverse();
    assert_eq!(again, vectors, "vectors come in the order of the texts");
    assert_ne!(vectors[0], vectors[12], "different texts have different vectors");
    assert_eq!((embedder.id(), embedder.dimensions()), (id, dimensions), "id and dimensions stay");
}
