//! Grouping one item at a time, as each arrives.
//!
//! What a full run read from the texts (regime and cut) stays as it was; the densities of old items follow the
//! new ones. A full run is due when the set has grown by half ([`Online::is_due`]).

use ndarray::{ArrayView2, Axis};

use crate::engine::config::{Algorithm, GroupConfig, Tuning};
use crate::engine::group::{group, sizes};
use crate::engine::placement::{Grouping, Place, Placement};
use crate::engine::prose::{Held, Prose, most};
use crate::engine::rules::Rules;
use crate::engine::template::Templates;
use crate::error::{Error, Result};
use crate::model::decision::Regime;
use crate::model::head::Calibration;

/// A full run is due when there are this many times the items it read.
pub(crate) const GROWTH: f64 = 1.5;

/// A grouping that grows by one item at a time.
#[derive(Debug)]
pub struct Online {
    tuning: Tuning,
    calibration: Calibration,
    places: Vec<Place>,
    sizes: Vec<u32>,
    texts: Texts,
}

/// What is known of the texts.
#[derive(Debug)]
enum Texts {
    /// Machine-written: for each template how many of its lines are in which group.
    Lines { templates: Templates, groups: Vec<Held> },
    /// Others.
    Prose(Box<Prose>),
}

impl Online {
    /// Goes on from a finished grouping: `places[i]` is where row `i` is. About `expected` more items will
    /// come; it decides whether densities are computed at once or when they are needed, and nothing else.
    ///
    /// # Errors
    /// `Invalid` when lengths differ or the grouping was made at a fixed threshold.
    pub fn resume<T: AsRef<str> + Sync>(
        texts: &[T],
        vectors: ArrayView2<'_, f32>,
        places: Vec<Place>,
        calibration: Calibration,
        tuning: &Tuning,
        expected: usize,
    ) -> Result<Self> {
        if texts.len() != vectors.nrows() || texts.len() != places.len() {
            return Err(Error::invalid("group.online", "texts, vectors and places differ in number"));
        }
        let texts = match calibration.regime {
            Regime::Fixed => {
                let message = "a grouping at a fixed threshold is not resumed; run it as a whole";
                return Err(Error::invalid("group.online", message));
            }
            Regime::Template => {
                let mut templates = Templates::default();
                let mut groups: Vec<Held> = Vec::new();
                for (text, place) in texts.iter().zip(&places) {
                    let found = templates.insert(text.as_ref()).group as usize;
                    groups.resize_with(groups.len().max(found + 1), Held::new);
                    if let Some(group) = place.group() {
                        *groups[found].entry(group).or_default() += 1;
                    }
                }
                Texts::Lines { templates, groups }
            }
            Regime::Duplicates | Regime::Groups => {
                Texts::Prose(Box::new(Prose::new(texts, vectors, &places, &calibration, tuning, expected)))
            }
        };
        Ok(Self { tuning: tuning.clone(), calibration, sizes: sizes(&places), places, texts })
    }

    /// Where every item is.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Whether so many items have come that a full run should read the texts anew.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.places.len() as f64 >= GROWTH * self.calibration.items as f64
    }

    /// Puts one more item, with its unit vector.
    pub fn insert(&mut self, text: &str, vector: &[f32]) -> Placement {
        #[allow(clippy::cast_possible_truncation)] // fewer groups than items, which are fewer than 2^32
        let fresh = self.sizes.len() as u32;
        let placement = match &mut self.texts {
            Texts::Lines { templates, groups } => {
                let found = templates.insert(text);
                groups.resize_with(groups.len().max(found.group as usize + 1), Held::new);
                let held = &mut groups[found.group as usize];
                let group = most(held);
                let place = group.map_or(Place::New(fresh), Place::Joined);
                *held.entry(group.unwrap_or(fresh)).or_default() += 1;
                let template = Some(templates.text(found.group));
                Placement { place, support: found.similarity, runner_up: None, nearest: Vec::new(), template }
            }
            Texts::Prose(prose) => {
                prose.insert(text, vector, &self.places, fresh, &self.calibration, &self.tuning)
            }
        };
        if let Some(group) = placement.place.group() {
            if group == fresh {
                self.sizes.push(0);
            }
            self.sizes[group as usize] += 1;
        }
        self.places.push(placement.place);
        placement
    }
}

/// Groups `texts` as if they arrived one by one: each is put where it belongs when it comes, and everything
/// is read anew whenever a full run is due.
///
/// # Errors
/// Those of [`group`]; `Invalid` for average linkage, which needs all items at once.
pub fn group_online<T: AsRef<str> + Sync>(
    texts: &[T],
    vectors: ArrayView2<'_, f32>,
    config: &GroupConfig,
) -> Result<Grouping> {
    /// Fewer items say too little about the rest.
    const FIRST: usize = 64;
    match config.algorithm {
        Algorithm::Auto => {}
        Algorithm::Average => {
            let message = "average linkage needs all items at once; use --mode batch, or centroid or nearest";
            return Err(Error::invalid("group.online", message));
        }
        Algorithm::Centroid | Algorithm::Nearest => return group(texts, vectors, config, &Rules::default()),
    }
    let full = |n: usize| group(&texts[..n], vectors.split_at(Axis(0), n).0, config, &Rules::default());
    let mut grouping = full(texts.len().min(FIRST))?;
    while grouping.placements.len() < texts.len() {
        let n = grouping.placements.len();
        let places = grouping.placements.iter().map(|p| p.place).collect();
        let known = vectors.split_at(Axis(0), n).0;
        let mut online = Online::resume(
            &texts[..n],
            known,
            places,
            grouping.calibration.clone(),
            &config.tuning,
            texts.len(),
        )?;
        while !online.is_due() && grouping.placements.len() < texts.len() {
            let i = grouping.placements.len();
            grouping.placements.push(online.insert(texts[i].as_ref(), &vectors.row(i).to_vec()));
        }
        if online.is_due() {
            grouping = full(grouping.placements.len())?;
        }
    }
    Ok(grouping)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::embedder::BuiltinEmbedder;

    fn matrix(texts: &[String]) -> Array2<f32> {
        let vectors = BuiltinEmbedder::new().embed_batch(texts);
        let d = vectors[0].dimensions();
        Array2::from_shape_fn((texts.len(), d), |(i, j)| vectors[i].as_slice()[j])
    }

    #[test]
    fn lines_arriving_one_by_one_are_grouped_as_at_once() {
        let texts: Vec<String> = (0..300)
            .map(|i| format!("task {} of kind {} took {i} ms", i * 7, ["a", "b", "c"][i % 3]))
            .collect();
        let vectors = matrix(&texts);
        let config = GroupConfig::default();
        let batch = group(&texts, vectors.view(), &config, &Rules::default()).unwrap();
        let online = group_online(&texts, vectors.view(), &config).unwrap();
        assert_eq!(batch.groups(), 3);
        let places = |g: &Grouping| g.placements.iter().map(|p| p.place).collect::<Vec<_>>();
        assert_eq!(places(&batch), places(&online));
    }

    #[test]
    fn an_equal_report_joins_its_twin() {
        let (what, does) =
            (["battery", "screen", "login", "camera", "report"], ["fails", "freezes", "drains", "lags"]);
        let when = ["on start", "at night", "after the update", "in the car", "offline", "with two users"];
        let mut texts: Vec<String> =
            (0..120).map(|i| format!("{} {} {}", what[i % 5], does[i / 5 % 4], when[i / 20])).collect();
        texts.push("the printer in the hall jams on thick paper".into());
        texts.push("the printer in the hall jams on thick paper".into());
        let vectors = matrix(&texts);
        let n = texts.len() - 1;
        let config = GroupConfig::default();
        let first =
            group(&texts[..n], vectors.view().split_at(Axis(0), n).0, &config, &Rules::default()).unwrap();
        let places: Vec<Place> = first.placements.iter().map(|p| p.place).collect();
        let twin = places[n - 1].group();
        let known = vectors.view().split_at(Axis(0), n).0;
        let mut online =
            Online::resume(&texts[..n], known, places, first.calibration, &config.tuning, 1).unwrap();
        let found = online.insert(&texts[n], &vectors.row(n).to_vec());
        assert!(found.place.group() == twin, "{found:?}");
        assert_eq!(found.nearest[0].row as usize, n - 1);
    }

    #[test]
    fn average_linkage_has_no_online_mode() {
        let config = GroupConfig { algorithm: Algorithm::Average, ..GroupConfig::default() };
        let error = group_online(&["a"], Array2::zeros((1, 2)).view(), &config).unwrap_err();
        assert!(error.to_string().contains("use --mode batch"));
    }
}
