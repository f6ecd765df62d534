//! Keys that vendors give a shape to.

use super::Found;

/// What may stand in a key behind its beginning.
#[derive(Clone, Copy)]
enum Letters {
    /// `0-9a-f`, any case.
    Hex,
    /// Letters and digits.
    Alphanumeric,
    /// Letters, digits, `_`.
    Word,
    /// Letters, digits, `_`, `-`.
    Dash,
    /// Letters, digits, `_`, `-`, `.`.
    Dot,
    /// Letters, digits, `_`, `-`, `.`, `/`, `+`, `=`, `|`.
    Any,
}

/// Kind, beginning, fewest letters behind it, which. A longer beginning stands before the shorter one that it has.
const KEYS: &[(&str, &str, usize, Letters)] = &[
    ("AWS access key", "AKIA", 16, Letters::Alphanumeric),
    ("AWS access key", "ASIA", 16, Letters::Alphanumeric),
    ("AWS access key", "ABIA", 16, Letters::Alphanumeric),
    ("AWS access key", "ACCA", 16, Letters::Alphanumeric),
    ("GitHub token", "github_pat_", 22, Letters::Word),
    ("GitHub token", "ghp_", 30, Letters::Alphanumeric),
    ("GitHub token", "gho_", 30, Letters::Alphanumeric),
    ("GitHub token", "ghu_", 30, Letters::Alphanumeric),
    ("GitHub token", "ghs_", 30, Letters::Dot),
    ("GitHub token", "ghr_", 30, Letters::Alphanumeric),
    ("GitLab token", "glpat-", 20, Letters::Dot),
    ("GitLab token", "gldt-", 20, Letters::Dot),
    ("GitLab token", "glrt-", 20, Letters::Dot),
    ("GitLab token", "glrtr-", 20, Letters::Dot),
    ("GitLab token", "glcbt-", 20, Letters::Dot),
    ("GitLab token", "glptt-", 20, Letters::Dot),
    ("GitLab token", "glft-", 20, Letters::Dot),
    ("GitLab token", "glimt-", 20, Letters::Dot),
    ("GitLab token", "glagent-", 20, Letters::Dot),
    ("GitLab token", "glsoat-", 20, Letters::Dot),
    ("GitLab token", "gloas-", 20, Letters::Dot),
    ("GitLab token", "glffct-", 20, Letters::Dot),
    ("Slack token", "xoxe.xox", 20, Letters::Dot),
    ("Slack token", "xoxa-", 10, Letters::Dash),
    ("Slack token", "xoxb-", 10, Letters::Dash),
    ("Slack token", "xoxc-", 10, Letters::Dash),
    ("Slack token", "xoxd-", 10, Letters::Any),
    ("Slack token", "xoxe-", 10, Letters::Dash),
    ("Slack token", "xoxo-", 10, Letters::Dash),
    ("Slack token", "xoxp-", 10, Letters::Dash),
    ("Slack token", "xoxr-", 10, Letters::Dash),
    ("Slack token", "xoxs-", 10, Letters::Dash),
    ("Slack token", "xapp-", 10, Letters::Dash),
    ("Slack webhook", "hooks.slack.com/services/", 20, Letters::Any),
    ("Slack webhook", "hooks.slack.com/workflows/", 20, Letters::Any),
    ("Discord webhook", "discord.com/api/webhooks/", 40, Letters::Any),
    ("Discord webhook", "discordapp.com/api/webhooks/", 40, Letters::Any),
    ("Stripe key", "sk_live_", 10, Letters::Alphanumeric),
    ("Stripe key", "sk_test_", 10, Letters::Alphanumeric),
    ("Stripe key", "rk_live_", 10, Letters::Alphanumeric),
    ("Stripe key", "rk_test_", 10, Letters::Alphanumeric),
    ("webhook secret", "whsec_", 20, Letters::Any),
    ("Anthropic key", "sk-ant-", 20, Letters::Dash),
    ("OpenAI key", "sk-proj-", 20, Letters::Dash),
    ("OpenAI key", "sk-svcacct-", 20, Letters::Dash),
    ("OpenAI key", "sk-admin-", 20, Letters::Dash),
    ("OpenRouter key", "sk-or-v1-", 20, Letters::Hex),
    ("OpenAI key", "sk-", 20, Letters::Dash),
    ("Google key", "AIza", 35, Letters::Dash),
    ("Google OAuth secret", "GOCSPX-", 20, Letters::Dash),
    ("Google OAuth token", "ya29.", 20, Letters::Dash),
    ("Google OAuth token", "1//0", 20, Letters::Dash),
    ("Groq key", "gsk_", 30, Letters::Alphanumeric),
    ("xAI key", "xai-", 40, Letters::Dash),
    ("Perplexity key", "pplx-", 30, Letters::Alphanumeric),
    ("Hugging Face token", "hf_", 30, Letters::Alphanumeric),
    ("Replicate token", "r8_", 30, Letters::Alphanumeric),
    ("E2B key", "e2b_", 32, Letters::Hex),
    ("npm token", "npm_", 30, Letters::Alphanumeric),
    ("PyPI token", "pypi-", 50, Letters::Dash),
    ("crates.io token", "cio", 32, Letters::Alphanumeric),
    ("RubyGems key", "rubygems_", 40, Letters::Hex),
    ("Docker token", "dckr_pat_", 20, Letters::Dash),
    ("SendGrid key", "SG.", 40, Letters::Dot),
    ("Mailgun key", "key-", 32, Letters::Hex),
    ("Twilio key", "SK", 32, Letters::Hex),
    ("DigitalOcean token", "dop_v1_", 40, Letters::Hex),
    ("DigitalOcean token", "doo_v1_", 40, Letters::Hex),
    ("Sentry token", "sntrys_", 30, Letters::Any),
    ("Sentry token", "sntryu_", 30, Letters::Hex),
    ("PostHog key", "phx_", 30, Letters::Alphanumeric),
    ("Linear key", "lin_api_", 30, Letters::Alphanumeric),
    ("Notion token", "ntn_", 30, Letters::Alphanumeric),
    ("Grafana token", "glsa_", 30, Letters::Word),
    ("Grafana token", "glc_", 30, Letters::Any),
    ("New Relic key", "NRAK-", 20, Letters::Alphanumeric),
    ("Databricks token", "dapi", 32, Letters::Hex),
    ("Vault token", "hvs.", 24, Letters::Dash),
    ("Vault token", "hvb.", 24, Letters::Dash),
    ("Doppler token", "dp.pt.", 30, Letters::Alphanumeric),
    ("Pulumi token", "pul-", 32, Letters::Hex),
    ("Shopify token", "shpat_", 32, Letters::Hex),
    ("Shopify token", "shpss_", 32, Letters::Hex),
    ("Supabase key", "sbp_", 32, Letters::Hex),
    ("Supabase key", "sb_secret_", 20, Letters::Dash),
    ("Square token", "sq0atp-", 20, Letters::Dash),
    ("Square secret", "sq0csp-", 20, Letters::Dash),
    ("Figma token", "figd_", 30, Letters::Dash),
    ("Postman key", "PMAK-", 40, Letters::Dash),
    ("Telegram token", "bot", 44, Letters::Any),
    ("age key", "AGE-SECRET-KEY-1", 50, Letters::Alphanumeric),
];

/// A key of a vendor that begins at `at`.
pub(super) fn key(bytes: &[u8], at: usize) -> Found {
    const LONGEST: usize = 1024;
    let rest = &bytes[at..];
    for (kind, start, fewest, letters) in KEYS {
        if rest.first() != start.as_bytes().first() || !rest.starts_with(start.as_bytes()) {
            continue;
        }
        let begin = at + start.len();
        let mut end = run(bytes, begin, LONGEST, |b| match letters {
            Letters::Hex => b.is_ascii_hexdigit(),
            Letters::Alphanumeric => b.is_ascii_alphanumeric(),
            Letters::Word => is_word(b),
            Letters::Dash => is_word(b) || b == b'-',
            Letters::Dot => is_word(b) || b"-.".contains(&b),
            Letters::Any => is_word(b) || b"-./+=|:".contains(&b),
        });
        // The end of a sentence is none of the key.
        end =
            begin + bytes[begin..end].iter().rposition(|b| !b"./:-|".contains(b)).map_or(0, |last| last + 1);
        let rest = &bytes[begin..end];
        let fits = match *start {
            // A key of letters and digits alone is no part of a longer word, and has one length.
            "AKIA" | "ASIA" | "ABIA" | "ACCA" => {
                rest.len() == 16 && rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            }
            "AIza" => rest.len() >= 35 && distinct(rest) > 8,
            "cio" | "dapi" | "SK" => rest.len() == *fewest && is_mixed(rest, *fewest),
            "sk-" => is_mixed(rest, *fewest) && rest.iter().any(u8::is_ascii_uppercase),
            "bot" => {
                let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                (8..=10).contains(&digits) && rest.get(digits) == Some(&b':') && is_mixed(rest, *fewest)
            }
            "discord.com/api/webhooks/" | "discordapp.com/api/webhooks/" | "hooks.slack.com/services/" => {
                is_mixed(rest, *fewest)
            }
            "ghp_" | "gho_" | "ghu_" | "ghr_" | "npm_" => rest.len() >= *fewest && distinct(rest) > 2,
            _ => rest.len() >= *fewest && distinct(rest) > 4,
        };
        if fits && !bytes.get(end).copied().is_some_and(is_word) {
            return Some((kind, at..end));
        }
    }
    None
}

/// Whether it is of at least `fewest` bytes, different ones, with both letters and digits.
pub(super) fn is_mixed(value: &[u8], fewest: usize) -> bool {
    value.len() >= fewest
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && distinct(value) >= 8
}

/// How many different bytes it has.
pub(super) fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    value.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.into_iter().filter(|seen| *seen).count()
}

/// Whether `byte` is part of a word.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The end of the run of at most `longest` bytes from `from` for which `takes` holds.
pub(super) fn run(bytes: &[u8], from: usize, longest: usize, takes: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take(longest).take_while(|byte| takes(**byte)).count()
}
