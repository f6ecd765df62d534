//! Text to vectors.

use std::fmt;

use async_trait::async_trait;
use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Names a model and its version. Vectors of different ids are never compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct EmbedderId(pub String);

impl fmt::Display for EmbedderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Steps of the grid that vector components lie on: each is a whole number of 1/2048.
///
/// Products of two such numbers are whole numbers of 2^-22, and every partial sum of a dot product of unit
/// vectors stays below 4, so `f32` holds it exactly: a dot product has the same bits in any order of
/// summation, with or without fused multiply-add, on any processor. Rounding moves a cosine by about 0.0002.
pub const GRID: f32 = 2048.0;

/// A unit-length vector whose components lie on [`GRID`].
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// Scales `components` to unit length and rounds them to [`GRID`].
    ///
    /// # Errors
    /// `Invalid` when empty, all zero, or not finite.
    pub fn new(mut components: Vec<f32>) -> Result<Self> {
        if components.is_empty() {
            return Err(Error::invalid("embedding", "a vector has at least one component"));
        }
        if components.iter().any(|x| !x.is_finite()) {
            return Err(Error::invalid("embedding", "a component is not a finite number"));
        }
        if !to_unit_grid(&mut components) {
            return Err(Error::invalid("embedding", "every component is zero; a vector needs a direction"));
        }
        Ok(Self(components))
    }

    /// The components.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// How many components.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.0.len()
    }

    /// Cosine of the angle to `other`, exact on the grid; 0 when the dimensions differ.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        if self.0.len() != other.0.len() {
            return 0.0;
        }
        self.0.iter().zip(&other.0).map(|(x, y)| x * y).sum()
    }

    /// Two bytes a component, little endian: whole numbers of 1/2048.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        #[allow(clippy::cast_possible_truncation)] // on the grid and at most 1 in size: fits 16 bits
        self.0.iter().flat_map(|x| ((x * GRID) as i16).to_le_bytes()).collect()
    }

    /// Reads what [`Embedding::to_bytes`] wrote.
    ///
    /// # Errors
    /// `Invalid` for an odd number of bytes or none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (pairs, rest) = bytes.as_chunks::<2>();
        if pairs.is_empty() || !rest.is_empty() {
            return Err(Error::invalid("embedding", "stored vector has an odd number of bytes, or none"));
        }
        Ok(Self(pairs.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / GRID).collect()))
    }
}

/// Scales to unit length and rounds to [`GRID`]. False, and unchanged, when there is no direction.
pub(crate) fn to_unit_grid(row: &mut [f32]) -> bool {
    let norm = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if norm < 1e-30 {
        return false;
    }
    #[allow(clippy::cast_possible_truncation)]
    for x in row.iter_mut() {
        *x = ((f64::from(*x) / norm * f64::from(GRID)).round() / f64::from(GRID)) as f32;
    }
    true
}

/// Turns texts into vectors.
///
/// # Contract
/// - One vector a text, in the same order; `dimensions()` components each.
/// - Any text gets a vector, the empty one included.
/// - The same text gives the same vector; `id` changes whenever vectors do.
/// - Errors are for the call as a whole; nothing is half answered.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use soulcaster_core::{embedder::BuiltinEmbedder, port::Embedder};
/// let vectors = BuiltinEmbedder::new().embed(&["app crashes".into(), "crash in the app".into()]).await?;
/// assert!(vectors[0].cosine(&vectors[1]) > 0.5);
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Names the model and its version.
    fn id(&self) -> EmbedderId;

    /// Components of each vector.
    fn dimensions(&self) -> usize;

    /// Embeds `texts`.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>>;
}

/// Texts that are embedded in one call.
pub(crate) const CHUNK: usize = 2048;

/// Embeds `texts` and holds the embedder to its contract.
pub(crate) async fn embed_checked(embedder: &dyn Embedder, texts: &[String]) -> Result<Vec<Embedding>> {
    let made = embedder.embed(texts).await?;
    let dimensions = embedder.dimensions();
    if made.len() != texts.len() || made.iter().any(|e| e.dimensions() != dimensions) {
        let (id, n) = (embedder.id(), made.len());
        let message = format!(
            "embedder {id} gave {n} vectors for {} texts, or not of {dimensions} dimensions",
            texts.len()
        );
        return Err(Error::new(ErrorKind::Unexpected, "embed", message));
    }
    Ok(made)
}

/// Embeds `texts` into a matrix as [`engine::group()`](crate::engine::group()) takes it: row `i` is text `i`.
///
/// # Errors
/// Those of the embedder; `Unexpected` when it does not keep its contract.
pub async fn embed_rows(embedder: &dyn Embedder, texts: &[String]) -> Result<Array2<f32>> {
    let mut rows = Array2::<f32>::zeros((texts.len(), embedder.dimensions()));
    for (at, chunk) in texts.chunks(CHUNK).enumerate() {
        for (i, embedding) in embed_checked(embedder, chunk).await?.into_iter().enumerate() {
            rows.row_mut(at * CHUNK + i).assign(&ArrayView1::from(embedding.as_slice()));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip_exactly() {
        let vector = Embedding::new((0..300u16).map(|i| (f32::from(i) * 0.37).sin()).collect()).unwrap();
        assert_eq!(Embedding::from_bytes(&vector.to_bytes()).unwrap(), vector);
    }

    #[test]
    fn dot_products_are_exact_in_any_order() {
        let a = Embedding::new((0..512u16).map(|i| (f32::from(i) * 0.71).sin()).collect()).unwrap();
        let b = Embedding::new((0..512u16).map(|i| (f32::from(i) * 0.13).cos()).collect()).unwrap();
        let exact: f64 = a.0.iter().zip(&b.0).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        let backwards: f32 = a.0.iter().zip(&b.0).rev().map(|(x, y)| x * y).sum();
        let fused = a.0.iter().zip(&b.0).fold(0f32, |sum, (x, y)| x.mul_add(*y, sum));
        assert_eq!(f64::from(a.cosine(&b)), exact);
        assert_eq!(f64::from(backwards), exact);
        assert_eq!(f64::from(fused), exact);
    }

    #[test]
    fn vectors_without_direction_are_refused() {
        for bad in [vec![], vec![0.0; 4], vec![f32::NAN, 1.0], vec![f32::INFINITY]] {
            assert!(Embedding::new(bad).is_err());
        }
    }
}
