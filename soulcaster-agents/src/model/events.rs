//! Server-sent events, as far as models use them: the data of each.

/// Puts lines together from pieces of any size and gives the data of each event.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    /// Whether the line that begins may be the `\n` of a `\r\n`.
    after_return: bool,
}

impl Events {
    /// Takes in `bytes` and gives the data of the events that end in them. What comes after the last of them waits.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut done = Vec::new();
        for byte in bytes {
            let ends = matches!(byte, b'\r' | b'\n');
            let second = *byte == b'\n' && self.after_return;
            self.after_return = *byte == b'\r';
            if second {
                continue;
            }
            if !ends {
                self.line.push(*byte);
                continue;
            }
            if self.line.is_empty() {
                if !self.data.is_empty() {
                    done.push(std::mem::take(&mut self.data));
                }
            } else if let Some(value) = self.line.strip_prefix(b"data:") {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            }
            self.line.clear();
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_whatever_the_pieces_and_line_ends() {
        let text = "event: x\ndata: {\"a\":1}\n\n: ping\n\ndata:é\r\ndata: b\r\n\r\ndata: c\r\rdata: half";
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<Vec<u8>> =
                text.as_bytes().chunks(size).flat_map(|piece| events.push(piece)).collect();
            let found: Vec<&str> = found.iter().map(|data| std::str::from_utf8(data).unwrap()).collect();
            assert_eq!(found, ["{\"a\":1}", "é\nb", "c"], "{size}");
        }
    }
}
