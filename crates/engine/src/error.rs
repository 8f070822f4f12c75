//! Every refusal a client can receive from the engine or the command grammar, with Redis's words.

use std::borrow::Cow;

use thiserror::Error;

use crate::id::StreamId;

/// A refusal. Its text is part of the contract: clients match on it.
///
/// `Display` gives the text for logs; what goes onto the wire is [`CommandError::text`], which keeps
/// the raw bytes of key and group names.
#[expect(missing_docs, reason = "the message beside each variant says it")]
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    #[error("ERR wrong number of arguments for '{0}' command")]
    Arity(Cow<'static, str>),
    #[error("ERR syntax error")]
    Syntax,
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    #[error("ERR value is not a valid float")]
    NotAFloat,
    #[error("ERR no such key")]
    NoSuchKey,
    #[error("ERR Invalid stream ID specified as stream command argument")]
    InvalidId,
    #[error("BUSYGROUP Consumer Group name already exists")]
    BusyGroup,
    /// XREADGROUP's wording.
    #[error("NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option", lossy(.key), lossy(.group))]
    NoGroupInRead { key: Box<[u8]>, group: Box<[u8]> },
    /// The wording of XPENDING, XCLAIM, XAUTOCLAIM.
    #[error("NOGROUP No such key '{}' or consumer group '{}'", lossy(.key), lossy(.group))]
    NoKeyOrGroup { key: Box<[u8]>, group: Box<[u8]> },
    /// The wording of XGROUP and XINFO CONSUMERS.
    #[error("NOGROUP No such consumer group '{}' for key name '{}'", lossy(.group), lossy(.key))]
    NoGroup { key: Box<[u8]>, group: Box<[u8]> },
    /// Bytes of an old block are damaged: the entries of `key` from `first` to `last` cannot be read.
    #[error("ERR damaged block of key '{}', entries {first} to {last}, in {location}: the other entries are served", lossy(.key))]
    Damaged { key: Box<[u8]>, first: StreamId, last: StreamId, location: String },
    /// A sentence that needs no data.
    #[error("{0}")]
    Fixed(&'static str),
    /// A sentence that carries bytes of the client, complete with its code.
    #[error("{}", lossy(.0))]
    Text(Box<[u8]>),
}

impl CommandError {
    /// The refusal as it goes onto the wire, without `-` and CRLF. Names are raw bytes up to their
    /// first zero byte; CR and LF inside have become blanks, so that no text splits into two lines.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = match self {
            CommandError::NoGroupInRead { key, group } => join(&[
                b"NOGROUP No such key '",
                until_zero(key),
                b"' or consumer group '",
                until_zero(group),
                b"' in XREADGROUP with GROUP option",
            ]),
            CommandError::NoKeyOrGroup { key, group } => join(&[
                b"NOGROUP No such key '",
                until_zero(key),
                b"' or consumer group '",
                until_zero(group),
                b"'",
            ]),
            CommandError::NoGroup { key, group } => join(&[
                b"NOGROUP No such consumer group '",
                until_zero(group),
                b"' for key name '",
                until_zero(key),
                b"'",
            ]),
            CommandError::Text(text) => text.to_vec(),
            other => other.to_string().into_bytes(),
        };
        // As the reference does it: line ends at either side go, those inside become blanks.
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let kept = text.iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1);
        text.truncate(kept);
        let leading = text.iter().take_while(|byte| is_end(byte)).count();
        text.drain(..leading);
        for byte in &mut text {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        text
    }
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn until_zero(name: &[u8]) -> &[u8] {
    name.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
