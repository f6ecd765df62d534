//! Text for people: control characters made harmless, tables, numbers, dates.

use chrono::{DateTime, Utc};
use console::{measure_text_width, style, truncate_str};
use soulcaster_core::model::visible::{is_invisible, turns_direction};

/// `text` on one line, with nothing in it that a terminal would obey or that would run into its neighbours:
/// reports come from strangers. What nobody sees is left out but for joiners and forms, which letters need.
pub(crate) fn plain(text: &str) -> String {
    /// More marks than any script puts on one letter.
    const MARKS: usize = 4;
    let mut marks = 0;
    let shapes = |c: char| matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
    text.chars()
        .filter(|c| !is_invisible(*c) || turns_direction(*c) || shapes(*c))
        .filter(|c| {
            let is_mark =
                !c.is_ascii() && !c.is_control() && measure_text_width(c.encode_utf8(&mut [0; 4])) == 0;
            marks = if is_mark { marks + 1 } else { 0 };
            marks <= MARKS || turns_direction(*c)
        })
        .map(|c| match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            c if c.is_control() || turns_direction(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// `12345` as `12,345`.
pub(crate) fn number(n: impl TryInto<u64>) -> String {
    let digits = n.try_into().unwrap_or(u64::MAX).to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 report`, `2 reports`.
pub(crate) fn count(n: usize, one: &str) -> String {
    format!("{} {one}{}", number(n), if n == 1 { "" } else { "s" })
}

/// `2024-01-31`.
pub(crate) fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// `2024-01-31 23:59:59Z`.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// How wide a line may be: the terminal, or 120 where there is none.
fn width() -> usize {
    console::Term::stdout().size_checked().map_or(120, |(_, columns)| usize::from(columns).max(60))
}

/// Rows under a header. Columns are as wide as they need; the last takes what is left of the line.
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; its cells are made harmless.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| plain(&cell)).collect());
    }

    pub(crate) fn render(&self) -> String {
        let last = self.header.len() - 1;
        let widths: Vec<usize> = (0..last)
            .map(|column| {
                let cells = self.rows.iter().map(|row| measure_text_width(&row[column]));
                cells.chain([self.header[column].len()]).max().unwrap_or(0)
            })
            .collect();
        let rest = width().saturating_sub(widths.iter().map(|w| w + 2).sum()).max(20);
        let line = |cells: Vec<&str>| {
            let mut out = String::new();
            for (column, cell) in cells.iter().enumerate() {
                if column == last {
                    out.push_str(&truncate_str(cell, rest, "…"));
                } else {
                    let pad = " ".repeat(widths[column].saturating_sub(measure_text_width(cell)));
                    let is_number = self
                        .rows
                        .iter()
                        .all(|row| row[column].chars().all(|c| c.is_ascii_digit() || ",.-".contains(c)));
                    let (before, after) = if is_number { (pad.as_str(), "") } else { ("", pad.as_str()) };
                    out.push_str(&format!("{before}{cell}{after}  "));
                }
            }
            out.trim_end().to_owned()
        };
        let mut out = format!("{}\n", style(line(self.header.clone())).dim());
        for row in &self.rows {
            out.push_str(&line(row.iter().map(String::as_str).collect()));
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_cannot_steer_the_terminal() {
        assert_eq!(plain(&format!("a{}b", "\u{301}".repeat(50))), format!("a{}b", "\u{301}".repeat(4)));
        assert_eq!(plain("a\u{200b}b\u{e0041}c\u{feff}\u{2764}\u{fe0f}"), "abc\u{2764}\u{fe0f}");
        assert_eq!(plain("a\x1b[2Jb\nc\u{202e}d\u{9b}e"), "a\u{fffd}[2Jb c\u{fffd}d\u{fffd}e");
    }

    #[test]
    fn numbers_have_separators() {
        assert_eq!([0u64, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_table_lines_up() {
        let mut table = Table::new(&["id", "n", "title"]);
        table.row(["a".into(), "1,000".into(), "first".into()]);
        table.row(["bcd".into(), "7".into(), "second".into()]);
        let lines: Vec<String> = table.render().lines().skip(1).map(str::to_owned).collect();
        assert_eq!(lines, ["a    1,000  first", "bcd      7  second"]);
    }
}
