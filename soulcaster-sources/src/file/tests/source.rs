//! The source: batches, cursors, files that change.

use soulcaster_core::ErrorKind;
use soulcaster_core::port::{Batch, Source};

use super::super::FileSource;
use super::*;

fn write(lines: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.jsonl");
    let text: String = (1..=lines)
        .map(|n| if n % 3 == 0 { "oops\n".into() } else { format!("{{\"title\":\"t{n}\"}}\n") })
        .collect();
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn open(path: &std::path::Path, batch: usize) -> FileSource {
    FileSource::open_with(path, FileOptions { batch, ..FileOptions::default() }).unwrap()
}

fn titles(batch: &Batch) -> Vec<&str> {
    batch.items.iter().map(|item| item.title.as_str()).collect()
}

#[tokio::test]
async fn batches_follow_each_other_to_the_end() {
    let (_folder, path) = write(10);
    let mut source = open(&path, 5);
    assert_eq!(source.name(), "file");
    let first = source.fetch(None).await.unwrap();
    assert_eq!((titles(&first), first.rejected[0].index), (vec!["t1", "t2", "t4", "t5"], 3));
    assert_eq!(first.items[0].source, "file");
    let second = source.fetch(first.cursor.as_deref()).await.unwrap();
    assert_eq!((titles(&second), second.cursor.clone()), (vec!["t7", "t8", "t10"], None));
    assert_eq!(second.rejected.iter().map(|r| r.index).collect::<Vec<_>>(), [6, 9]);
}

#[tokio::test]
async fn a_cursor_gives_the_same_batch_again_also_in_another_process() {
    let (_folder, path) = write(10);
    let mut source = open(&path, 4);
    let first = source.fetch(None).await.unwrap();
    let second = source.fetch(first.cursor.as_deref()).await.unwrap();
    assert_eq!(source.fetch(None).await.unwrap(), first);
    assert_eq!(source.fetch(first.cursor.as_deref()).await.unwrap(), second);
    assert_eq!(open(&path, 4).fetch(first.cursor.as_deref()).await.unwrap(), second);
}

#[tokio::test]
async fn cursors_that_fit_no_file_are_refused() {
    let (_folder, path) = write(10);
    let mut source = open(&path, 4);
    let error = source.fetch(Some("page=2")).await.unwrap_err();
    assert_eq!(error.to_string(), "file.fetch: `page=2` is not a cursor of a file; fetch without a cursor");
    let error = source.fetch(Some("row:11")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.message(),
        format!(
            "the cursor is at row 11 and {} has 10: it has been replaced; fetch without a cursor",
            path.display()
        )
    );
    assert_eq!(source.fetch(None).await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn an_empty_file_is_an_empty_batch_that_says_so() {
    let (_folder, path) = write(0);
    let mut source = open(&path, 4);
    assert_eq!(source.format(), Format::Empty);
    assert_eq!(source.fetch(None).await.unwrap(), Batch::default());
}

#[tokio::test]
async fn a_batch_ends_early_when_its_reports_are_large() {
    let (_folder, path) = write(0);
    let report = format!("{{\"title\":\"{}\"}}\n", "x".repeat(10 << 20));
    std::fs::write(&path, report.repeat(8)).unwrap();
    let mut source = open(&path, 2_000);
    let first = source.fetch(None).await.unwrap();
    assert_eq!((first.items.len(), first.cursor.as_deref()), (7, Some("row:7")));
}

#[tokio::test]
async fn warnings_belong_to_the_last_batch() {
    let (_folder, path) = write(0);
    std::fs::write(&path, "{\"title\":\"a\"}\n{\"title\":\"b\",\"title\":\"c\"}\n{\"title\":\"d\"}\n")
        .unwrap();
    let mut source = open(&path, 2);
    let first = source.fetch(None).await.unwrap();
    assert_eq!(source.warnings()[0].line, 2);
    assert_eq!(source.warnings()[0].message, "`title` occurs more than once; its last value is kept");
    source.fetch(first.cursor.as_deref()).await.unwrap();
    assert_eq!(source.warnings(), []);
}

#[test]
fn options_are_checked() {
    let refused = |options: FileOptions| options.check().unwrap_err().to_string();
    assert_eq!(
        refused(FileOptions { source: String::new(), ..FileOptions::default() }),
        "file.options: source must be 1 to 128 bytes"
    );
    assert_eq!(
        refused(FileOptions { row_limit: 0, ..FileOptions::default() }),
        "file.options: row_limit must be 1 to 1073741824 bytes, not 0"
    );
    assert_eq!(
        refused(FileOptions { batch: 0, ..FileOptions::default() }),
        "file.options: batch must be 1 or more"
    );
}
