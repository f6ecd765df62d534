use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;
use soulcaster_core::ErrorKind;

use super::*;
use crate::fixture::{bytes, delivery, now, report, shown};

fn source(secrets: &[&str]) -> Result<StandardWebhook> {
    let auth = Auth::Signed { secrets: secrets.iter().map(|secret| Secret::new(*secret)).collect() };
    StandardWebhook::new("svix", auth, StandardWebhook::default_mapping())
}

#[test]
fn envelope_fills_every_field() {
    let open = StandardWebhook::new("svix", Auth::AllowUnsigned, StandardWebhook::default_mapping()).unwrap();
    assert_eq!(
        shown(&report(&open, bytes("standard_webhooks/feedback.created.json"))),
        json!({
            "source": "svix",
            "external_id": "fb_1",
            "title": "Search is slow",
            "body": "It takes ten seconds.",
            "author": "Ada",
            "url": "https://example.com/fb/1",
            "severity": "high",
            "tags": ["search"],
            "metadata": {"status": "new", "event_type": "feedback.created"},
            "occurred_at": "2024-06-01T11:59:00Z",
            "updated_at": "2024-06-01T12:00:00Z",
            "auth_strength": "none",
        })
    );
}

#[test]
fn v1a_is_verified_with_the_public_key_and_never_as_v1() {
    let signer = SigningKey::from_bytes(&[5; 32]);
    let public = format!("whpk_{}", STANDARD.encode(signer.verifying_key().as_bytes()));
    let stamp = now().timestamp().to_string();
    let body = bytes("standard_webhooks/feedback.created.json");
    let signature =
        STANDARD.encode(signer.sign(&[format!("msg_1.{stamp}.").as_bytes(), &body[..]].concat()).to_bytes());
    let answer = |secrets: &[&str], names: [&str; 3], id: &str, signature: &str| {
        let headers = [(names[0], id), (names[1], stamp.as_str()), (names[2], signature)];
        source(secrets).unwrap().decode(&delivery(&headers, &body[..]), now())
    };
    let (new, old) = (
        ["webhook-id", "webhook-timestamp", "webhook-signature"],
        ["svix-id", "svix-timestamp", "svix-signature"],
    );
    let shared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for names in [new, old] {
        let Decoded::Reports(reports) =
            answer(&[shared, &public], names, "msg_1", &format!("v1,AAAA v1a,{signature}")).unwrap()
        else {
            panic!()
        };
        assert_eq!(reports[0].auth_strength, AuthStrength::Signed);
    }
    for (secrets, id, listed) in [
        (vec![public.as_str()], "msg_1", format!("v1,{signature}")),
        (vec![public.as_str()], "msg_2", format!("v1a,{signature}")),
        (vec![shared], "msg_1", format!("v1a,{signature}")),
        (vec![public.as_str()], "msg_1", signature.clone()),
    ] {
        let error = answer(&secrets, new, id, &listed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    }
}

#[test]
fn the_message_id_stands_in_for_a_missing_id() {
    let open = StandardWebhook::new("svix", Auth::AllowUnsigned, StandardWebhook::default_mapping()).unwrap();
    let delivery = delivery(&[("webhook-id", "msg_9")], "{\"type\":\"invoice.failed\",\"data\":{}}");
    let Decoded::Reports(reports) = open.decode(&delivery, now()).unwrap() else { panic!() };
    assert_eq!(
        (reports[0].external_id.as_deref(), reports[0].title.as_str()),
        (Some("msg_9"), "invoice.failed")
    );
}

#[test]
fn secrets_of_another_form_are_refused() {
    for wrong in ["whsec_c2hvcnQ=", "whsec_!!!", "whpk_AAAA", "plain text secret"] {
        assert_eq!(source(&[wrong]).unwrap_err().kind(), ErrorKind::Invalid, "{wrong}");
    }
    assert!(source(&["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).is_ok());
    assert!(source(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]).unwrap().tolerance(0).is_err());
}
