//! HTML to plain text: what a reader would see, without what is hidden from them.
//!
//! Comments, scripts, styles and heads are left out; blocks end lines; a quotation is marked with `> ` as
//! in plain mail. One pass over the input, whatever it holds.

/// Elements whose content is not shown.
const HIDDEN: [&str; 6] = ["script", "style", "head", "title", "template", "noscript"];
/// Elements that stand on lines of their own.
const BLOCKS: [&str; 22] = [
    "address", "article", "aside", "div", "dd", "dl", "dt", "figure", "footer", "form", "header", "hr", "li",
    "main", "nav", "ol", "option", "section", "table", "tr", "ul", "pre",
];
/// Elements with a blank line around them.
const PARAGRAPHS: [&str; 8] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"];
/// Longest name of a character reference.
const MAX_REFERENCE: usize = 32;

/// The text of `html`, trimmed, with at most one blank line in a row.
pub(crate) fn to_text(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    // A search that ran to the end of the input in vain is not made again.
    let (mut quotes, mut tags) = (true, true);
    while let Some(at) = rest.find(['<', '&']) {
        page.text(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('&') {
            rest = page.reference(rest);
            continue;
        }
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let is_tag = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        let mut end = None;
        if is_tag && tags && quotes {
            end = tag_end(rest);
            quotes = end.is_some();
        }
        if is_tag && tags && end.is_none() {
            end = rest.find('>');
            tags = end.is_some();
        }
        let Some(end) = end else {
            page.text("<");
            rest = &rest[1..];
            continue;
        };
        let tag = &rest[1..end];
        rest = page.tag(tag, &rest[end + 1..]);
    }
    page.text(rest);
    page.out
}

/// Where a tag ends, quoted values passed over.
fn tag_end(html: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') if html[..at].ends_with(['=', ' ', '\n', '\t']) => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// A position in `html` of `</name`, any case.
fn closing(html: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = html[from..].find("</").map(|at| from + at) {
        let found = html.as_bytes().get(at + 2..at + 2 + name.len());
        let ends = !html.as_bytes()[at + 2..].get(name.len()).is_some_and(u8::is_ascii_alphanumeric);
        if ends && found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes())) {
            return Some(at);
        }
        from = at + 2;
    }
    None
}

/// The text written so far, and what is due before the next letter.
#[derive(Default)]
struct Page {
    out: String,
    breaks: u8,
    space: bool,
    quoted: usize,
    verbatim: usize,
}

impl Page {
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            if c == '\n' && self.verbatim > 0 {
                self.breaks = (self.breaks + 1).min(2);
            } else if c.is_whitespace() {
                self.space = true;
            } else {
                self.letter(c);
            }
        }
    }

    fn letter(&mut self, c: char) {
        if self.out.is_empty() || self.breaks > 0 {
            if !self.out.is_empty() {
                self.out.extend(std::iter::repeat_n('\n', usize::from(self.breaks)));
            }
            if self.quoted > 0 {
                self.out.push_str("> ");
            }
        } else if self.space {
            self.out.push(' ');
        }
        (self.breaks, self.space) = (0, false);
        self.out.push(c);
    }

    /// Writes the character reference that `html` begins with, or the `&` alone; gives what follows.
    fn reference<'a>(&mut self, html: &'a str) -> &'a str {
        let end = html.bytes().take(MAX_REFERENCE).position(|b| b == b';');
        if let Some(end) = end
            && html.as_bytes()[1..end].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'#')
        {
            let mut text = String::new();
            mail_parser::decoders::html::add_html_token(&mut text, &html.as_bytes()[..=end], false);
            self.text(&text);
            return &html[end + 1..];
        }
        self.letter('&');
        &html[1..]
    }

    /// Takes a tag in; gives where to go on in `rest`, which follows it.
    fn tag<'a>(&mut self, tag: &str, rest: &'a str) -> &'a str {
        let (name, closes) = match tag.strip_prefix('/') {
            Some(name) => (name, true),
            None => (tag, false),
        };
        let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
        let name = name[..end].to_ascii_lowercase();
        let name = name.as_str();
        if HIDDEN.contains(&name) && !closes && !tag.ends_with('/') {
            return closing(rest, name).map_or("", |at| &rest[at..]);
        }
        if name == "br" {
            self.breaks = (self.breaks + 1).min(2);
        } else if BLOCKS.contains(&name) {
            self.breaks = self.breaks.max(1);
        } else if PARAGRAPHS.contains(&name) {
            self.breaks = 2;
        } else if matches!(name, "td" | "th") {
            self.space = true;
        }
        let nested = match name {
            "blockquote" => &mut self.quoted,
            "pre" => &mut self.verbatim,
            _ => return rest,
        };
        *nested = if closes { nested.saturating_sub(1) } else { *nested + 1 };
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_lines_and_white_space_folds() {
        assert_eq!(to_text("<p>Hello   <b>every</b>one!</p>\r\n<p>Bye</p>"), "Hello everyone!\n\nBye");
        assert_eq!(to_text("a<br>b<br/><br>c<div>d</div>e"), "a\nb\n\nc\nd\ne");
        assert_eq!(to_text("<ul><li>one</li><li>two</li></ul>"), "one\ntwo");
        assert_eq!(to_text("<td>a</td><td>b</td>"), "a b");
        assert_eq!(to_text("<pre>x\n  y</pre>z"), "x\ny\nz");
    }

    #[test]
    fn what_is_hidden_stays_hidden() {
        let html = "<head><title>t</title></head>a<!-- run this --><style>b{}</style><SCRIPT>x<y</SCRIPT >c";
        assert_eq!(to_text(html), "ac");
        assert_eq!(to_text("a<!-- never closed"), "a");
        assert_eq!(to_text("a<script>never closed"), "a");
    }

    #[test]
    fn references_become_letters_and_strays_stay() {
        assert_eq!(to_text("a &lt;b&gt; &amp; &quot;c&quot;&nbsp;&#228;&#xE4; &auml;"), "a <b> & \"c\" ää ä");
        assert_eq!(to_text("R&D &unknown; 1 < 2 & 3"), "R&D &unknown; 1 < 2 & 3");
        assert_eq!(
            to_text("<img alt=\"a>b\" src='x'>c <a href=y title=\"never"),
            "c <a href=y title=\"never"
        );
    }

    #[test]
    fn quotations_are_marked() {
        assert_eq!(
            to_text("yes<blockquote><p>really?</p>so<br>it is</blockquote>end"),
            "yes\n\n> really?\n\n> so\n> it is\n\nend"
        );
    }

    #[test]
    fn time_is_linear_in_hostile_input() {
        for piece in ["<a \"", "<", "&", "<!", "</", "<script", "<blockquote>", "<a '>", "&#x41"] {
            let _ = to_text(&piece.repeat(200_000));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(html in "(<|>|&|;|/|\"|'|=|!--|-->|br|script|p|[a-zé ]){0,40}") {
            let text = to_text(&html);
            proptest::prop_assert_eq!(text.trim(), text.as_str());
        }
    }
}
