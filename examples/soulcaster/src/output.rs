//! Where answers go: standard output, or a file that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use soulcaster_core::{Error, ErrorKind, Result};

/// Files that are being written, to be removed when the program is interrupted.
static PARTIAL: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// On Ctrl-C, or when asked to end, removes what is half-written and stops. What a store has accepted stays.
pub(crate) fn clear_up_on_interrupt() {
    let handled = ctrlc::set_handler(|| {
        for path in PARTIAL.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = fs::remove_file(path);
        }
        eprintln!("stopped; what was accepted is kept, and running the command again goes on from there");
        std::process::exit(130);
    });
    if let Err(error) = handled {
        eprintln!("warning: an interruption may leave a .partial file behind: {error}");
    }
}

/// Prints `text` to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|e| failed(Path::new("standard output"), e))
}

/// Prints `value` as JSON to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| {
        Error::new(ErrorKind::Unexpected, "output.json", "the answer has no JSON form").with_source(e)
    })?;
    print(&(text + "\n"))
}

/// Whether `error` only says that nobody reads the output any more.
pub(crate) fn is_closed(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == IoKind::BrokenPipe)
}

fn failed(path: &Path, error: io::Error) -> Error {
    let remedy = match error.kind() {
        IoKind::NotFound => "there is no such directory; make it first",
        IoKind::PermissionDenied | IoKind::ReadOnlyFilesystem => {
            "it may not be written; choose another place"
        }
        IoKind::StorageFull | IoKind::QuotaExceeded => "the disk is full; make room, or choose another place",
        IoKind::IsADirectory => "it is a directory; name a file",
        _ => "choose another place",
    };
    let message = format!("{} cannot be written: {remedy}", path.display());
    Error::new(ErrorKind::Unavailable, "output.write", message).with_source(error)
}

/// A file being written, or standard output for `-`.
///
/// A new or ordinary file is written beside its place and moved there by [`Output::finish`]; dropped before,
/// it leaves nothing. Devices and pipes are written directly.
pub(crate) struct Output {
    path: PathBuf,
    partial: Option<PathBuf>,
    writer: BufWriter<Box<dyn Write + Send>>,
    file: Option<File>,
}

impl Output {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let whole = |writer: Box<dyn Write + Send>| BufWriter::with_capacity(1 << 16, writer);
        if path.as_os_str() == "-" {
            let path = PathBuf::from("standard output");
            return Ok(Self { path, partial: None, writer: whole(Box::new(io::stdout())), file: None });
        }
        let told = |e| failed(path, e);
        let found = fs::metadata(path).ok();
        if found.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(told(IoKind::IsADirectory.into()));
        }
        if found.is_some_and(|data| !data.is_file()) {
            let file = File::options().write(true).open(path).map_err(told)?;
            return Ok(Self {
                path: path.to_owned(),
                partial: None,
                writer: whole(Box::new(file)),
                file: None,
            });
        }
        // A link stays a link; what it points to is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut partial = target.clone().into_os_string();
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = PathBuf::from(partial);
        PARTIAL.lock().unwrap_or_else(PoisonError::into_inner).push(partial.clone());
        let made = File::create(&partial).and_then(|file| Ok((file.try_clone()?, file))).map_err(told);
        let (file, writer) = made.inspect_err(|_| forget(&partial))?;
        Ok(Self { path: target, partial: Some(partial), writer: whole(Box::new(writer)), file: Some(file) })
    }

    pub(crate) fn write(&mut self, text: &str) -> Result<()> {
        self.writer.write_all(text.as_bytes()).map_err(|e| failed(&self.path, e))
    }

    /// Writes `value` as one line of JSON.
    pub(crate) fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let written = serde_json::to_writer(&mut self.writer, value).map_err(io::Error::from);
        written.and_then(|()| self.writer.write_all(b"\n")).map_err(|e| failed(&self.path, e))
    }

    /// Makes what was written durable and puts it in its place.
    pub(crate) fn finish(mut self) -> Result<()> {
        let path = self.path.clone();
        let told = |e| failed(&path, e);
        self.writer.flush().map_err(told)?;
        if let (Some(file), Some(partial)) = (self.file.take(), &self.partial) {
            file.sync_all().map_err(told)?;
            fs::rename(partial, &path).map_err(told)?;
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(partial) = self.partial.take() {
            // After a rename there is nothing to remove.
            let _ = fs::remove_file(&partial);
            forget(&partial);
        }
    }
}

fn forget(partial: &Path) {
    PARTIAL.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| path != partial);
}
