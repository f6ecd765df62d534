//! `decode`: what a vendor's delivery, or an answer of its API, is read as.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use soulcaster_core::port::{Decoded, Delivery};
use soulcaster_core::{Error, Result};
use soulcaster_sources::answer::{Answer, Reader};
use soulcaster_sources::file::unpacked;
use soulcaster_sources::signature::{Auth, SecretHash};

use crate::args::Decode;
use crate::output::Output;
use crate::secret;
use crate::session::{Outcome, Session};

pub(super) fn decode(session: &Session, args: &Decode) -> Result<Outcome> {
    let reader = Reader::new(&args.vendor, auth(args)?)?;
    let headers = args.headers.iter().map(|header| split(header)).collect::<Result<Vec<_>>>()?;
    let bodies = args.files.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    let mut out = Output::create(Path::new("-"))?;
    let mut outcome = Outcome::Done;
    for (path, body) in args.files.iter().zip(bodies) {
        let delivery = Delivery { headers: headers.clone(), path: args.path.clone(), body };
        let mut faults: Vec<Value> = Vec::new();
        match reader.read(&delivery, args.at.unwrap_or(session.now)) {
            Ok(Answer { decoded, rejected, .. }) => {
                match decoded {
                    Decoded::Reports(reports) => reports.iter().try_for_each(|report| out.line(report))?,
                    Decoded::Ignored(reason) => faults.push(json!({ "ignored": reason })),
                    Decoded::Handshake { status, content_type, body } => {
                        let answer = String::from_utf8_lossy(&body);
                        faults.push(json!({ "ignored": { "reason": "handshake", "status": status, "content_type": content_type, "answer": answer } }));
                    }
                }
                faults.extend(rejected.iter().map(|element| json!({ "rejected": element })));
            }
            Err(error) => {
                faults.push(json!({ "refused": { "kind": error.kind(), "message": error.message() } }));
            }
        }
        for why in faults {
            let mut line = json!({ "file": path.display().to_string() });
            if let (Some(line), Value::Object(why)) = (line.as_object_mut(), why) {
                line.extend(why);
            }
            out.line(&line)?;
            outcome = Outcome::Faults;
        }
    }
    out.finish()?;
    Ok(outcome)
}

fn auth(args: &Decode) -> Result<Auth> {
    let Some(path) = &args.secret_file else { return Ok(Auth::AllowUnsigned) };
    let secret = secret::read(path)?;
    Ok(match &args.secret_header {
        Some(header) => Auth::HeaderSecret { header: header.clone(), secrets: vec![SecretHash::of(&secret)] },
        None => Auth::Signed { secrets: vec![secret] },
    })
}

fn split(header: &str) -> Result<(String, String)> {
    let (name, value) = header
        .split_once(':')
        .ok_or_else(|| Error::invalid("decode", format!("{header:?} is no header; write 'Name: value'")))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    /// More than any source takes.
    const MOST: u64 = 64 << 20;
    let mut bytes = Vec::new();
    unpacked(path)?
        .take(MOST)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::invalid("decode", format!("{} cannot be read", path.display())).with_source(e))?;
    Ok(bytes)
}
