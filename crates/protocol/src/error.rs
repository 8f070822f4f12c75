//! Refusals that cost the client its connection.

use thiserror::Error;

/// Bytes that are no request, or one beyond the limits: answer [`ProtocolError::reply`] if there is
/// one, then close.
#[expect(missing_docs, reason = "the message beside each variant says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProtocolError {
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    #[error("Protocol error: too big mbulk count string")]
    MultibulkCountTooLong,
    #[error("Protocol error: expected '$', got '{}'", shown(.got))]
    ExpectedBulk { got: u8 },
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    #[error("Protocol error: too big bulk count string")]
    BulkCountTooLong,
    #[error("Protocol error: too big inline request")]
    InlineTooLong,
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// The peer speaks HTTP: a browser was talked into reaching us. Close without an answer.
    #[error("possible cross-protocol attack: the client speaks HTTP")]
    Http,
}

impl ProtocolError {
    /// The complete error line to send before the connection is closed, or `None` to close silently.
    #[must_use]
    pub fn reply(self) -> Option<Vec<u8>> {
        match self {
            ProtocolError::Http => None,
            // Not `Display`: the byte in question goes out as it came in.
            ProtocolError::ExpectedBulk { got } => {
                let got = if matches!(got, b'\r' | b'\n') { b' ' } else { got };
                Some([b"-ERR Protocol error: expected '$', got '", &[got][..], b"'\r\n"].concat())
            }
            other => Some(format!("-ERR {other}\r\n").into_bytes()),
        }
    }
}

fn shown(byte: &u8) -> std::ascii::EscapeDefault {
    std::ascii::escape_default(*byte)
}
