//! Replies to RESP2 or RESP3 bytes.

use engine::{CommandError, Reply};

/// The protocol a connection has chosen with HELLO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// What every connection begins with.
    #[default]
    Resp2,
    /// After HELLO 3.
    Resp3,
}

/// Appends `reply` to `out`. A reply with a damaged block becomes the error as a whole.
pub fn encode(reply: &Reply, version: Version, out: &mut Vec<u8>) {
    let _ = (reply, version, out);
}

/// Appends a refusal to `out`.
pub fn encode_error(error: &CommandError, out: &mut Vec<u8>) {
    out.push(b'-');
    out.extend_from_slice(&error.text());
    out.extend_from_slice(b"\r\n");
}
