//! How vendors prove themselves.

use serde_json::{Map, Value};
use soulcaster_core::model::{Proof, SecretValue, SourceConfig};
use soulcaster_core::{Error, Result, Secret};

use super::{VENDORS, configured};
use crate::signature::{Auth, SecretHash};

/// The vendors whose API is asked (feature `pull`), in order of name.
pub const PULLED: [&str; 9] =
    ["app_store", "datadog", "github", "google_play", "intercom", "posthog", "reddit", "sentry", "zendesk"];

/// How `vendor` proves itself unless something else is asked for: as strongly as it can.
///
/// | vendors | proof |
/// | --- | --- |
/// | Discord, GitHub, Grafana, Intercom, PagerDuty, Sentry, Slack, Standard Webhooks, Zendesk | their signature |
/// | Alertmanager, Datadog, e-mail, any JSON, reports by hand, OTLP, PostHog | a secret in the header `Authorization` |
/// | Splunk | a secret in the path |
/// | App Store, Google Play, Reddit | none delivers; their API is asked |
///
/// ```
/// use soulcaster_core::model::Proof;
/// use soulcaster_sources::vendor::default_proof;
/// assert_eq!(default_proof("github")?, Proof::Signature);
/// assert_eq!(default_proof("datadog")?, Proof::Header { name: "Authorization".into() });
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
///
/// # Errors
/// `NotFound` with the names there are.
pub fn default_proof(vendor: &str) -> Result<Proof> {
    Ok(match vendor {
        "discord" | "github" | "grafana" | "intercom" | "pagerduty" | "sentry" | "slack"
        | "standard_webhooks" | "zendesk" => Proof::Signature,
        "alertmanager" | "datadog" | "email" | "generic" | "manual" | "otlp" | "posthog" => {
            Proof::Header { name: "Authorization".to_owned() }
        }
        "splunk" => Proof::PathToken,
        "app_store" | "google_play" | "reddit" => Proof::Pull,
        other => {
            let mut names: Vec<&str> = VENDORS.into_iter().chain(PULLED).collect();
            names.sort_unstable();
            names.dedup();
            let message = format!("no vendor {other:?}; there are {}", names.join(", "));
            return Err(Error::not_found("webhook", message));
        }
    })
}

/// Whether `vendor` makes the secret or key of its signatures itself, so that one made here would never match.
#[must_use]
pub fn brings_secret(vendor: &str) -> bool {
    ["discord", "intercom", "pagerduty", "sentry", "slack", "standard_webhooks", "zendesk"].contains(&vendor)
}

/// Checks that `vendor` can prove itself so with this secret, or one that is made here; and of one that is pulled that
/// it has an API to ask, and a token where it wants one.
///
/// # Errors
/// `NotFound` with the names of vendors there are; `Invalid` naming the vendor and the remedy.
pub fn check(
    vendor: &str,
    proof: &Proof,
    settings: &Map<String, Value>,
    secret: Option<&Secret>,
) -> Result<()> {
    default_proof(vendor)?;
    let refuse = |why: &str| Err(Error::invalid("webhook.check", format!("{vendor}: {why}")));
    match proof {
        Proof::Pull if !PULLED.contains(&vendor) => return refuse("its API is not asked; it delivers"),
        // What is public there is told to anybody.
        Proof::Pull if secret.is_none() && vendor != "github" => {
            return refuse("it makes the token of its API; give that one");
        }
        Proof::Pull => return Ok(()),
        _ if !VENDORS.contains(&vendor) => return refuse("it delivers nothing; its API is asked"),
        Proof::Signature if secret.is_none() && brings_secret(vendor) => {
            return refuse("it makes the secret of its signatures itself; give that one");
        }
        _ => {}
    }
    let secret = secret.cloned().unwrap_or_else(|| Secret::new("made-here".repeat(4)));
    let hashes = vec![SecretHash::of(&secret)];
    let auth = match proof {
        Proof::Signature => Auth::Signed { secrets: vec![secret] },
        Proof::Header { name } => Auth::HeaderSecret { header: name.clone(), secrets: hashes },
        Proof::PathToken => Auth::PathToken { secrets: hashes },
        Proof::Unsigned | Proof::Pull => Auth::AllowUnsigned,
    };
    configured(vendor, auth, settings).map(|_| ())
}

/// What the deliveries of a configured source are verified with.
///
/// # Errors
/// `Invalid` for a source that cannot prove itself ([`SourceConfig::check`]), and for one that is pulled, to which
/// nothing is delivered.
pub fn auth_of(config: &SourceConfig) -> Result<Auth> {
    config.check()?;
    let values = config.secrets.iter().map(|secret| &secret.value);
    let plain = || values.clone().filter_map(plain).collect();
    let hashes = || values.clone().map(hash).collect::<Result<Vec<_>>>();
    Ok(match &config.proof {
        Proof::Signature => Auth::Signed { secrets: plain() },
        Proof::Header { name } => Auth::HeaderSecret { header: name.clone(), secrets: hashes()? },
        Proof::PathToken => Auth::PathToken { secrets: hashes()? },
        Proof::Unsigned => Auth::AllowUnsigned,
        Proof::Pull => {
            let message =
                format!("source {} of {} is pulled; nothing is delivered to it", config.id, config.vendor);
            return Err(Error::invalid("webhook.check", message));
        }
    })
}

fn plain(value: &SecretValue) -> Option<Secret> {
    if let SecretValue::Plain(secret) = value { Some(secret.clone()) } else { None }
}

fn hash(value: &SecretValue) -> Result<SecretHash> {
    match value {
        SecretValue::Plain(secret) => Ok(SecretHash::of(secret)),
        SecretValue::Sha256(hex) => SecretHash::parse(hex),
    }
}

#[cfg(test)]
mod tests {
    use soulcaster_core::flow::NewSource;
    use soulcaster_core::port::{Decoded, Delivery};
    use soulcaster_core::{ErrorKind, ProjectId, Soulcaster};

    use super::*;
    use crate::vendor::webhook;

    fn new(vendor: &str, proof: Proof, secret: Option<&str>) -> NewSource {
        let secret = secret.map(Secret::new);
        NewSource { vendor: vendor.into(), proof, secret, enabled: true, settings: Map::new() }
    }

    fn checked(vendor: &str, proof: &Proof, secret: Option<&str>) -> Result<()> {
        check(vendor, proof, &Map::new(), secret.map(Secret::new).as_ref())
    }

    #[test]
    fn every_vendor_takes_the_proof_it_has_by_default() {
        /// A point of the curve, as Discord's keys are.
        const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        for vendor in VENDORS.into_iter().chain(PULLED) {
            let proof = default_proof(vendor).unwrap();
            let secret = if vendor == "discord" { KEY.to_owned() } else { "k".repeat(40) };
            let brings = brings_secret(vendor) || proof == Proof::Pull;
            assert_eq!(checked(vendor, &proof, None).is_ok(), !brings, "{vendor}");
            checked(vendor, &proof, Some(&secret)).unwrap();
            if PULLED.contains(&vendor) {
                checked(vendor, &Proof::Pull, Some("token")).unwrap();
            }
        }
        assert!(default_proof("fax").unwrap_err().message().contains("app_store"));
    }

    #[test]
    fn a_proof_that_the_vendor_does_not_have_is_refused() {
        let header = Proof::Header { name: "X Key".into() };
        for (vendor, proof, secret) in [
            ("datadog", Proof::Signature, Some("secret")),
            ("slack", Proof::Signature, None),
            ("discord", Proof::Signature, Some("no key")),
            ("slack", Proof::Pull, Some("token")),
            ("reddit", Proof::Unsigned, None),
            ("sentry", Proof::Pull, None),
            ("generic", header, None),
        ] {
            let error = checked(vendor, &proof, secret).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{vendor} {proof:?}");
            assert!(error.message().starts_with(vendor), "{error}");
        }
        assert_eq!(checked("fax", &Proof::Unsigned, None).unwrap_err().kind(), ErrorKind::NotFound);
        checked("github", &Proof::Pull, None).unwrap();
    }

    #[tokio::test]
    async fn a_stored_source_lets_in_what_brings_its_secret() {
        let soulcaster = Soulcaster::in_memory();
        let (project, now) = (ProjectId::new("shop").unwrap(), Default::default());
        let body = crate::fixture::bytes("splunk/missing_raw.json");
        let header = Proof::Header { name: "X-Key".into() };
        for (proof, n) in [(Proof::PathToken, 1), (header, 2), (Proof::Unsigned, 3)] {
            let new = new("splunk", proof, None);
            let (view, made) = soulcaster.add_source(&project, new, &[n; 20], now).await.unwrap();
            let config = soulcaster.source_config(&view.id).await.unwrap();
            let source = webhook("splunk", auth_of(&config).unwrap()).unwrap();
            let send = |secret: &str| {
                let headers = vec![("x-key".to_owned(), format!("Bearer {secret}"))];
                let path = format!("/ingest/splunk/{}/{secret}", view.id);
                source.decode(&Delivery { headers, path, body: body.clone() }, now)
            };
            let secret = made.map_or("any".to_owned(), |made| made.expose().to_owned());
            assert!(matches!(send(&secret).unwrap(), Decoded::Reports(_)), "{view:?}");
            let refused = send("any").err().map(|error| error.kind());
            assert_eq!(refused, (!view.unsigned).then_some(ErrorKind::Unauthorized));
        }
    }

    #[tokio::test]
    async fn nothing_is_verified_with_the_token_of_an_api() {
        let soulcaster = Soulcaster::in_memory();
        let project = ProjectId::new("shop").unwrap();
        let new = new("github", Proof::Pull, Some("ghp_x"));
        let (view, _) = soulcaster.add_source(&project, new, &[1; 20], Default::default()).await.unwrap();
        let config = soulcaster.source_config(&view.id).await.unwrap();
        assert_eq!(auth_of(&config).unwrap_err().kind(), ErrorKind::Invalid);
        let signed = SourceConfig { proof: Proof::Signature, secrets: vec![], ..config };
        assert_eq!(auth_of(&signed).unwrap_err().kind(), ErrorKind::Invalid, "no secret, no source");
    }
}
