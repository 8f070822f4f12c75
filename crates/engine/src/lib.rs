//! The engine: streams, consumer groups and the keys beside them. State and rules, nothing else.
//!
//! # Decide, record, apply
//!
//! [`Engine::decide`] looks at a [`Command`] by `&self` and answers with a [`Decision`]: a
//! [`Reply`], and the [`Op`]s that make the command's change absolute. The caller records the
//! operations, then hands each to [`Engine::apply`], the only code that changes state, which cannot
//! fail. Live traffic, recovery and checkpoints all run the same `apply`.
//!
//! # What is absent
//!
//! No I/O, no clock, no thread, no async runtime, no random number, and no map whose iteration
//! depends on a random seed. Time is an argument ([`Context::now`]).
//!
//! # Reading order
//!
//! `command` and `op` (the vocabulary), `engine`, `decide` and `apply`, `keyspace`, then
//! `stream` and `group`.

mod apply;
mod blocked;
mod blocks;
mod command;
mod decide;
mod draws;
mod engine;
mod error;
mod events;
mod expiry;
mod fields;
mod float;
mod group;
mod hashes;
mod id;
mod image;
mod keys;
mod keyspace;
mod lcs;
mod list;
mod op;
pub mod pattern;
mod reply;
mod scan;
mod score;
mod set;
mod sort;
mod sorted_set;
mod stream;
mod strings;
mod texts;

pub use blocked::{Blocked, BlockedPop, BlockedRead, BlockedReadKind, PopKind};
pub use blocks::{Adopt, AdoptCursor, BlockRef, DroppedBlock, StoredBlocks};
pub use command::*;
pub use engine::{DATABASES, DbSize, Decision, Engine, Settings};
pub use error::CommandError;
pub use events::{Event, EventClass, Missing};
pub use expiry::ExpiredKeys;
pub use fields::Fields;
pub use float::Extended;
pub use group::{Before, ClaimedEntries, GroupItem, PendingRow};
pub use id::{ID_TEXT_MAX, StreamId, UnixMillis};
pub use image::{ImageError, ImageLoader, Item, LoadError};
pub use op::{Ids, Op, Ops, Text, Touched};
pub use reply::{Nesting, Reply, Scored, Shape, Strings};
pub use score::{parse_score, parse_score_bound, score_text};
pub use sorted_set::command::*;
pub use stream::{
    BadBlock, BlockHeader, BlockItem, BlockLocation, BlockMemory, BlockSource, DamagedBlock,
    EntryRange, FileUse, IDMP_DURATION_S_MAX, IDMP_IIDS_MAX, IdmpItem, IdmpSettings, PackItem,
    Pairs, StreamItem,
};
pub use texts::Texts;
