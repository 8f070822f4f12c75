//! Keys, strings, hashes, lists and sets from outside: commands in, replies and recorded operations out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod blocks;
mod collections;
mod dump;
mod format;
mod harness;
mod hashes;
mod keys;
mod lcs;
mod libraries;
mod model;
mod scan;
mod sorted_command;
mod sorted_model;
mod sorted_sets;
mod strings;
