//! What tokens cost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use soulcaster_core::flow::Prices;
use soulcaster_core::{Error, ErrorKind, Result};

const OPERATION: &str = "prices.read";
/// Most bytes of a table.
const FILE_BYTES: u64 = 1 << 20;

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of questions.
    pub input: f64,
    /// Of answers.
    pub output: f64,
}

/// Prices by model. One that no pattern matches has the default price, which is higher than most: what is not known is
/// not cheap.
///
/// As JSON it is `{"default": {"input": 30, "output": 180}, "models": {"gpt-4o*": {"input": 2.5, "output": 10}}}`, in US
/// dollars for a million tokens. A pattern is a name, or the beginning of names with `*` behind it; the longest that
/// matches counts, and for `provider/name` the name alone is looked up too. The table that is built in has the list prices of
/// usual models, those of long contexts where they differ; a table of one's own goes over it.
///
/// ```
/// use soulcaster_agents::price::PriceTable;
/// let prices = PriceTable::parse(br#"{"models": {"llama*": {"input": 0, "output": 0}}}"#)?;
/// assert_eq!(prices.cost("gpt-4o-mini", 1_000_000, 1_000_000), 750_000); // millionths of a dollar
/// assert_eq!(prices.cost("llama3:8b", 1000, 1000), 0);
/// assert_eq!(prices.cost("something-new", 1000, 100), 48_000);
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PriceTable {
    default: Price,
    models: BTreeMap<String, Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    default: Option<Price>,
    #[serde(default)]
    models: BTreeMap<String, Price>,
}

impl Default for PriceTable {
    fn default() -> Self {
        // What stands in for a table that cannot be read, which a test rules out, is no price of nothing.
        let empty = Self { default: Price { input: 30.0, output: 180.0 }, models: BTreeMap::new() };
        empty.clone().with(include_bytes!("prices.json")).unwrap_or(empty)
    }
}

impl PriceTable {
    /// Reads a table that goes over the one that is built in.
    ///
    /// # Errors
    /// `Invalid` naming the line, or the model whose price is negative.
    pub fn parse(json: &[u8]) -> Result<Self> {
        Self::default().with(json)
    }

    /// Reads such a table from a file of at most 1 MiB.
    ///
    /// # Errors
    /// `Invalid` when it cannot be read, and as [`PriceTable::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        let refuse = |why: String| Error::invalid(OPERATION, format!("price table {} {why}", path.display()));
        let length =
            std::fs::metadata(path).map_err(|e| refuse("cannot be read".into()).with_source(e))?.len();
        if length > FILE_BYTES {
            return Err(refuse(format!("has more than {FILE_BYTES} bytes")));
        }
        let json = std::fs::read(path).map_err(|e| refuse("cannot be read".into()).with_source(e))?;
        Self::parse(&json)
    }

    fn with(mut self, json: &[u8]) -> Result<Self> {
        let file: File = serde_json::from_slice(json).map_err(|e| {
            Error::new(ErrorKind::Invalid, OPERATION, format!("the price table cannot be read: {e}"))
        })?;
        let fine =
            |price: &Price| [price.input, price.output].iter().all(|one| one.is_finite() && *one >= 0.0);
        let wrong = file.models.iter().find(|(_, price)| !fine(price)).map(|(model, _)| model.as_str());
        if let Some(model) = wrong.or(file.default.is_some_and(|price| !fine(&price)).then_some("default")) {
            return Err(Error::invalid(OPERATION, format!("the price of {model} is less than nothing")));
        }
        self.default = file.default.unwrap_or(self.default);
        self.models.extend(file.models);
        Ok(self)
    }

    /// The price of `model`.
    #[must_use]
    pub fn price(&self, model: &str) -> Price {
        let name = model.rsplit('/').next().unwrap_or(model);
        let matching = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => model.starts_with(start) || name.starts_with(start),
            None => model == pattern || name == pattern,
        };
        let known = self.models.iter().filter(|(pattern, _)| matching(pattern));
        known.max_by_key(|(pattern, _)| pattern.len()).map_or(self.default, |(_, price)| *price)
    }

    /// Millionths of a US dollar for a call, rounded up.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub fn cost(&self, model: &str, input_tokens: u64, output_tokens: u64) -> u64 {
        let Price { input, output } = self.price(model);
        // Dollars for a million are millionths for one. What is too large becomes the largest there is.
        let exact = input * input_tokens as f64 + output * output_tokens as f64;
        // A sum that is whole but for its last binary digits is not rounded up.
        (exact - 1e-6).ceil() as u64
    }

    /// [`PriceTable::cost`] as meters take it.
    #[must_use]
    pub fn into_fn(self) -> Prices {
        Arc::new(move |model, input, output| self.cost(model, input, output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longest_pattern_counts_and_what_is_unknown_is_dear() {
        let table = br#"{"default": {"input": 7, "output": 8},
            "models": {"a*": {"input": 1, "output": 2}, "ab": {"input": 3, "output": 4}, "gpt-4o": {"input": 9, "output": 9}}}"#;
        let prices = PriceTable::parse(table).unwrap();
        let input = |model: &str| prices.price(model).input;
        assert_eq!((input("a"), input("ab"), input("abc"), input("vendor/ab")), (1.0, 3.0, 1.0, 3.0));
        assert_eq!((input("b"), input(""), input("gpt-4o"), input("gpt-4o-mini")), (7.0, 7.0, 9.0, 0.15));
    }

    #[test]
    fn built_in_table_is_read_and_costs_are_rounded_up() {
        let prices = PriceTable::default();
        assert!(prices.models.len() > 30);
        assert_eq!(prices.cost("gpt-4o-mini", 1, 0), 1);
        assert_eq!(prices.cost("gpt-4o-mini", 0, 0), 0);
        assert_eq!(prices.cost("gpt-4o-mini", 20, 0), 3);
        assert_eq!(prices.cost("unheard-of", 1, 1), 210);
        assert_eq!(prices.cost("unheard-of", u64::MAX, u64::MAX), u64::MAX);
        for (model, price) in &prices.models {
            let dearer = price.input <= prices.default.input && price.output <= prices.default.output;
            assert!(dearer && price.input > 0.0, "{model}");
        }
        assert_eq!(prices.into_fn()("o3", 1_000_000, 0), 2_000_000);
    }

    #[test]
    fn unfit_tables_are_refused() {
        for (json, why) in [
            ("", "line 1"),
            (r#"{"models": {"x": {"input": -1, "output": 0}}}"#, "price of x"),
            (r#"{"default": {"input": 1, "output": -0.1}}"#, "price of default"),
            (r#"{"models": {"x": {"input": 1}}}"#, "missing field `output`"),
            (r#"{"model": {}}"#, "unknown field `model`"),
            (r#"{"models": {"x": {"input": 1e999, "output": 0}}}"#, "number out of range"),
        ] {
            let error = PriceTable::parse(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.message().contains(why), "{json}: {error}");
        }
        assert!(PriceTable::read(Path::new("/nowhere/prices.json")).is_err());
    }
}
