//! HTML as plain text.

/// The text of `html`: tags left out, blocks on lines of their own, entities as characters.
pub(super) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('<') { tag(rest, &mut text) } else { entity(rest, &mut text) };
    }
    text.push_str(rest);
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let mut tidy = String::with_capacity(text.len());
    for line in lines.iter().filter(|line| !line.is_empty()) {
        if !tidy.is_empty() {
            tidy.push('\n');
        }
        tidy.push_str(line);
    }
    tidy
}

/// Takes a tag from the front of `rest`, and what is in it when that is no text.
fn tag<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let inside = &rest[1..];
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        text.push('<');
        return inside;
    }
    if let Some(comment) = inside.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, after)| after);
    }
    let Some((tag, after)) = inside.split_once('>') else { return "" };
    let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "script" | "style" if !tag.starts_with('/') => {
            let end = format!("</{name}");
            let at = after.to_ascii_lowercase().find(&end).unwrap_or(after.len());
            &after[at..]
        }
        "br" | "p" | "div" | "li" | "ul" | "ol" | "tr" | "table" | "pre" | "blockquote" | "hr" | "h1"
        | "h2" | "h3" | "h4" | "h5" | "h6" => {
            text.push('\n');
            after
        }
        "td" | "th" => {
            text.push(' ');
            after
        }
        _ => after,
    }
}

/// Takes an entity from the front of `rest`; an unknown one stays as it is.
fn entity<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let known = rest[1..].split_once(';').filter(|(name, _)| name.len() <= 10).and_then(|(name, after)| {
        let c = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => ' ',
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        };
        Some((c, after))
    });
    match known {
        Some((c, after)) => {
            text.push(c);
            after
        }
        None => {
            text.push('&');
            &rest[1..]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_lines() {
        for (html, text) in [
            ("<p>this is the message body</p>", "this is the message body"),
            (
                "<p>Hello,</p>\n<p>it <b>crashes</b>&nbsp;&amp; hangs<br/>often</p>",
                "Hello,\nit crashes & hangs\noften",
            ),
            ("plain  text", "plain text"),
            ("1 < 2 &unknown; &#x41;&#66;&#xD800;", "1 < 2 &unknown; AB&#xD800;"),
            ("a<script>alert('<p>')</script>b<STYLE>x</style><!-- <p>c</p> -->d", "abd"),
            ("cut <a href=\"x", "cut"),
            ("&lt;p&gt; stays", "<p> stays"),
        ] {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(html in "[<>/&;#xXa-cé!-]{0,80}", any in ".{0,80}") {
            let _ = (to_text(&html), to_text(&any));
        }
    }
}
