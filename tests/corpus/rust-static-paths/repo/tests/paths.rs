use webroot::{content_type, decode, Denied, Root};

fn resolve(request: &str) -> Result<String, Denied> {
    Root::new("/srv/www/").resolve(request)
}

#[test]
fn files_and_folders() {
    assert_eq!(resolve("/a/b.html").as_deref(), Ok("/srv/www/a/b.html"));
    assert_eq!(resolve("/").as_deref(), Ok("/srv/www/index.html"));
    assert_eq!(resolve("/docs/").as_deref(), Ok("/srv/www/docs/index.html"));
}

#[test]
fn query_and_fragment_do_not_matter() {
    assert_eq!(resolve("/a.css?v=../2#x").as_deref(), Ok("/srv/www/a.css"));
}

#[test]
fn escapes_are_decoded_once() {
    assert_eq!(resolve("/a%20b.txt").as_deref(), Ok("/srv/www/a b.txt"));
    assert_eq!(resolve("/100%2525").as_deref(), Ok("/srv/www/100%25"));
    assert_eq!(decode("%e4%b8%ad").as_deref(), Some("中"));
}

#[test]
fn malformed_requests() {
    for request in ["/%", "/%4", "/%zz", "/%ff"] {
        assert_eq!(resolve(request), Err(Denied::Malformed), "{request}");
    }
}

#[test]
fn leaving_at_once_is_refused() {
    assert_eq!(resolve("/../etc/passwd"), Err(Denied::Outside));
}

#[test]
fn hidden_files_are_private() {
    assert_eq!(resolve("/.env"), Err(Denied::Hidden));
    assert_eq!(resolve("/a/.git/config"), Err(Denied::Hidden));
}

#[test]
fn dots_within_names_are_fine() {
    assert_eq!(resolve("/a..b/c...d.txt").as_deref(), Ok("/srv/www/a..b/c...d.txt"));
    assert_eq!(resolve("/v1.2/x.").as_deref(), Ok("/srv/www/v1.2/x."));
}

#[test]
fn double_slashes_are_one() {
    assert_eq!(resolve("//a//b.html").as_deref(), Ok("/srv/www/a/b.html"));
}

#[test]
fn kinds() {
    assert_eq!(content_type("/a/B.HTML"), "text/html; charset=utf-8");
    assert_eq!(content_type("/a.d/file"), "application/octet-stream");
}
