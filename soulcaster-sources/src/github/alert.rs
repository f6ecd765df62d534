//! Security alerts of a repository.

use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};

use super::{part, started, times};
use crate::payload;

/// A finding of an analysis tool.
pub(super) fn code_scanning(value: &Value) -> Result<Inbound> {
    let alert = part(value, "alert")?;
    let mut item = begun(value, alert, "code_scanning")?;
    let title = ["/rule/description", "/rule/full_description", "/rule/name", "/rule/id"];
    item.title = payload::first_word(alert, &title).unwrap_or_default();
    let place = ["/most_recent_instance", "/instances/0"].iter().find_map(|pointer| alert.pointer(pointer));
    item.body = payload::text(alert, "/rule/full_description");
    if let Some(place) = place {
        let (path, line) =
            (payload::line(place, "/location/path"), payload::line(place, "/location/start_line"));
        for more in [payload::text(place, "/message/text"), format!("{path}:{line}")] {
            if !more.is_empty() && more != ":" {
                item.body.push_str(if item.body.is_empty() { "" } else { "\n" });
                item.body.push_str(more.trim_end_matches(':'));
            }
        }
    }
    let level = payload::first_word(alert, &["/rule/security_severity_level", "/rule/severity"]);
    item.severity =
        level.and_then(|word| if word == "note" { Some(Severity::Low) } else { Severity::parse(&word) });
    item.tags = payload::words(alert, "/rule/tags", "");
    payload::note(&mut item.metadata, "rule", payload::word(alert, "/rule/id"));
    payload::note(&mut item.metadata, "tool", payload::word(alert, "/tool/name"));
    Ok(item)
}

/// A dependency with a known hole.
pub(super) fn dependabot(value: &Value) -> Result<Inbound> {
    let alert = part(value, "alert")?;
    let mut item = begun(value, alert, "dependabot")?;
    item.title = payload::line(alert, "/security_advisory/summary");
    item.body = payload::text(alert, "/security_advisory/description").trim_end().to_owned();
    let level = ["/security_vulnerability/severity", "/security_advisory/severity"];
    item.severity = payload::first_word(alert, &level).and_then(|word| Severity::parse(&word));
    for pointer in ["/dependency/package/ecosystem", "/dependency/package/name"] {
        payload::tag(&mut item.tags, payload::word(alert, pointer));
    }
    for (name, pointer) in [
        ("ghsa_id", "/security_advisory/ghsa_id"),
        ("cve_id", "/security_advisory/cve_id"),
        ("manifest_path", "/dependency/manifest_path"),
        ("fixed_in", "/security_vulnerability/first_patched_version/identifier"),
    ] {
        payload::note(&mut item.metadata, name, payload::word(alert, pointer));
    }
    Ok(item)
}

/// A credential in the code. The credential itself never becomes text.
pub(super) fn secret_scanning(value: &Value) -> Result<Inbound> {
    let alert = part(value, "alert")?;
    let mut item = begun(value, alert, "secret_scanning")?;
    let kind = payload::first_word(alert, &["/secret_type_display_name", "/secret_type"]);
    let kind = kind.unwrap_or_else(|| "credential".to_owned());
    item.title = format!("Secret in the repository: {kind}");
    let facts =
        [("Validity", "/validity"), ("Resolution", "/resolution"), ("Comment", "/resolution_comment")];
    let facts = facts.iter().filter_map(|(name, at)| Some(format!("{name}: {}", payload::word(alert, at)?)));
    item.body = facts.collect::<Vec<_>>().join("\n");
    item.severity = Some(Severity::Critical);
    payload::tag(&mut item.tags, payload::word(alert, "/secret_type"));
    Ok(item)
}

fn begun(value: &Value, alert: &Value, kind: &str) -> Result<Inbound> {
    let mut item = started(value, kind, &payload::required_id(alert, "/number")?)?;
    item.url = payload::url(alert, "/html_url");
    times(&mut item, alert, false);
    payload::note(&mut item.metadata, "status", payload::word(alert, "/state"));
    Ok(item)
}
