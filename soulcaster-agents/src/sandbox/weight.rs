//! How much folders hold.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Folders in folders beyond this are not counted but refused.
const DEEPEST: usize = 200;

/// Adds up the bytes that folders take on disk, and stops once they are more than `ceiling`. Links are not followed.
///
/// # Errors
/// When a folder cannot be read or lies too deep: then it is not known what it holds.
pub(crate) fn weigh(folders: &[PathBuf], ceiling: u64) -> io::Result<u64> {
    let mut total = 0;
    let mut open: Vec<(PathBuf, usize)> = folders.iter().map(|folder| (folder.clone(), 0)).collect();
    while let Some((folder, depth)) = open.pop() {
        if depth > DEEPEST {
            return Err(io::Error::other("folders lie too deep"));
        }
        let Some(entries) = gone(fs::read_dir(&folder))? else { continue };
        for entry in entries {
            let Some(entry) = gone(entry)? else { continue };
            let Some(data) = gone(fs::symlink_metadata(entry.path()))? else { continue };
            total += data.blocks() * 512;
            if total > ceiling {
                return Ok(total);
            }
            if data.is_dir() {
                open.push((entry.path(), depth + 1));
            }
        }
    }
    Ok(total)
}

/// What was removed or replaced meanwhile weighs nothing.
fn gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}
