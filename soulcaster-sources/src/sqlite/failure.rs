//! What SQLite says, in words that name the file and the remedy.

use std::path::Path;

use rusqlite::ErrorCode;
use soulcaster_core::{Error, ErrorKind};

/// `SQLITE_IOERR_SHMSIZE`: no room for the shared memory file.
const SHM_SIZE: i32 = 4874;

/// Puts `error`, met in `operation` on the file `path`, in words.
pub(super) fn explain(operation: &'static str, path: &Path, error: rusqlite::Error) -> Error {
    let file = path.display();
    let (code, extended) = match &error {
        rusqlite::Error::SqliteFailure(e, _) => (e.code, e.extended_code),
        _ => (ErrorCode::Unknown, 0),
    };
    let unavailable = |message: String| Error::new(ErrorKind::Unavailable, operation, message);
    let told = match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            unavailable(format!("{file} is being written by another process; try again or stop it"))
        }
        ErrorCode::DiskFull => disk_full(operation, path),
        ErrorCode::SystemIoFailure if extended == SHM_SIZE => disk_full(operation, path),
        ErrorCode::DatabaseCorrupt => unavailable(format!(
            "{file} is damaged; restore a backup, or save what can be read with `sqlite3 FILE .recover`"
        )),
        ErrorCode::NotADatabase => Error::invalid(
            operation,
            format!("{file} is not a database; name another file, or move this one away"),
        ),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => unavailable(format!(
            "{file} is read-only; make it and its directory writable, or open it read-only"
        )),
        ErrorCode::CannotOpen => unavailable(format!(
            "{file} cannot be opened; check that it and its directory may be read and written"
        )),
        ErrorCode::SystemIoFailure => unavailable(format!(
            "the disk failed while {file} was read or written; the outcome is unknown, check the disk and try again"
        )),
        ErrorCode::TooBig => {
            Error::new(ErrorKind::TooLarge, operation, "a record is larger than 1 GB; keep it elsewhere")
        }
        _ => Error::new(
            ErrorKind::Unexpected,
            operation,
            format!("{file} gave an error; run `soulcaster doctor`"),
        ),
    };
    told.with_source(error)
}

fn disk_full(operation: &'static str, path: &Path) -> Error {
    let file = path.display();
    let message = format!("the disk is full, nothing was written to {file}; free some space and try again");
    Error::new(ErrorKind::Full, operation, message)
}

/// The same error once more: several commits may fail for one reason.
pub(super) fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.operation(), error.message())
}
