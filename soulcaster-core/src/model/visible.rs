//! What of a text is seen.

use std::borrow::Cow;

/// Whether `c` shows nothing and takes no room: the default-ignorable characters of Unicode 16, among them
/// marks that turn the direction of text, joiners, variation selectors and tags.
///
/// ```
/// use soulcaster_core::model::visible::is_invisible;
/// assert!(['\u{200b}', '\u{202e}', '\u{e0041}', '\u{feff}'].into_iter().all(is_invisible));
/// assert!(!['a', ' ', '\n', '\u{301}', '\u{a0}'].into_iter().any(is_invisible));
/// ```
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
        || matches!(c, '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}')
        || matches!(c, '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether `c` turns the direction of text, and so can make it read as something else.
#[must_use]
pub fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether `c` may stand in a text that is compared: neither invisible nor a control character other than
/// line breaks and tabs.
fn is_compared(c: char) -> bool {
    !is_invisible(c) && (!c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// `text` as it is compared with others: without what nobody sees, trimmed.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_compared) {
        return Cow::Borrowed(text.trim());
    }
    let seen: String = text.chars().filter(|c| is_compared(*c)).collect();
    Cow::Owned(seen.trim().to_owned())
}

/// Whether there is something to read: blanks, control characters and what is invisible are nothing.
#[must_use]
pub fn has_text(text: &str) -> bool {
    !text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_of_direction_is_invisible() {
        let marks: Vec<char> = ('\0'..=char::MAX).filter(|c| turns_direction(*c)).collect();
        assert_eq!(marks.len(), 12);
        assert!(marks.into_iter().all(is_invisible));
    }

    #[test]
    fn what_nobody_sees_is_left_out_and_the_rest_stays_to_the_letter() {
        for text in ["Crash on save", "e\u{301}té, 日本語, हिन्दी", "a\r\n\tb", "a\u{a0}b"] {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
        for (text, seen) in [
            (" \u{feff}pass\u{200b}word\u{202e} ", "password"),
            ("a\u{0}\u{1b}[31mb", "a[31mb"),
            ("hi\u{e0069}\u{e0067}\u{e006e}", "hi"),
            ("\u{2764}\u{fe0f}", "\u{2764}"),
            (" \u{200b} x \u{200b} ", "x"),
            ("\u{3164}\u{200d}", ""),
        ] {
            assert_eq!(visible(text), seen, "{text:?}");
            assert_eq!(has_text(text), !seen.is_empty(), "{text:?}");
        }
    }
}
