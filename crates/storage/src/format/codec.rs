//! The encoding of what stands inside checksummed frames: the operations of a record, the items of a
//! snapshot section. The only module that names bincode.
//!
//! bincode 2 through serde: little-endian, variable-length integers, no type names. The frame around
//! a payload carries its format number ([`PAYLOAD_FORMAT`]), so another encoding is a new number.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use serde::{Deserialize, Serialize};

/// Number of this encoding in records and sections.
pub const PAYLOAD_FORMAT: u8 = 1;

/// No payload is longer. Bounds what a length inside a payload can make the decoder do.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 30;

const CONFIG: Configuration<LittleEndian, Varint, Limit<PAYLOAD_BYTES_MAX>> =
    bincode::config::standard().with_limit::<PAYLOAD_BYTES_MAX>();

/// Appends the encoding of `value`.
///
/// # Panics
///
/// If `value` has no encoding: a map or sequence of unknown length, which none of our types has.
pub fn encode_into(value: &impl Serialize, out: &mut Vec<u8>) {
    struct Append<'a>(&'a mut Vec<u8>);
    impl Writer for Append<'_> {
        fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }
    bincode::serde::encode_into_writer(value, Append(out), CONFIG)
        .expect("appending to memory cannot fail, and all our types know their lengths");
}

/// Decodes one value from the front of `bytes`, borrowing from them, and says how many it took.
///
/// # Errors
///
/// A sentence about what makes no sense. Never more memory than `bytes` is long, and never a panic.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, usize), String> {
    bincode::serde::borrow_decode_from_slice(bytes, CONFIG)
        .map_err(|error: DecodeError| error.to_string())
}

/// Decodes a value that takes all of `bytes`.
///
/// # Errors
///
/// As [`decode`], and if bytes are left over.
pub fn decode_all<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let (value, taken) = decode(bytes)?;
    if taken != bytes.len() {
        return Err(format!("{} bytes left over", bytes.len() - taken));
    }
    Ok(value)
}
