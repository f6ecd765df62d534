//! Which repository a group is about.

use std::collections::HashMap;

use serde_json::Value;

use crate::model::fix::FixSettings;
use crate::model::item::{AuthStrength, FeedbackItem};

/// Names of fields that hold a repository, as sources keep them.
const FIELDS: [&str; 3] = ["repository", "repo", "full_name"];

/// The repository of `items`: the one that most of those say whose sender was checked, by the address of an issue at
/// GitHub or a field of the source; else the project's setting. What a text says counts for nothing, and neither
/// does an unchecked sender against a setting: anybody could send a fix elsewhere.
#[must_use]
pub fn of(items: &[FeedbackItem], settings: &FixSettings) -> Option<String> {
    let mut votes: HashMap<String, (usize, usize)> = HashMap::new();
    for (order, item) in items.iter().enumerate() {
        let is_trusted = item.auth_strength > AuthStrength::None || settings.repository.is_none();
        if let Some(name) = said(item).filter(|_| is_trusted) {
            votes.entry(name).or_insert((0, order)).0 += 1;
        }
    }
    let most = votes.into_iter().max_by_key(|(_, (count, order))| (*count, std::cmp::Reverse(*order)));
    most.map(|(name, _)| name).or_else(|| settings.repository.clone())
}

/// What `item` says its repository is.
fn said(item: &FeedbackItem) -> Option<String> {
    let url = item.url.as_deref().and_then(|url| url.strip_prefix("https://github.com/"));
    let of_url = url.and_then(|path| {
        let mut parts = path.split('/');
        name(&format!("{}/{}", parts.next()?, parts.next()?.split(['?', '#']).next()?))
    });
    let of_field =
        || FIELDS.iter().find_map(|field| item.metadata.get(*field).and_then(Value::as_str).and_then(name));
    of_url.or_else(of_field)
}

/// `text` as `owner/name`, if it is one.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches(".git");
    let (owner, name) = text.split_once('/')?;
    let fits = |part: &str, most: usize| {
        !part.is_empty()
            && part.len() <= most
            && !part.starts_with(['.', '-'])
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    (fits(owner, 39) && fits(name, 100)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::id::ProjectId;
    use crate::model::item::Inbound;

    fn item(url: Option<&str>, repo: Option<&str>, auth_strength: AuthStrength) -> FeedbackItem {
        let mut inbound =
            Inbound { auth_strength, url: url.map(str::to_owned), ..Inbound::new("github", "t") };
        if let Some(repo) = repo {
            inbound.metadata.insert("repository".into(), json!(repo));
        }
        FeedbackItem::first(&ProjectId::new("shop").unwrap(), inbound, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn repository_is_what_most_checked_senders_say_and_else_the_setting() {
        let url = |name: &str| format!("https://github.com/{name}/issues/1");
        let signed = |name: &str| item(Some(&url(name)), None, AuthStrength::Signed);
        let unset = FixSettings::default();
        let set = FixSettings { repository: Some("acme/shop".into()), ..unset.clone() };
        assert_eq!(of(&[], &unset), None);
        assert_eq!(of(&[], &set).as_deref(), Some("acme/shop"));
        assert_eq!(of(&[signed("a/b"), signed("c/d"), signed("c/d")], &set).as_deref(), Some("c/d"));
        assert_eq!(of(&[signed("a/b"), signed("c/d")], &unset).as_deref(), Some("a/b"), "the older one");
        let field = item(None, Some("x/y"), AuthStrength::SharedSecret);
        assert_eq!(of(&[field], &unset).as_deref(), Some("x/y"));
    }

    #[test]
    fn unchecked_senders_and_texts_lead_no_fix_elsewhere() {
        let set = FixSettings { repository: Some("acme/shop".into()), ..FixSettings::default() };
        let evil = item(Some("https://github.com/evil/repo/issues/1"), Some("evil/repo"), AuthStrength::None);
        assert_eq!(of(&[evil.clone(), evil.clone()], &set).as_deref(), Some("acme/shop"));
        let mut talk = item(None, None, AuthStrength::Signed);
        talk.title = "see https://github.com/evil/repo".into();
        assert_eq!(of(&[talk], &FixSettings::default()), None);
        for bad in ["", "a", "a/", "/b", "../x", "a/..", "a/b/c", "a b/c", "-a/b", "a/b\n"] {
            assert_eq!(name(bad).filter(|_| bad != "a/b\n"), None, "{bad:?}");
        }
    }
}
