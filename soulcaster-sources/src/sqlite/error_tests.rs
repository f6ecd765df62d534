//! Every way in which a file can be wrong, and what the user is told.

use std::process::Command;
use std::time::Duration;

use soulcaster_core::port::{Change, Document, Expect};

use super::tests::{folder, ids, key, project, put, things, wait};
use super::*;

/// What opening `path` says, with the kind.
fn refusal(path: &Path) -> (ErrorKind, String) {
    let error = SqliteStore::open(path).unwrap_err();
    assert!(error.message().contains(path.to_str().unwrap()), "the error names the file: {error}");
    (error.kind(), error.message().replace(path.to_str().unwrap(), "FILE"))
}

#[track_caller]
fn assert_told((kind, message): (ErrorKind, String), expected: ErrorKind, parts: &[&str]) {
    assert_eq!(kind, expected, "{message}");
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

/// A commit of `count` records of about 2,000 bytes each.
fn bulky(name: &str, count: usize) -> Vec<Write> {
    let document =
        |n: usize| Document { json: format!("\"{}\"", "x".repeat(2000 + n % 7)), ..Document::default() };
    (0..count)
        .map(|n| Write {
            key: key(&format!("{name}{n}")),
            expect: Expect::Any,
            change: Change::Put(document(n)),
        })
        .collect()
}

#[test]
fn a_directory_is_refused() {
    let (folder, _) = folder();
    assert_told(refusal(folder.path()), ErrorKind::Invalid, &["FILE is a directory; name a file in it"]);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    for content in ["title,body\nCrash,It crashes\n".to_owned(), "x".repeat(100_000)] {
        fs::write(&path, &content).unwrap();
        assert_told(refusal(&path), ErrorKind::Invalid, &["FILE is not a database; name another file"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let (_folder, path) = folder();
    fs::write(&path, "").unwrap();
    assert!(ids(&SqliteStore::open(&path).unwrap()).is_empty());
}

#[test]
fn the_database_of_another_application_is_refused_and_left_alone() {
    for sql in ["CREATE TABLE songs (title)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"] {
        let (_folder, path) = folder();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        let told = &["FILE is the database of another application; name another file"];
        assert_told(refusal(&path), ErrorKind::Invalid, told);
        assert_eq!(fs::read(&path).unwrap(), before, "{sql}");
        let error = SqliteStore::open_read_only(&path).unwrap_err();
        assert!(error.message().contains("another application"), "{error}");
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let (_folder, path) = folder();
    drop(SqliteStore::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let told = &["FILE was written by a newer version (format 99, this one knows 1)", "upgrade soulcaster"];
    assert_told(refusal(&path), ErrorKind::Invalid, told);
    let error = SqliteStore::open_read_only(&path).unwrap_err();
    assert!(error.message().contains("upgrade soulcaster"), "{error}");
}

#[test]
fn a_step_that_fails_leaves_the_version_before() {
    let (_folder, path) = folder();
    let mut connection = Connection::open(&path).unwrap();
    let steps = &[
        "CREATE TABLE one (a)",
        "ALTER TABLE one ADD COLUMN b; CREATE TABLE two (a)",
        "CREATE TABLE t (a); nonsense",
    ];
    let format = |n: usize| schema::Format { steps: &steps[..n], ..schema::STORE };
    schema::migrate(&mut connection, &format(1)).unwrap();
    schema::migrate(&mut connection, &format(2)).unwrap();
    schema::migrate(&mut connection, &format(3)).unwrap_err();
    drop(connection);
    let connection = Connection::open(&path).unwrap();
    assert_eq!(schema::origin(&connection, &schema::STORE).unwrap(), schema::Origin::Ours(2));
    let tables: String = connection
        .query_row(
            "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema ORDER BY name)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(tables, "one,two");
}

#[test]
fn a_truncated_file_is_told_as_damaged() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    wait(store.commit(&project(), bulky("r", 200))).unwrap();
    drop(store);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    assert_told(refusal(&path), ErrorKind::Unavailable, &["FILE is damaged; restore a backup"]);
    let error = SqliteStore::open_read_only(&path).unwrap_err();
    assert!(error.message().contains("is damaged"), "{error}");
}

#[test]
fn damaged_pages_are_told_by_reads_and_by_check() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    wait(store.commit(&project(), bulky("r", 400))).unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let (middle, page) = (bytes.len() / 2 / 4096 * 4096, 4096);
    bytes[middle..middle + 20 * page].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let error = wait(store.list(&project(), &things())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("is damaged; restore a backup"), "{error}");
    let problems = store.check().unwrap();
    assert!(!problems.is_empty() && problems[0].starts_with("damaged: "), "{problems:?}");
    let error = wait(store.commit(&project(), bulky("r", 400))).unwrap_err();
    assert!(error.message().contains("is damaged"), "{error}");
}

#[test]
fn a_missing_directory_is_made() {
    let (folder, _) = folder();
    let path = folder.path().join("a/b/c.db");
    drop(SqliteStore::open(&path).unwrap());
    assert!(path.exists());
}

#[test]
fn a_directory_that_cannot_be_made_is_told() {
    let (folder, path) = folder();
    fs::write(&path, "").unwrap();
    let error = SqliteStore::open(path.join("x.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.message().contains("cannot be made") && error.message().contains("name another"),
        "{error}"
    );
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_made_is_told() {
    let told = refusal(Path::new("/proc/soulcaster.db"));
    assert_told(told, ErrorKind::Unavailable, &["FILE cannot be opened; check that it and its directory"]);
}

#[test]
fn a_store_opened_read_only_reads_and_refuses_commits() {
    let (_folder, path) = folder();
    let error = SqliteStore::open_read_only(&path).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::NotFound, &*format!("{} does not exist", path.display()))
    );
    assert!(!path.exists());
    let writer = SqliteStore::open(&path).unwrap();
    wait(writer.commit(&project(), vec![put("a", Expect::Any)])).unwrap();
    let reader = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(ids(&reader), ["a"]);
    wait(writer.commit(&project(), vec![put("b", Expect::Any)])).unwrap();
    assert_eq!(ids(&reader), ["a", "b"], "a reader sees what others commit");
    let error = wait(reader.commit(&project(), vec![put("c", Expect::Any)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("was opened read-only; open it for writing"), "{error}");
    drop(writer);
    assert_eq!(ids(&SqliteStore::open_read_only(&path).unwrap()), ["a", "b"], "also when nobody writes");
}

#[test]
fn a_full_store_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let (_folder, path) = folder();
    let settings = Settings { max_pages: Some(200), ..Settings::default() };
    let store = SqliteStore::open_with(&path, settings).unwrap();
    wait(store.commit(&project(), bulky("kept", 20))).unwrap();
    let before = ids(&store);
    let error = wait(store.commit(&project(), bulky("lost", 1000))).unwrap_err();
    full(&error, &path);
    assert_eq!(ids(&store), before, "nothing is half written");
    wait(store.commit(&project(), vec![put("small", Expect::Absent)])).unwrap();
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[track_caller]
fn full(error: &Error, path: &Path) {
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    let expected =
        format!("the disk is full, nothing was written to {}; free some space and try again", path.display());
    assert_eq!(error.message(), expected);
}

/// A file system in memory; unmounted when dropped. `None` where mounting is not allowed.
struct Mount(tempfile::TempDir);

impl Mount {
    fn new(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        Self::run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()))
            .then_some(Self(folder))
    }

    fn run(command: &mut Command) -> bool {
        command.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Self::run(Command::new("umount").arg("-l").arg(self.0.path()));
    }
}

#[test]
fn a_full_disk_is_told_and_survived() {
    let Some(mount) = Mount::new("size=2m") else {
        println!("not run: mounting is not allowed here");
        return;
    };
    let (path, ballast) = (mount.0.path().join("store.db"), mount.0.path().join("ballast"));
    fs::write(&ballast, vec![0; 500_000]).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let mut acknowledged = Vec::new();
    let error = loop {
        let name = format!("n{}-", acknowledged.len());
        match wait(store.commit(&project(), bulky(&name, 10))) {
            Ok(_) => acknowledged.extend((0..10).map(|n| format!("{name}{n}"))),
            Err(error) => break error,
        }
    };
    full(&error, &path);
    assert!(!acknowledged.is_empty());
    assert_eq!(ids(&store), acknowledged, "what was acknowledged stays, nothing is half written");
    let error = wait(store.commit(&project(), bulky("again", 10))).unwrap_err();
    full(&error, &path);
    fs::remove_file(&ballast).unwrap();
    wait(store.commit(&project(), bulky("more", 10))).unwrap();
    assert_eq!(ids(&store).len(), acknowledged.len() + 10, "it goes on when there is room");
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
    fs::write(&ballast, vec![0; 2_000_000]).unwrap_err();
    let error = store.backup_to(mount.0.path().join("backup.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.message().contains("the disk is full"), "{error}");
    assert!(!mount.0.path().join("backup.db.partial").exists(), "a failed backup leaves nothing");
    drop(store);
    let error = SqliteStore::open(mount.0.path().join("new.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.message().contains("the disk is full"), "{error}");
    fs::remove_file(&ballast).unwrap();
    assert_eq!(ids(&SqliteStore::open(&path).unwrap()).len(), acknowledged.len() + 10);
}

#[test]
fn a_read_only_disk_is_told_and_can_be_read() {
    let Some(mount) = Mount::new("size=4m") else {
        println!("not run: mounting is not allowed here");
        return;
    };
    let path = mount.0.path().join("a b%?.db");
    let store = SqliteStore::open(&path).unwrap();
    wait(store.commit(&project(), vec![put("a", Expect::Any)])).unwrap();
    drop(store);
    assert!(Mount::run(Command::new("mount").args(["-o", "remount,ro"]).arg(mount.0.path())));
    assert_told(
        refusal(&path),
        ErrorKind::Unavailable,
        &["FILE is read-only; make it", "or open it read-only"],
    );
    let store = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(ids(&store), ["a"]);
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_file_that_is_held_while_it_is_opened_is_told() {
    let (_folder, path) = folder();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let settings = Settings { patience: Duration::from_millis(50), ..Settings::default() };
    let error = SqliteStore::open_with(&path, settings).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("is being written by another process; try again or stop it"), "{error}");
}
