use std::collections::HashMap;

use crate::common::common;

/// A part of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged<'a> {
    Line(&'a str),
    /// Both sides changed the same place in different ways.
    Conflict { ours: Vec<&'a str>, theirs: Vec<&'a str> },
}

/// Merges two versions of `base`.
pub fn merge<'a>(base: &[&'a str], ours: &[&'a str], theirs: &[&'a str]) -> Vec<Merged<'a>> {
    let in_ours: HashMap<usize, usize> = common(base, ours).into_iter().collect();
    let in_theirs: HashMap<usize, usize> = common(base, theirs).into_iter().collect();
    let mut out = Vec::new();
    let (mut b, mut o, mut t) = (0, 0, 0);
    // lines of the base that both sides still have hold the texts together
    let anchors = (0..base.len()).filter_map(|place| Some((place, *in_ours.get(&place)?, *in_theirs.get(&place)?)));
    for (base_at, our_at, their_at) in anchors {
        settle(&base[b..base_at], &ours[o..our_at], &theirs[t..their_at], &mut out);
        out.push(Merged::Line(base[base_at]));
        (b, o, t) = (base_at + 1, our_at + 1, their_at + 1);
    }
    settle(&base[b..], &ours[o..], &[], &mut out);
    out
}

/// Decides about the lines between two anchors.
fn settle<'a>(base: &[&'a str], ours: &[&'a str], theirs: &[&'a str], out: &mut Vec<Merged<'a>>) {
    let chosen = if theirs == base || theirs.is_empty() {
        ours
    } else if ours == base {
        theirs
    } else {
        out.push(Merged::Conflict { ours: ours.to_vec(), theirs: theirs.to_vec() });
        return;
    };
    out.extend(chosen.iter().map(|line| Merged::Line(line)));
}
