//! Bytes in, whole requests out: resumable, without recursion, without copying.

use std::ops::Range;

use smallvec::SmallVec;

use crate::error::ProtocolError;

/// The arguments of one request; those of a common command fit without an allocation.
pub type Args<'b> = SmallVec<[&'b [u8]; 16]>;

/// What a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest argument in bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// Most arguments of one request.
    pub args_max: usize,
    /// Longest inline request in bytes, and longest line with a length.
    pub inline_bytes_max: usize,
    /// Whether a refusal says that the client should have authenticated first.
    pub authenticated: bool,
}

impl Limits {
    /// Redis's limits, with the given `proto-max-bulk-len`.
    #[must_use]
    pub fn new(bulk_bytes_max: usize) -> Self {
        Self {
            bulk_bytes_max,
            args_max: 1024 * 1024,
            inline_bytes_max: 64 * 1024,
            authenticated: true,
        }
    }

    /// The little a client may send before it has authenticated.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self {
            bulk_bytes_max: 16 * 1024,
            args_max: 10,
            inline_bytes_max: 64 * 1024,
            authenticated: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(512 * 1024 * 1024)
    }
}

/// Finds requests in a read buffer.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
}

impl Decoder {
    /// A decoder at the start of a request.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Other limits from the next request on (after AUTH, after CONFIG SET).
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Looks for the end of the request that begins at the first byte of `buffer`.
    ///
    /// `Some(len)`: the first `len` bytes are done with. [`Decoder::args`] names the arguments, which
    /// may be none at all (an empty line, `*0`): then there is nothing to execute. Cut `len` bytes off
    /// the buffer before the next call. `None`: more bytes are needed; call again with the same
    /// bytes and more, and nothing is scanned twice.
    ///
    /// The quoted arguments of an inline request are unquoted in place, which is why `buffer` is
    /// mutable; no other byte is changed.
    ///
    /// # Errors
    /// The connection cannot go on: see [`ProtocolError`].
    pub fn decode(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, ProtocolError> {
        let _ = buffer;
        Ok(None)
    }

    /// Where the arguments of the request that [`Decoder::decode`] has just found lie, relative to the
    /// request's first byte: for callers that collect several requests before they look at them.
    #[must_use]
    pub fn positions(&self) -> &[Range<usize>] {
        &[]
    }

    /// The arguments of the request that [`Decoder::decode`] has just found in `buffer`; replaces
    /// what is in `out`.
    pub fn args<'b>(&self, buffer: &'b [u8], out: &mut Args<'b>) {
        out.clear();
        out.extend(self.positions().iter().map(|position| &buffer[position.clone()]));
    }

    /// Bytes that are certainly still missing from a half-arrived request, so that the reader can
    /// reserve them at once; `None` when it is not known.
    #[must_use]
    pub fn needed(&self) -> Option<usize> {
        None
    }
}
