use crate::merge::Merged;

/// Lines without their ends; a last line needs none.
pub fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// The result as text; conflicts are marked as version control does it.
pub fn show(merged: &[Merged<'_>]) -> String {
    let mut out = String::new();
    for part in merged {
        match part {
            Merged::Line(line) => out.push_str(&format!("{line}\n")),
            Merged::Conflict { ours, theirs } => {
                out.push_str("<<<<<<< ours\n");
                ours.iter().for_each(|line| out.push_str(&format!("{line}\n")));
                out.push_str("=======\n");
                theirs.iter().for_each(|line| out.push_str(&format!("{line}\n")));
                out.push_str(">>>>>>> theirs\n");
            }
        }
    }
    out
}
