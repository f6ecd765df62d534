//! Cursors as clients see them: bound to the project and the list that they belong to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use soulcaster_core::ProjectId;

use super::problem::{Answer, Fault};

/// Most records of a page.
pub(crate) const MOST: usize = 1000;
/// Records of a page unless asked for more.
pub(crate) const DEFAULT: usize = 100;
/// Letters of the mark that says where a cursor belongs.
const MARK: usize = 12;

/// What a client gets to go on with.
pub(crate) fn cursor(project: &ProjectId, list: &str, next: Option<String>) -> Option<String> {
    next.map(|next| URL_SAFE_NO_PAD.encode(format!("{}{next}", mark(project, list, &next))))
}

/// Where a client goes on. A cursor of another project or list is no cursor here.
pub(crate) fn after(project: &ProjectId, list: &str, cursor: Option<&str>) -> Answer<Option<String>> {
    let Some(cursor) = cursor else { return Ok(None) };
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (given, next) = text.split_at_checked(MARK)?;
        (given == mark(project, list, next)).then(|| next.to_owned())
    };
    read().map(Some).ok_or_else(|| {
        Fault::not_found("no such cursor; give the `next` of the page before, with the same filters")
    })
}

fn mark(project: &ProjectId, list: &str, next: &str) -> String {
    soulcaster_core::id::digest(
        &[b"cursor", project.as_str().as_bytes(), list.as_bytes(), next.as_bytes()],
        MARK,
    )
}

/// How many records to give: within what a page may hold.
pub(crate) fn limit(asked: Option<usize>) -> Answer<usize> {
    match asked.unwrap_or(DEFAULT) {
        limit @ 1..=MOST => Ok(limit),
        other => Err(Fault::invalid(format!("limit is 1 to {MOST}, not {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_serves_its_own_project_and_list_only() {
        let (shop, other) = (ProjectId::new("shop").unwrap(), ProjectId::new("other").unwrap());
        let next = cursor(&shop, "feedback", Some("a12".to_owned())).unwrap();
        assert_eq!(after(&shop, "feedback", Some(&next)).unwrap().as_deref(), Some("a12"));
        for (project, list, text) in [
            (&other, "feedback", next.as_str()),
            (&shop, "clusters", &next),
            (&shop, "feedback", &next[1..]),
            (&shop, "feedback", "é"),
            (&shop, "feedback", ""),
        ] {
            assert_eq!(after(project, list, Some(text)).unwrap_err().status(), 404, "{text}");
        }
        assert!(after(&shop, "feedback", None).unwrap().is_none());
    }
}
