//! What the writer of a reply wrote, without what they answer to.

/// The text without quoted lines, the line that introduces them and the signature; in a reply also without
/// the message that Outlook puts below. All of the text when nothing would be left.
pub(super) fn strip(text: &str, is_reply: bool) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(&line) = lines.get(at) {
        let bare = line.trim();
        if line == "-- " || bare == "--" {
            break;
        }
        if is_reply && !kept.is_empty() && is_original(&lines[at..]) {
            break;
        }
        if let Some(length) = introduction(&lines[at..]) {
            at += length;
            continue;
        }
        if !bare.starts_with('>') {
            kept.push(line.trim_end());
        }
        at += 1;
    }
    let kept = squeeze(&kept);
    if kept.is_empty() { squeeze(&lines) } else { kept }
}

/// At most one blank line in a row, none around.
fn squeeze(lines: &[&str]) -> String {
    let mut out = String::new();
    let mut blanks = 0;
    for line in lines {
        if line.trim().is_empty() {
            blanks += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if blanks > 0 { "\n\n" } else { "\n" });
        }
        blanks = 0;
        out.push_str(line.trim_end());
    }
    out
}

/// `On Tuesday, Jane wrote:` over one to three lines, with a quotation after it.
fn introduction(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?.trim();
    if !["On ", "Am ", "Le ", "El ", "Il ", "Op "].iter().any(|word| first.starts_with(word)) {
        return None;
    }
    let end = lines.iter().take(3).position(|line| line.trim_end().ends_with(':'))?;
    let next = lines[end + 1..].iter().take(3).find(|line| !line.trim().is_empty())?;
    next.trim().starts_with('>').then_some(end + 1)
}

/// The head of the message that is answered to.
fn is_original(lines: &[&str]) -> bool {
    let Some(first) = lines.first().map(|line| line.trim()) else { return false };
    if first.starts_with("-----") && first.ends_with("-----") && first.contains("Original Message") {
        return true;
    }
    let heads = |line: &&str| ["Sent:", "Date:"].iter().any(|name| line.trim().starts_with(name));
    first.starts_with("From:") && lines.iter().skip(1).take(3).any(heads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_and_signatures_are_left_out() {
        let mail = "It fails too.\n\nOn Tue, 3 Jan 2024, Jane <j@example.com>\nwrote:\n> Does it?\n>> Hm\n\nSee below.\n-- \nJoe";
        assert_eq!(strip(mail, true), "It fails too.\n\nSee below.");
    }

    #[test]
    fn the_message_answered_to_is_cut_only_in_a_reply() {
        let mail = "Still broken.\n\n-----Original Message-----\nFrom: a\nold";
        assert_eq!(strip(mail, true), "Still broken.");
        assert!(strip(mail, false).ends_with("old"));
        assert_eq!(strip("Yes\n\nFrom: a@example.com\nSent: Monday\nTo: b\n\nold", true), "Yes");
    }

    #[test]
    fn something_is_always_left() {
        assert_eq!(strip("> only\n> quoted", true), "> only\n> quoted");
        assert_eq!(strip("-- \nname", false), "--\nname");
        assert_eq!(strip("\n\n", false), "");
    }

    #[test]
    fn a_sentence_is_no_introduction() {
        let text = "On Safari it says:\nnothing at all";
        assert_eq!(strip(text, true), text);
    }
}
