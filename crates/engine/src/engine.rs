//! The engine itself: decide by `&self`, apply by `&mut self`.

use std::cell::Cell;

use smallvec::smallvec;

use crate::command::{Command, Context, GroupReadFrom, ReadFrom, XRead, XReadGroup};
use crate::error::CommandError;
use crate::id::StreamId;
use crate::keyspace::{Db, Entry, Value};
use crate::op::{Op, Ops};
use crate::reply::Reply;
use crate::stream::Stream;

/// Number of databases that SELECT can choose, as in Redis's default configuration.
pub const DATABASES: u8 = 16;

/// Settings that shape state. They change by [`Op::Configure`] alone, so that a replay seals exactly
/// the blocks that the live engine sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `stream-node-max-entries`: slots per block, 0 for no limit.
    pub block_entries_max: u64,
    /// `stream-node-max-bytes`: payload bytes per block, 0 for no limit.
    pub block_bytes_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { block_entries_max: 100, block_bytes_max: 4096 }
    }
}

/// All state: sixteen databases and the settings that shape them.
#[derive(Debug)]
pub struct Engine {
    pub(crate) dbs: Vec<Db>,
    pub(crate) settings: Settings,
    /// Number of the next block to be sealed. Blocks are numbered by the operations alone, so that a
    /// checkpoint's copy of a block and the live one are known to be the same.
    pub(crate) block_next: u64,
}

/// What a command comes to.
#[derive(Debug)]
pub struct Decision<'a> {
    /// The answer, provided that `ops` are recorded and applied.
    pub reply: Reply,
    /// The change, empty for a pure read.
    pub ops: Ops<'a>,
    /// Set by a blocking read that found nothing: what to try again when one of its keys changes.
    /// `reply` is then the answer for the case that nobody waits (MULTI, timeout).
    pub wait: Option<BlockedRead>,
    /// Version of the newest change that the command saw: the reply must not leave before the record
    /// of that number is as durable as the policy asks.
    pub seen: u64,
}

impl<'a> Decision<'a> {
    /// A reply without any change.
    #[must_use]
    pub fn reply(reply: Reply) -> Self {
        Self { reply, ops: Ops::new(), wait: None, seen: 0 }
    }

    /// A reply and one operation.
    #[must_use]
    pub fn change(reply: Reply, op: Op<'a>) -> Self {
        Self { reply, ops: smallvec![op], wait: None, seen: 0 }
    }
}

/// A blocking read that is waiting: owned, and with `$` resolved to the ID that it meant at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedRead {
    /// XREAD or XREADGROUP.
    pub kind: BlockedReadKind,
    /// Keys in the order named. The ID is where XREAD goes on; XREADGROUP waits on `>` only.
    pub streams: Vec<(Box<[u8]>, StreamId)>,
    /// COUNT per stream.
    pub count: Option<u64>,
}

/// Which command is waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockedReadKind {
    /// XREAD.
    Plain,
    /// XREADGROUP.
    Group {
        /// Group name.
        group: Box<[u8]>,
        /// Consumer name.
        consumer: Box<[u8]>,
        /// NOACK.
        no_ack: bool,
    },
}

impl BlockedRead {
    /// The command to run again. It carries `BLOCK 0`, so that an unserved read comes back with
    /// [`Decision::wait`] set; the deadline is the caller's.
    #[must_use]
    pub fn command(&self) -> Command<'_> {
        match &self.kind {
            BlockedReadKind::Plain => Command::XRead(XRead {
                streams: self
                    .streams
                    .iter()
                    .map(|(key, id)| (&**key, Ok(ReadFrom::After(*id))))
                    .collect(),
                count: self.count,
                block_ms: Some(0),
            }),
            BlockedReadKind::Group { group, consumer, no_ack } => Command::XReadGroup(XReadGroup {
                group,
                consumer,
                streams: self
                    .streams
                    .iter()
                    .map(|(key, _)| (&**key, Ok(GroupReadFrom::New)))
                    .collect(),
                count: self.count,
                block_ms: Some(0),
                no_ack: *no_ack,
            }),
        }
    }
}

impl Engine {
    /// An empty engine. `hash_seed` protects its maps against chosen keys; it changes no reply.
    #[must_use]
    pub fn new(settings: Settings, hash_seed: u64) -> Self {
        let dbs = (0..DATABASES).map(|_| Db::new(hash_seed)).collect();
        Self { dbs, settings, block_next: 1 }
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Decides a command against the present state, without changing it.
    ///
    /// # Errors
    ///
    /// The refusal to send. A command that is refused has no effect at all.
    pub fn decide<'a>(
        &self,
        command: &Command<'a>,
        context: Context,
    ) -> Result<Decision<'a>, CommandError> {
        let view = View { engine: self, context, seen: Cell::new(0) };
        let mut decision = decide(&view, command)?;
        decision.seen = view.seen.get();
        self.delete_expired_first(&mut decision.ops, context);
        Ok(decision)
    }

    /// Applies one operation. `version` is the number of the record that carries it, never smaller
    /// than that of an earlier one.
    ///
    /// # Panics
    ///
    /// If the operation does not fit the state: it came from another history, which is our own bug.
    pub fn apply(&mut self, op: &Op<'_>, version: u64) {
        let _ = (op, version);
    }

    /// A command that changes a key whose time has passed, but which nobody has removed yet, removes
    /// it first, so that the old value and expiry are not built upon.
    fn delete_expired_first(&self, ops: &mut Ops<'_>, context: Context) {
        let _ = (ops, context);
    }
}

/// Finds the rule of each command. One arm each; the rules live beside the state they read.
fn decide<'a>(view: &View<'_>, command: &Command<'a>) -> Result<Decision<'a>, CommandError> {
    let _ = view;
    match command {
        // streams: stream/
        // groups: group/
        // keys, strings, hashes: keys.rs, strings.rs, hashes.rs
        _ => Err(CommandError::Fixed("ERR not yet")),
    }
}

/// The state as one command sees it: one database, one instant, expired keys missing.
pub(crate) struct View<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) context: Context,
    /// The newest version looked at; becomes [`Decision::seen`].
    pub(crate) seen: Cell<u64>,
}

impl<'e> View<'e> {
    /// The selected database.
    pub(crate) fn db(&self) -> &'e Db {
        &self.engine.dbs[usize::from(self.context.db)]
    }

    /// The live entry of a key in the selected database. Looking counts: the reply then depends on
    /// the key's last change, or on the last removal if the key is missing.
    pub(crate) fn entry(&self, key: &[u8]) -> Option<&'e Entry> {
        self.entry_in(self.context.db, key)
    }

    /// As [`View::entry`], in any database.
    pub(crate) fn entry_in(&self, db: u8, key: &[u8]) -> Option<&'e Entry> {
        let db = &self.engine.dbs[usize::from(db)];
        let entry = db.entry(key).filter(|entry| !entry.is_expired(self.context.now));
        self.saw(entry.map_or(db.removed_version, |entry| entry.version));
        entry
    }

    /// The stream of a key.
    pub(crate) fn stream(&self, key: &[u8]) -> Result<Option<&'e Stream>, CommandError> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Stream(stream)) => Ok(Some(stream)),
            Some(_) => Err(CommandError::WrongType),
        }
    }

    /// Notes that the reply depends on a change.
    pub(crate) fn saw(&self, version: u64) {
        self.seen.set(self.seen.get().max(version));
    }
}
