//! Streams of the Connect protocol: five bytes of flags and length, then JSON.

use serde_json::{Value, json};
use soulcaster_core::{Error, ErrorKind, Result};

/// No frame of a process is larger.
const LARGEST: usize = 16 << 20;

/// A frame.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// A message.
    Message(Value),
    /// The end, with the error if there is one.
    End(Option<Value>),
}

/// Cuts a stream into frames.
#[derive(Default)]
pub(super) struct Frames(Vec<u8>);

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next frame, once all of it is there.
    ///
    /// # Errors
    /// `Unexpected` for what is no such stream.
    pub(super) fn next(&mut self) -> Result<Option<Frame>> {
        let odd = |what: &str| Error::new(ErrorKind::Unexpected, "e2b.stream", what.to_owned());
        let Some((head, rest)) = self.0.split_first_chunk::<5>() else { return Ok(None) };
        let [flags, length @ ..] = *head;
        let length = u32::from_be_bytes(length) as usize;
        if length > LARGEST {
            return Err(odd("a frame is too large"));
        }
        if flags & 1 != 0 {
            return Err(odd("a frame is compressed, which was not asked for"));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let value: Value =
            serde_json::from_slice(body).map_err(|e| odd("a frame is no JSON").with_source(e))?;
        self.0.drain(..5 + length);
        Ok(Some(if flags & 2 != 0 { Frame::End(value.get("error").cloned()) } else { Frame::Message(value) }))
    }
}

/// A message as a frame.
pub(super) fn frame(message: &Value) -> Vec<u8> {
    let body = json!(message).to_string().into_bytes();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0], &length[..], &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_however_they_are_cut() {
        let mut stream = frame(&json!({"event": 1}));
        stream.extend(frame(&json!({"é": 2})));
        stream.extend([2, 0, 0, 0, 2]);
        stream.extend(b"{}");
        for size in 1..=stream.len() {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for part in stream.chunks(size) {
                frames.push(part);
                while let Some(frame) = frames.next().unwrap() {
                    found.push(frame);
                }
            }
            let all =
                [Frame::Message(json!({"event": 1})), Frame::Message(json!({"é": 2})), Frame::End(None)];
            assert_eq!(found, all, "in parts of {size}");
        }
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for odd in [&[0, 255, 255, 255, 255][..], &[1, 0, 0, 0, 2, b'{', b'}'], &[0, 0, 0, 0, 1, b'{']] {
            let mut frames = Frames::default();
            frames.push(odd);
            assert!(frames.next().is_err(), "{odd:?}");
        }
        let mut frames = Frames::default();
        frames.push(b"\x02\0\0\0\x14{\"error\":{\"code\":1}}");
        assert_eq!(frames.next().unwrap(), Some(Frame::End(Some(json!({"code": 1})))));
    }
}
