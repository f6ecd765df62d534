use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn headers(pairs: &[(&str, &str)]) -> http::HeaderMap {
    let mut map = http::HeaderMap::new();
    for (name, value) in pairs {
        map.insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    map
}

#[test]
fn answers_stand_for_errors_with_the_wait_that_github_names() {
    let now: chrono::DateTime<chrono::Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let reset = now.timestamp() + 90;
    let reset = reset.to_string();
    let limit = br#"{"message": "API rate limit exceeded"}"#;
    for (status, pairs, body, kind, wait) in [
        (401, &[][..], &b"{\"message\": \"Bad credentials\"}"[..], ErrorKind::Unauthorized, None),
        (404, &[], b"", ErrorKind::NotFound, None),
        (301, &[], b"", ErrorKind::NotFound, None),
        (403, &[], b"{\"message\": \"Resource not accessible\"}", ErrorKind::Unauthorized, None),
        (403, &[("retry-after", "17")], limit, ErrorKind::RateLimited, Some(17)),
        (
            403,
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)],
            limit,
            ErrorKind::RateLimited,
            Some(90),
        ),
        (
            403,
            &[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", &reset)],
            b"",
            ErrorKind::Unauthorized,
            None,
        ),
        (429, &[("retry-after", "Sun, 01 Mar 2026 12:00:09 GMT")], b"", ErrorKind::RateLimited, Some(9)),
        (429, &[], b"", ErrorKind::RateLimited, Some(60)),
        (422, &[], b"{\"message\": \"Validation Failed\"}", ErrorKind::Invalid, None),
        (502, &[], b"<html>", ErrorKind::Unavailable, None),
    ] {
        let error = answer::refusal(status, &headers(pairs), body, now);
        assert_eq!(
            (error.kind(), error.retry_after().map(|wait| wait.as_secs())),
            (kind, wait),
            "{status} {pairs:?}"
        );
    }
    let body = br#"{"message": "Validation Failed", "errors": [{"resource": "PullRequest", "field": "head", "code": "invalid"}]}"#;
    let error = answer::refusal(422, &headers(&[]), body, now);
    assert!(error.message().ends_with("(422: Validation Failed; head invalid)"), "{error}");
}

#[test]
fn unfit_settings_are_refused_and_no_setting_shows_its_secret() {
    let access = || GitHubAccess::Token(Secret::new("swordfish"));
    for (api, web) in [
        ("http://api.github.com", "https://github.com"),
        ("https://api.github.com", "http://github.com"),
        ("https://api.github.com", "https://swordfish@github.com"),
        ("file:///tmp", "https://github.com"),
    ] {
        let settings = GitHubSettings { api: api.into(), web: web.into(), ..GitHubSettings::new(access()) };
        let error = GitHub::new(settings).unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && !error.to_string().contains("swordfish"));
    }
    let host = GitHub::new(GitHubSettings::new(access())).unwrap();
    assert!(!format!("{host:?}").contains("swordfish"));
    let remote = host.remote("o/r", &Secret::new("swordfish"));
    assert_eq!((remote.url.as_str(), remote.protocol), ("https://github.com/o/r.git", "https"));
    assert_eq!(remote.settings[0].0, "http.https://github.com/.extraHeader");
    let app = GitHubAccess::App { id: 1, key: Secret::new("-----BEGIN swordfish") };
    let error = GitHub::new(GitHubSettings::new(app)).unwrap_err();
    assert!(!error.to_string().contains("swordfish"));
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    assert!(GitHubAccess::token_file(&path).is_err());
    std::fs::write(&path, " \n").unwrap();
    assert!(GitHubAccess::token_file(&path).unwrap_err().message().contains("is empty"));
    std::fs::write(&path, "swordfish\n").unwrap();
    let GitHubAccess::Token(token) = GitHubAccess::token_file(&path).unwrap() else { panic!() };
    assert_eq!(token.expose(), "swordfish");
}

/// Answers each request with the next of `answers`, and keeps what was asked.
async fn server(answers: Vec<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            loop {
                let read = stream.read(&mut piece).await.unwrap();
                request.extend_from_slice(&piece[..read]);
                let text = String::from_utf8_lossy(&request).to_lowercase();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.split("content-length: ").nth(1).map_or(0, |rest| {
                    rest.lines().next().unwrap_or_default().trim().parse::<usize>().unwrap_or(0)
                });
                if body.len() >= length || read == 0 {
                    break;
                }
            }
            kept.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
            let (status, body) = answer.split_once(' ').unwrap();
            let text = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(text.as_bytes()).await.unwrap();
        }
    });
    (address, asked)
}

fn host(address: &str, access: GitHubAccess) -> GitHub {
    let (api, web) = (format!("{address}/api/v3"), address.to_owned());
    GitHub::new(GitHubSettings { api, web, ..GitHubSettings::new(access) }).unwrap()
}

#[tokio::test]
async fn state_is_asked_with_the_token_below_the_path_of_the_api() {
    let pull = r#"200 {"number": 7, "html_url": "https://h/7", "state": "closed", "merged_at": "2026-01-01T00:00:00Z"}"#;
    let (address, asked) = server(vec![pull, r#"401 {"message": "Bad credentials"}"#]).await;
    let host = host(&address, GitHubAccess::Token(Secret::new("swordfish")));
    assert_eq!(host.state("o/r", 7).await.unwrap(), PullRequestState::Merged);
    let error = host.state("o/r", 7).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!format!("{error:?}").contains("swordfish"));
    let request = asked.lock().unwrap()[0].to_lowercase();
    assert!(request.starts_with("get /api/v3/repos/o/r/pulls/7 http"), "{request}");
    assert!(request.contains("authorization: bearer swordfish"), "{request}");
    assert!(host.state("../x", 7).await.is_err());
}

#[tokio::test]
async fn an_app_takes_a_token_of_one_repository_that_may_only_read() {
    let key = rsa_key();
    let pull = r#"200 {"number": 7, "html_url": "https://h/7", "state": "open", "merged_at": null}"#;
    let (address, asked) = server(vec![r#"200 {"id": 99}"#, r#"201 {"token": "short-lived"}"#, pull]).await;
    let host = host(&address, GitHubAccess::App { id: 12, key: Secret::new(key) });
    assert_eq!(host.state("o/r", 7).await.unwrap(), PullRequestState::Open);
    let asked = asked.lock().unwrap();
    assert!(asked[0].contains("/api/v3/repos/o/r/installation"), "{}", asked[0]);
    assert!(asked[1].contains("POST /api/v3/app/installations/99/access_tokens"), "{}", asked[1]);
    let body: Value = serde_json::from_str(asked[1].split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["repositories"], json!(["r"]));
    assert_eq!(body["permissions"], json!({"contents": "read", "metadata": "read", "pull_requests": "read"}));
    assert!(asked[2].to_lowercase().contains("authorization: bearer short-lived"));
    // A JSON Web Token for the first two, signed with RS256 and issued by the App.
    let jwt = asked[0].to_lowercase();
    let jwt = &asked[0][jwt.find("bearer ").unwrap() + 7..].lines().next().unwrap();
    let decode = |part: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    let claims: Value = serde_json::from_slice(&decode(jwt.split('.').nth(1).unwrap())).unwrap();
    let head: Value = serde_json::from_slice(&decode(jwt.split('.').next().unwrap())).unwrap();
    assert_eq!((&head["alg"], &claims["iss"]), (&json!("RS256"), &json!(12)));
}

/// A key made for this run.
fn rsa_key() -> String {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let lines = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n")
}
