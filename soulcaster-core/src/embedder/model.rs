//! Reader of `.sem` files: a vocabulary and one small whole-number vector a token.
//!
//! Little endian: `SEM1` (8 bits a component) or `SEM4` (4 bits); u32 tokens, u32 dimensions, u32 bytes of
//! vocabulary; one byte a token for its length; the vocabulary; zeros up to a multiple of 4; one f32 a token,
//! the scale of its row; the rows. A row of `SEM4` has half as many bytes as dimensions: low four bits for
//! the first half, high for the second. The file ends there.

use crate::embedder::wordpiece::Vocabulary;
use crate::error::{Error, Result};

/// Most dimensions a model may have.
const MAX_DIMENSIONS: usize = 1 << 16;

/// Largest scale of a row: sums of 512 rows stay far inside `f32`.
const MAX_SCALE: f32 = 1e9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Four,
    Eight,
}

/// A static embedding table: the vector of a text is the sum of its tokens' rows.
#[derive(Debug, Clone)]
pub(super) struct StaticModel<'a> {
    pub(super) vocabulary: Vocabulary<'a>,
    pub(super) dimensions: usize,
    width: Width,
    scales: Vec<f32>,
    rows: &'a [u8],
    row_bytes: usize,
}

impl<'a> StaticModel<'a> {
    /// Reads a `.sem` file; rows and vocabulary stay where they are.
    ///
    /// # Errors
    /// `Invalid` for anything but a whole and sound file.
    pub(super) fn parse(file: &'a [u8]) -> Result<Self> {
        let mut rest = file;
        let width = match take(&mut rest, 4)? {
            b"SEM1" => Width::Eight,
            b"SEM4" => Width::Four,
            _ => return Err(wrong("not a .sem file")),
        };
        let (tokens, dimensions, vocabulary_bytes) =
            (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
        if tokens == 0 || dimensions == 0 || dimensions > MAX_DIMENSIONS {
            return Err(wrong("no tokens, no dimensions, or too many of them"));
        }
        let row_bytes = match width {
            Width::Eight => dimensions,
            Width::Four if dimensions % 2 == 0 => dimensions / 2,
            Width::Four => return Err(wrong("four-bit rows need an even number of dimensions")),
        };
        let lengths = take(&mut rest, tokens)?;
        let text = std::str::from_utf8(take(&mut rest, vocabulary_bytes)?)
            .map_err(|error| wrong("vocabulary is not UTF-8").with_source(error))?;
        let read = file.len() - rest.len();
        take(&mut rest, read.next_multiple_of(4) - read)?;
        let scales: Vec<f32> = take(&mut rest, product(tokens, 4)?)?
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        if scales.iter().any(|scale| scale.is_nan() || scale.abs() > MAX_SCALE) {
            return Err(wrong("a scale is not a sound number"));
        }
        let rows = take(&mut rest, product(tokens, row_bytes)?)?;
        if !rest.is_empty() {
            return Err(wrong("bytes after the last row"));
        }
        Ok(Self { vocabulary: Vocabulary::new(text, lengths)?, dimensions, width, scales, rows, row_bytes })
    }

    /// The factor of a token's row: small for frequent tokens, large for rare ones.
    pub(super) fn scale(&self, token: u32) -> f32 {
        self.scales[token as usize]
    }

    /// Adds the row of `token` to `sum`, component by component, in plain `f32` steps.
    pub(super) fn add(&self, token: u32, sum: &mut [f32]) {
        let scale = self.scales[token as usize];
        let row = &self.rows[token as usize * self.row_bytes..][..self.row_bytes];
        match self.width {
            Width::Eight => {
                for (slot, byte) in sum.iter_mut().zip(row) {
                    *slot += scale * f32::from(byte.cast_signed());
                }
            }
            Width::Four => {
                let (first, second) = sum.split_at_mut(self.row_bytes);
                for ((low, high), byte) in first.iter_mut().zip(second).zip(row) {
                    *low += scale * f32::from((byte << 4).cast_signed() >> 4);
                    *high += scale * f32::from(byte.cast_signed() >> 4);
                }
            }
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count).ok_or_else(|| wrong("file is cut short"))?;
    *rest = tail;
    Ok(head)
}

fn number(rest: &mut &[u8]) -> Result<usize> {
    let bytes = take(rest, 4)?.first_chunk::<4>().ok_or_else(|| wrong("file is cut short"))?;
    usize::try_from(u32::from_le_bytes(*bytes)).map_err(|_| wrong("a length is too large for this machine"))
}

fn product(count: usize, size: usize) -> Result<usize> {
    count.checked_mul(size).ok_or_else(|| wrong("a length is too large for this machine"))
}

fn wrong(message: &str) -> Error {
    Error::invalid("embedder.model", message)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Two tokens, four dimensions, rows `[1, -2, 3, -4]` and `[7, 0, -7, -1]`.
    fn file(width: Width) -> Vec<u8> {
        let mut file = if width == Width::Four { b"SEM4".to_vec() } else { b"SEM1".to_vec() };
        for number in [2u32, 4, 4] {
            file.extend(number.to_le_bytes());
        }
        file.extend([1, 3]);
        file.extend(b"a##b");
        file.extend([0, 0]);
        file.extend([0.5f32, 2.0].iter().flat_map(|scale| scale.to_le_bytes()));
        for row in [[1i8, -2, 3, -4], [7, 0, -7, -1]] {
            match width {
                Width::Eight => file.extend(row.map(i8::cast_unsigned)),
                Width::Four => {
                    let low = |at: usize| row[at].cast_unsigned() & 15;
                    file.extend([low(0) | low(2) << 4, low(1) | low(3) << 4]);
                }
            }
        }
        file
    }

    fn sum(file: &[u8]) -> Vec<f32> {
        let model = StaticModel::parse(file).unwrap();
        let mut sum = vec![0.0; model.dimensions];
        model.add(0, &mut sum);
        model.add(1, &mut sum);
        sum
    }

    #[test]
    fn both_widths_read_the_same_rows() {
        assert_eq!(sum(&file(Width::Eight)), [14.5, -1.0, -12.5, -4.0]);
        assert_eq!(sum(&file(Width::Four)), [14.5, -1.0, -12.5, -4.0]);
    }

    #[test]
    fn every_cut_and_every_extra_byte_is_refused() {
        for whole in [file(Width::Four), file(Width::Eight)] {
            for end in 0..whole.len() {
                assert!(StaticModel::parse(&whole[..end]).is_err(), "cut at {end}");
            }
            assert!(StaticModel::parse(&[&whole[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn bad_fields_are_refused() {
        let put = |at: usize, bytes: &[u8]| {
            let mut file = file(Width::Four);
            file[at..at + bytes.len()].copy_from_slice(bytes);
            file
        };
        let nan = f32::NAN.to_le_bytes();
        for (name, bad) in [
            ("magic", put(0, b"SEM2")),
            ("no tokens", put(4, &[0])),
            ("tokens overflow", put(4, &[255; 4])),
            ("no dimensions", put(8, &[0])),
            ("odd dimensions", put(8, &[3])),
            ("dimensions overflow", put(8, &[255; 4])),
            ("vocabulary overflow", put(12, &[255; 4])),
            ("token lengths", put(16, &[2, 3])),
            ("not UTF-8", put(18, &[255])),
            ("scale", put(24, &nan)),
        ] {
            let error = StaticModel::parse(&bad).expect_err(name);
            assert_eq!(error.kind(), crate::error::ErrorKind::Invalid, "{name}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail in vec(any::<u8>(), 0..200), four in any::<bool>()) {
            let magic: &[u8] = if four { b"SEM4" } else { b"SEM1" };
            let _ = StaticModel::parse(&tail);
            let _ = StaticModel::parse(&[magic, &tail].concat());
        }

        #[test]
        fn a_damaged_file_never_panics(at in 0usize..36, byte in any::<u8>(), four in any::<bool>()) {
            let mut bytes = file(if four { Width::Four } else { Width::Eight });
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(model) = StaticModel::parse(&bytes) {
                let mut sum = vec![0.0; model.dimensions];
                model.add(0, &mut sum);
                prop_assert!(sum.iter().all(|x| x.is_finite()));
            }
        }
    }
}
