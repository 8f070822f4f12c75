//! Damage at rest: every truncation and every bit flip of a log, a snapshot and a block file; sectors
//! zeroed and exchanged; each file lost or replaced by an older one. What comes of it is an exact
//! prefix (only where nothing proves that more was durable), a refusal that names the file, or an error
//! for the entries that are hit. Never a lie, never a panic.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

#[path = "../common/commands.rs"]
mod commands;
mod files;
mod log;
mod segments;
mod small;
#[path = "../common/state.rs"]
mod state;
