//! Requests out of bytes, and whether bytes are a reply.

use crate::planted::is_planted;
use protocol::{Args, Decoder, Limits, ProtocolError};

pub type Requests = Vec<Vec<Vec<u8>>>;

/// The requests in `pieces`, which arrive one after another, and how the connection ended.
pub fn decode(pieces: &[&[u8]], limits: Limits) -> (Requests, Result<(), ProtocolError>) {
    let mut decoder = Decoder::new(limits);
    let mut buffer: Vec<u8> = Vec::new();
    let mut requests = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        // Planted: a line whose end comes with the next read goes wrong.
        if is_planted() && piece.ends_with(b"\r") && 1 < pieces.len() {
            buffer.pop();
        }
        loop {
            match decoder.decode(&mut buffer) {
                Ok(None) => break,
                Err(error) => return (requests, Err(error)),
                Ok(Some(len)) => {
                    assert!(0 < len && len <= buffer.len(), "{len} of {} bytes", buffer.len());
                    let mut args = Args::new();
                    decoder.args(&buffer, &mut args);
                    if !args.is_empty() {
                        requests.push(args.iter().map(|arg| arg.to_vec()).collect());
                    }
                    drop(args);
                    buffer.drain(..len);
                }
            }
        }
    }
    (requests, Ok(()))
}

/// The bytes of a request as a client library sends it.
pub fn request(args: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Fails unless `bytes` are exactly one reply, RESP2 or RESP3.
pub fn expect_one_reply(bytes: &[u8]) {
    let shown = || bytes[..bytes.len().min(300)].escape_ascii().to_string();
    let rest = skip_reply(bytes, 0).unwrap_or_else(|| panic!("no reply: {}", shown()));
    assert!(rest.is_empty(), "bytes behind a reply: {}", shown());
}

fn skip_reply(bytes: &[u8], depth: u32) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let (&kind, head) = bytes[..end].split_first()?;
    let rest = &bytes[end + 2..];
    let number = || std::str::from_utf8(head).ok()?.parse::<i64>().ok();
    let elements = match kind {
        b'+' | b'-' => return (!head.contains(&b'\n')).then_some(rest),
        b':' => return number().map(|_| rest),
        b',' => return (!head.is_empty()).then_some(rest),
        b'_' => return head.is_empty().then_some(rest),
        b'$' | b'=' => {
            let Ok(len) = usize::try_from(number()?) else { return Some(rest) };
            return rest.get(len..)?.strip_prefix(b"\r\n");
        }
        b'*' | b'~' => number()?,
        b'%' => number()?.checked_mul(2)?,
        _ => return None,
    };
    if 20 < depth {
        return None;
    }
    (0..elements).try_fold(rest, |rest, _| skip_reply(rest, depth + 1))
}
