use super::*;
use crate::fixture::{bytes, lines, now, report, reports, sent};

fn open() -> EmailWebhook {
    EmailWebhook::new(Auth::AllowUnsigned).unwrap()
}

fn read(body: impl Into<Vec<u8>>) -> Inbound {
    report(&open(), body)
}

fn raw(name: &str) -> Vec<u8> {
    let wrapped: Value = serde_json::from_slice(&bytes(name)).unwrap();
    wrapped["raw_rfc5322"].as_str().unwrap().as_bytes().to_vec()
}

#[test]
fn a_message_is_mapped() {
    let report = read(raw("email/rfc5322.007.json"));
    let lines: Vec<String> = lines(&report).lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "id: NDBBIAKOPKHFGPLCODIGIEKCCHAA.doug@example.com");
    assert_eq!(lines[1], "title: Die Hasen und die Frösche (Microsoft Outlook 00)");
    assert!(
        lines[2]
            .starts_with("body: Die Hasen und die Frösche⏎⏎Die Hasen klagten einst über ihre mißliche Lage;")
    );
    assert_eq!(
        lines[3..],
        [
            "time: 2000-05-17T23:15:35+00:00 -",
            "severity: -",
            "tags: ",
            "url: -",
            "author: Doug Sauder <doug@example.com>",
            "status: -"
        ]
    );
    assert_eq!(report.metadata["to"], serde_json::json!(["Jürgen Schmürgen <schmuergen@example.com>"]));
}

#[test]
fn of_alternatives_the_plain_text_is_read_and_a_picture_alone_is_named() {
    let report = read(raw("email/rfc5322.003.json"));
    assert_eq!(report.body.matches("Die Hasen klagten").count(), 1);
    assert!(!report.body.contains('<'));
    let picture = read(raw("email/rfc5322.000.json"));
    assert_eq!(
        (picture.title.as_str(), picture.body.as_str()),
        ("Test message from Microsoft Outlook 00", "")
    );
    assert_eq!(picture.metadata["attachments"], serde_json::json!(["redball.png"]));
    assert_eq!(read(bytes("email/rfc5322.003.json")).body, report.body);
}

#[test]
fn a_reply_in_html_keeps_what_was_written_and_the_thread() {
    let report = read(bytes("email/html_only.eml"));
    assert_eq!(
        lines(&report),
        "id: m2@example.com\ntitle: Re: Export 😢\nbody: It still fails.\n\
         time: 2025-01-08T10:12:07+00:00 -\nseverity: -\n\
         tags: x-spam-status:No\nurl: -\nauthor: Jane Doe <jane@example.com>\nstatus: -"
    );
    for (name, value) in [
        ("in_reply_to", "m1@example.net"),
        ("references", "<m0@example.net> <m1@example.net>"),
        ("spf", "pass"),
        ("dkim", "fail"),
        ("dmarc", "none"),
    ] {
        assert_eq!(report.metadata[name], value, "{name}");
    }
}

#[test]
fn postmark_is_mapped() {
    let report = read(bytes("email/postmark.inbound.1.json"));
    assert_eq!(
        lines(&report),
        "id: CAEPk3R+4Zr@mail.example.org\ntitle: Test subject\nbody: Test body plain\n\
         time: 2017-10-12T01:31:04+00:00 -\nseverity: -\n\
         tags: x-spam-status:No | x-spam-score:1.7\nurl: -\n\
         author: Displayed From <from+test@example.org>\nstatus: -"
    );
    let test = read(bytes("email/postmark-inbound-test-payload.json"));
    assert_eq!(test.external_id.as_deref(), Some("00000000-0000-0000-0000-000000000000"));
    assert_eq!(test.metadata["attachments"], serde_json::json!(["test.txt"]));
    assert_eq!(test.metadata["reply_to"], "replyto@example.com");
}

#[test]
fn brevo_is_mapped_one_by_one_or_many() {
    let one = bytes("email/brevo.inbound.1.json");
    let report = read(one.clone());
    assert_eq!(
        lines(&report),
        "id: ABCDE12345@mail.example.com\ntitle: Testing Brevo inbound\n\
         body: This is a *test message*.⏎⏎- Sender\n\
         time: 2023-07-17T18:11:22+00:00 -\nseverity: -\ntags: x-spam-score:2.9\nurl: -\n\
         author: Sender Name <from@example.com>\nstatus: -"
    );
    let one = String::from_utf8(one).unwrap();
    let other = one.replace("ABCDE12345", "FGHIJ");
    let away = one.replace("\"MIME-Version\"", "\"Auto-Submitted\": \"auto-replied\", \"MIME-Version\"");
    let several = reports(&open(), format!(r#"{{"items":[{one},{away},{other}]}}"#));
    let ids: Vec<_> = several.iter().filter_map(|report| report.external_id.as_deref()).collect();
    assert_eq!(ids, ["ABCDE12345@mail.example.com", "FGHIJ@mail.example.com"]);
}

#[test]
fn what_no_person_wrote_is_no_report() {
    for (file, what) in [("email/auto_reply.eml", "automatic reply"), ("email/bounce.eml", "delivery report")]
    {
        let decoded = open().decode(&sent(bytes(file)), now()).unwrap();
        assert_eq!(decoded, payload::not_a_report(what), "{file}");
    }
    let generated =
        "From: cron@example.com\r\nSubject: Backup failed\r\nAuto-Submitted: auto-generated\r\n\r\ndisk full";
    assert_eq!(read(generated).title, "Backup failed");
}

#[test]
fn a_message_without_an_id_is_known_by_its_content() {
    let mail =
        |text: &str| read(format!("From: a@example.com\r\nSubject: s\r\n\r\n{text}")).external_id.unwrap();
    assert_eq!(mail("one"), mail("one"));
    assert_ne!(mail("one"), mail("two"));
    assert_eq!(mail("one").len(), 32);
}

#[test]
fn what_is_no_mail_is_refused() {
    // The parser of messages asserts what this one does not keep in debug builds.
    let nested = "x\nContent-Type:multipart/;boundary=b\n\n--bContent-Type:message/rfc822\n\nS\nContent-Type:message/rfc822\n\n\n--b--";
    for body in [nested, "hello", "{\"a\":1}", "{\"raw_rfc5322\":\"\"}", "X-Other: 1\r\n\r\nhi"] {
        let error = open().decode(&sent(body), now()).unwrap_err();
        assert_eq!(error.kind(), soulcaster_core::ErrorKind::Invalid, "{body}");
    }
    assert_eq!(open().decode(&sent(" \r\n"), now()).unwrap(), Decoded::Ignored(Ignored::Empty));
}
