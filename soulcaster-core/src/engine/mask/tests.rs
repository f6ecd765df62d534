use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::engine::secrets::secrets;

/// Makes things up, the same ones each time.
struct Maker(u64);

impl Maker {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn letters(&mut self, of: &str, count: usize) -> String {
        (0..count).map(|_| char::from(of.as_bytes()[self.below(of.len())])).collect()
    }

    fn alphanumeric(&mut self, count: usize) -> String {
        self.letters("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", count)
    }

    fn dash(&mut self, count: usize) -> String {
        self.letters("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-", count - 1) + "k"
    }

    fn hex(&mut self, count: usize) -> String {
        self.letters("0123456789abcdef", count)
    }

    fn digits(&mut self, count: usize) -> String {
        self.letters("0123456789", count)
    }

    fn word(&mut self) -> String {
        let count = 3 + self.below(6);
        self.letters("abcdefghijklmnoprstuvwyz", count)
    }

    /// A number of a card: `start`, digits, check digit.
    fn card(&mut self, start: &str, length: usize) -> String {
        let body = format!("{start}{}", self.digits(length - start.len() - 1));
        let sum: u32 = body
            .bytes()
            .rev()
            .enumerate()
            .map(|(index, digit)| {
                let digit = u32::from(digit - b'0') * (2 - index as u32 % 2);
                if digit > 9 { digit - 9 } else { digit }
            })
            .sum();
        format!("{body}{}", (10 - sum % 10) % 10)
    }
}

/// A text, and the part of it that must not be left.
struct Sample {
    kind: &'static str,
    text: String,
    hidden: String,
}

fn sample(kind: &'static str, text: impl Fn(&str) -> String, hidden: String) -> Sample {
    Sample { kind, text: text(&hidden), hidden }
}

/// Sentences as people write them around what they paste.
const AROUND: [(&str, &str); 6] = [
    ("", ""),
    ("It fails with ", " since the update."),
    ("Steps:\n1. run `tool --flag ", "`\n2. see the error"),
    ("log: {\"message\":\"sent ", "\"} and then nothing"),
    ("I used (", "), as the docs say"),
    ("2026-01-02 10:11:12 ERROR worker-3 got '", "'.\nTraceback follows"),
];

/// Secrets with a form of their own.
fn structured() -> Vec<Sample> {
    let mut make = Maker(7);
    let mut samples = Vec::new();
    for round in 0..6 {
        let upper = make.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16);
        let jwt = format!("eyJ{}.eyJ{}.{}", make.alphanumeric(30), make.alphanumeric(60), make.dash(43));
        let pem = (0..4).map(|_| make.alphanumeric(64) + "\n").collect::<String>();
        let (b, e) = ("-----BEGIN", "-----END");
        let label = ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"][round % 3];
        let shaped: Vec<(&'static str, String)> = vec![
            ("aws", format!("{}{upper}", ["AKIA", "ASIA"][round % 2])),
            (
                "github",
                format!("{}_{}", ["ghp", "gho", "ghu", "ghs", "ghr", "ghp"][round], make.alphanumeric(36)),
            ),
            ("github", format!("github_{}_{}_{}", "pat", make.alphanumeric(22), make.alphanumeric(59))),
            ("gitlab", format!("glp{}-{}", "at", make.dash(20))),
            ("slack", format!("xox{}-{}-{}", ["b", "p"][round % 2], make.digits(12), make.alphanumeric(24))),
            (
                "slack",
                format!(
                    "https://hooks.slack.{}/services/T{}/B{}/{}",
                    "com",
                    make.digits(9),
                    make.digits(9),
                    make.alphanumeric(24)
                ),
            ),
            (
                "stripe",
                format!(
                    "{}_{}_{}",
                    ["sk", "rk"][round % 2],
                    ["live", "test"][round % 2],
                    make.alphanumeric(24)
                ),
            ),
            ("stripe", format!("wh{}_{}", "sec", make.alphanumeric(32))),
            ("openai", format!("sk-{}-{}", "proj", make.dash(80))),
            ("openai", format!("sk{}{}", '-', make.alphanumeric(48))),
            ("anthropic", format!("sk-{}-api03-{}", "ant", make.dash(93))),
            ("google", format!("{}{}", "AIza", make.dash(35))),
            ("google", format!("{}-{}", "GOCSPX", make.dash(28))),
            ("npm", format!("{}_{}", "npm", make.alphanumeric(36))),
            ("pypi", format!("{}-AgEIcHlwaS5vcmc{}", "pypi", make.dash(80))),
            ("sendgrid", format!("S{}.{}.{}", "G", make.dash(22), make.dash(43))),
            ("hugging face", format!("h{}_{}", "f", make.alphanumeric(34))),
            ("jwt", jwt),
        ];
        for (kind, hidden) in shaped {
            let (before, after) = AROUND[make.below(AROUND.len())];
            samples.push(sample(kind, |hidden| format!("{before}{hidden}{after}"), hidden));
        }
        samples.push(sample("pem", |key| format!("key:\n{b} {label}-----\n{key}{e} {label}-----\nbye"), pem));
        let password = make.alphanumeric(10) + "!7";
        #[allow(clippy::type_complexity)]
        let pairs: Vec<Box<dyn Fn(&str) -> String>> = vec![
            Box::new(|v| format!("password={v}")),
            Box::new(|v| format!("DB_PASSWORD: {v}\n")),
            Box::new(|v| format!("run with `--api-key={v}` please")),
            Box::new(|v| format!("{{\"client_secret\": \"{v}\", \"a\": 1}}")),
            Box::new(|v| format!("body {{\\\"access_token\\\":\\\"{v}\\\"}} was sent")),
            Box::new(|v| format!("Server=db;User Id=sa;Password={v};Encrypt=true")),
            Box::new(|v| format!("export AWS_SECRET_ACCESS_KEY='{v}'")),
            Box::new(|v| format!("mysql_pwd = {v} in my.cnf")),
            Box::new(|v| format!("curl -H 'Authorization: Bearer {v}' https://api.example.com")),
            Box::new(|v| format!("x-auth-token: {v}\nhost: a")),
            Box::new(|v| format!("GET https://api.example.com/v1?page=2&access_token={v}&x=1 gave 500")),
            Box::new(|v| format!("postgres://app:{v}@db.internal:5432/main does not connect")),
            Box::new(|v| format!("git clone https://bot:{v}@git.example.com/a/b.git")),
            Box::new(|v| format!("'credentials' => '{v}'")),
            Box::new(|v| format!("privateKey: \"{v}\"")),
            Box::new(|v| format!("passwd: {v}")),
        ];
        for pair in pairs {
            samples.push(sample("pair", pair, password.clone().replace('!', "x")));
        }
        samples.push(sample("pair", |v| format!("password={v}"), make.word() + &make.word()));
        samples.push(sample("pair", |v| format!("password: \"{v}\""), make.word() + "-" + &make.word()));
    }
    samples
}

fn personal_data() -> Vec<Sample> {
    let mut make = Maker(11);
    let mut samples = Vec::new();
    for round in 0..10 {
        let ends = ["com", "org", "co.uk", "de", "io"];
        let email = format!("{}.{}@{}.{}", make.word(), make.word(), make.word(), ends[round % 5]);
        let tagged = format!("{}+{}@{}.{}", make.word(), make.digits(2), make.word(), ends[round % 5]);
        let octets: Vec<String> = (0..4).map(|_| (1 + make.below(254)).to_string()).collect();
        let ip4 = octets.join(".").replacen("127.", "128.", 1);
        let ip6 = (0..8).map(|_| make.hex(4)).collect::<Vec<_>>().join(":");
        let short6 = format!("2001:db8::{}:{}", make.hex(3), make.hex(4));
        let card = match round % 4 {
            0 => make.card("4", 16),
            1 => make.card("53", 16),
            2 => make.card("37", 15),
            _ => make.card("6011", 16),
        };
        let grouped = |mark: &str| {
            let card = Maker(round as u64 + 50).card("4", 16);
            [&card[..4], &card[4..8], &card[8..12], &card[12..]].join(mark)
        };
        let phones = [
            format!("+1 415 555 {}", make.digits(4)),
            format!("+49 30 {}", make.digits(7)),
            format!("+44{}", "7".to_owned() + &make.digits(9)),
            format!("(415) 555-{}", make.digits(4)),
            format!("415-555-{}", make.digits(4)),
            format!("020 7946 {}", make.digits(4)),
        ];
        let shaped: Vec<(&'static str, String)> = vec![
            ("email", email),
            ("email", tagged),
            ("ip", ip4),
            ("ip", ip6),
            ("ip", short6),
            ("card", card),
            ("card", grouped(" ")),
            ("card", grouped("-")),
            ("phone", phones[round % 6].clone()),
            ("phone", phones[(round + 3) % 6].clone()),
        ];
        for (kind, hidden) in shaped {
            let (before, after) = AROUND[make.below(AROUND.len())];
            samples.push(sample(kind, |hidden| format!("{before}{hidden}{after}"), hidden));
        }
    }
    samples
}

/// Those whose secret is still in the masked text.
fn missed(samples: &[Sample]) -> Vec<String> {
    let mut missed = Vec::new();
    for Sample { kind, text, hidden } in samples {
        let masked = mask(text);
        assert_eq!(masked.unmask(&masked.text), *text);
        let left = hidden.lines().any(|line| masked.text.contains(line));
        if left {
            missed.push(format!("{kind}: {text}"));
        }
    }
    missed
}

#[test]
fn ninety_nine_of_a_hundred_structured_secrets_are_hidden() {
    let samples = structured();
    assert!(samples.len() >= 200, "{}", samples.len());
    let missed = missed(&samples);
    assert!(missed.len() * 100 <= samples.len(), "{} of {}: {missed:#?}", missed.len(), samples.len());
}

#[test]
fn ninety_five_of_a_hundred_personal_data_are_hidden() {
    let samples = personal_data();
    assert!(samples.len() >= 100, "{}", samples.len());
    let missed = missed(&samples);
    assert!(missed.len() * 20 <= samples.len(), "{} of {}: {missed:#?}", missed.len(), samples.len());
}

#[test]
fn shaped_secrets_are_found_in_patches_too() {
    for Sample { kind, text, hidden } in structured().iter().filter(|sample| sample.kind != "pair") {
        let patch: String = text.lines().map(|line| format!("+{line}\n")).collect();
        let found = secrets(&patch);
        let first = hidden.lines().next().unwrap().trim_start_matches("https://");
        assert!(found.iter().any(|f| patch[f.range.clone()].contains(first)), "{kind}: {patch}");
    }
}

#[test]
fn two_of_a_hundred_ordinary_texts_at_most_are_changed_without_reason() {
    // Some of these texts do name people and machines.
    let with_reason = |placeholder: &str, value: &str| {
        let octets: Vec<u8> = value.split('.').filter_map(|octet| octet.parse().ok()).collect();
        (placeholder.starts_with("<email-") && value.contains('@'))
            || (octets.len() == 4 && (octets[0] == 10 || octets.iter().any(|octet| *octet > 31)))
    };
    let files = [
        include_str!("../../../../examples/data/hadoop-bugs.jsonl"),
        include_str!("../../../../examples/data/banking-questions.jsonl"),
    ];
    for file in files {
        let mut changed = String::new();
        let (mut count, mut all) = (0, 0);
        for line in file.lines() {
            let item: serde_json::Value = serde_json::from_str(line).unwrap();
            let text =
                format!("{}\n{}", item["title"].as_str().unwrap(), item["body"].as_str().unwrap_or(""));
            all += 1;
            let masked = mask(&text);
            assert_eq!(masked.unmask(&masked.text), text);
            let wrong: Vec<_> =
                masked.replacements.iter().filter(|(p, value)| !with_reason(p, value.expose())).collect();
            count += usize::from(!wrong.is_empty());
            for (placeholder, value) in wrong {
                writeln!(changed, "{placeholder} {}", value.expose()).unwrap();
            }
        }
        assert!(all > 500);
        assert!(count * 50 <= all, "{count} of {all}\n{changed}");
    }
}

#[test]
fn code_that_handles_secrets_is_let_through() {
    let code = r#"
+    let password = read_password(&mut stdin)?;
+    self.token = Some(token.clone());
+    auth: Auth::Bearer(config.auth_token.as_str()),
+    const API_KEY = process.env.API_KEY1;
+    password = settings["password1"]
+    "password": "{{ password }}",
+    if (token == "abc") { return; }
+    token: string;
+    user = User(password="secret", token=None)
+    let header = format!("Authorization: Bearer {}", token);
+    secret: ${{ secrets.DEPLOY_KEY_2 }}
+    if pem.starts_with("-----BEGIN RSA PRIVATE KEY-----") {}
+    git clone git@github.com:owner/name.git
+    postgres://postgres:postgres@localhost/test
+    let version = "1.2.3.4"; // max_tokens: 4096
+    <input type="password" name="password" placeholder="at least 12 characters">
+    sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
+    skeleton-loading-indicator sk-skeleton-loading-indicator-2
+    token = next_token_2(line)
"#;
    assert_eq!(secrets(code), []);
}

#[test]
fn values_that_stand_for_a_secret_in_code_are_found() {
    let value = Maker(3).alphanumeric(20) + "42";
    for (text, found) in [
        (format!("+password = \"{value}\""), true),
        (format!("+API_TOKEN={value}"), true),
        (format!("+  \"client_secret\": \"{value}\","), true),
        (format!("+postgres://app:{value}@db.example.com/x"), true),
        (format!("+color = \"{value}\""), false),
        ("+password = \"short\"".to_owned(), false),
    ] {
        assert_eq!(secrets(&text).len(), usize::from(found), "{text}");
    }
}

#[test]
fn placeholders_of_strangers_stay_and_are_not_put_back() {
    let text = "<email-1> and <email-3> wrote: ann@example.com, bob@example.com";
    let masked = mask(text);
    assert_eq!(masked.text, "<email-1> and <email-3> wrote: <email-2>, <email-4>");
    assert_eq!(masked.unmask(&masked.text), text);
    assert!(!format!("{masked:?}").contains("ann@"));
    assert_eq!(masked.unmask("<email-2><email-9><b-1>"), "ann@example.com<email-9><b-1>");
}

#[test]
fn megabytes_are_searched_in_a_moment_whatever_is_in_them() {
    for part in [
        "-",
        "eyJ-",
        "sk-",
        "pwd=",
        "a:b@",
        "://x:y",
        "-----BEGIN PRIVATE KEY-----\n",
        "<a-1>",
        "Bearer ",
        "+1 ",
    ] {
        let text = part.repeat((1 << 20) / part.len());
        let _ = secrets(&text);
        let _ = mask(&text);
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let hidden: Vec<String> = structured()
        .into_iter()
        .chain(personal_data())
        .flat_map(|sample| [sample.hidden, sample.text])
        .collect();
    let piece = prop_oneof![
        3 => any::<String>(),
        5 => prop::sample::select(hidden),
        2 => "[ -~]{0,12}",
        1 => "<(email|key|ip|pass)-[0-9]{1,2}>",
        2 => prop::sample::select(vec!["password=", "token: ", "://", "@", ":", "\"", "'", "\\\"", "-", ".", "+"])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn masking_is_undone_exactly_and_a_second_time_changes_nothing(text in pieces()) {
        let masked = mask(&text);
        prop_assert_eq!(masked.unmask(&masked.text), text.clone());
        let again = mask(&masked.text);
        prop_assert_eq!(&again.text, &masked.text);
        prop_assert!(masked.text.len() <= 2 * text.len(), "{} to {}", text.len(), masked.text.len());
    }

    #[test]
    fn findings_are_in_order_and_apart(text in pieces()) {
        let found = secrets(&text);
        prop_assert!(found.windows(2).all(|two| two[0].range.end <= two[1].range.start));
        prop_assert!(found.iter().all(|f| text.get(f.range.clone()).is_some_and(|t| !t.is_empty())));
    }
}

#[test]
fn secrets_stay_hidden_where_personal_data_come_back() {
    let text = format!(
        "ann@example.com 10.1.2.3 sk-ant-api03-{} postgres://u:hunter22@db/x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "aB3x".repeat(20)
    );
    let masked = mask(&text);
    let back = masked.unmask_personal(&masked.text);
    assert!(back.starts_with("ann@example.com 10.1.2.3 <key-1> "), "{back}");
    for secret in ["sk-ant", "hunter22", "eyJ"] {
        assert!(!back.contains(secret), "{back}");
    }
    assert_eq!(masked.unmask(&masked.text), text);
}
