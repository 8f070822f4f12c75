//! Entry IDs as arguments.

use engine::{CommandError, StreamId};

/// Longest text that can be an ID; leading zeros are allowed up to here.
const ID_BYTES_MAX: usize = 127;

/// `ms-seq`, or `ms` completed with `seq_missing`.
pub(crate) fn parse_id(text: &[u8], seq_missing: u64) -> Result<StreamId, CommandError> {
    if ID_BYTES_MAX < text.len() {
        return Err(CommandError::InvalidId);
    }
    StreamId::parse(text, seq_missing).ok_or(CommandError::InvalidId)
}

/// An ID, or `-` or `+`.
pub(crate) fn parse_id_or_end(text: &[u8], seq_missing: u64) -> Result<StreamId, CommandError> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        text => parse_id(text, seq_missing),
    }
}

/// All of `texts`.
pub(crate) fn parse_ids(texts: &[&[u8]]) -> Result<Vec<StreamId>, CommandError> {
    texts.iter().map(|text| parse_id(text, 0)).collect()
}

/// The smaller end of a range, made inclusive.
pub(crate) fn range_start(text: &[u8]) -> Result<StreamId, CommandError> {
    match exclusive(text) {
        None => parse_id_or_end(text, 0),
        Some(text) => parse_id(text, 0)?
            .next()
            .ok_or(CommandError::Fixed("ERR invalid start ID for the interval")),
    }
}

/// The larger end of a range, made inclusive.
pub(crate) fn range_end(text: &[u8]) -> Result<StreamId, CommandError> {
    match exclusive(text) {
        None => parse_id_or_end(text, u64::MAX),
        Some(text) => parse_id(text, u64::MAX)?
            .previous()
            .ok_or(CommandError::Fixed("ERR invalid end ID for the interval")),
    }
}

fn exclusive(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"(").filter(|rest| !rest.is_empty())
}
