//! Lua scripts as Redis runs them: a sandboxed Lua 5.1 with the `redis` table, `cjson`, `cmsgpack`,
//! `struct` and `bit`.
//!
//! The crate knows what a script may see and how values turn into replies and back; it opens no
//! socket, reads no clock and changes no data. Whoever runs a script lends it a [`Host`], which runs
//! the commands, and a [`Pulse`], which is asked now and then whether to go on.
//!
//! It stands beside `protocol` and `storage`: a script's answer is an [`engine::Reply`], and what a
//! command answered arrives as RESP bytes, because those are what Redis defines the conversion on.
//! Any reply that the encoder knows can so be seen by a script, also one invented later.
//!
//! Reading order: [`Runtime`] (a Lua state and what it takes to run a script in it), `sandbox` (what
//! a script finds), `redis_table`, `values` (the conversions), then the libraries.

mod bits;
mod check;
mod failure;
mod format;
mod json;
mod library;
mod msgpack;
mod random;
mod redis_table;
mod runtime;
mod sandbox;
mod shebang;
mod structs;
mod values;

pub use failure::Failure;
pub use library::{FunctionFlags, FunctionInfo, Library};
pub use runtime::{Host, LogLevel, Pulse, Runtime, RuntimeOptions, Script, Verdict};
pub use shebang::{ScriptFlags, Shebang, library_header, script_header};

/// Stack that a thread should have which runs scripts: nested tables are encoded by recursion, to the
/// depth of 1,000 that Redis's libraries allow. What is not used costs no memory.
pub const STACK_BYTES: usize = 16 << 20;

use sha1::{Digest, Sha1};

/// The name under which a script is cached: its SHA-1 in hex.
#[must_use]
pub fn sha1_hex(body: &[u8]) -> [u8; 40] {
    let mut hex = [0; 40];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(Sha1::digest(body)) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    hex
}

const HEX: [u8; 16] = *b"0123456789abcdef";
