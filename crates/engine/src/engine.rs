//! The engine itself: decide by `&self`, apply by `&mut self`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use smallvec::{SmallVec, smallvec};

use crate::blocked::Blocked;
use crate::command::{Command, Context};
use crate::decide::{View, decide};
use crate::error::CommandError;
use crate::id::UnixMillis;
use crate::keyspace::{Db, Entry, Value};
use crate::op::{Op, Ops};
use crate::reply::Reply;
use crate::stream::{BlockMemory, IdmpSettings, Sealer, Stream};

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
    /// Those of streams to come.
    pub(crate) idmp_settings: IdmpSettings,
    /// Libraries of functions: their names and their code, which means nothing here.
    pub(crate) libraries: BTreeMap<Box<[u8]>, Box<[u8]>>,
    pub(crate) sealer: Sealer,
    pub(crate) hash_seed: u64,
    /// Unix seconds of the first and of the latest command, for OBJECT IDLETIME. No part of the
    /// state: keys that operations make count as accessed at the latest command.
    first_command_s: AtomicU32,
    clock_s: AtomicU32,
    /// Looking at a key does not count as an access: see [`Engine::leave_untouched`].
    leaves_untouched: AtomicBool,
    /// No part of the state either: see [`Engine::limit_replies`].
    pub(crate) reply_bytes_max: usize,
}

/// One database in INFO's section `keyspace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DbSize {
    /// Its number.
    pub db: u8,
    /// Keys, among them such as have expired and wait for their removal.
    pub keys: usize,
    /// Keys with an expiry.
    pub expires: usize,
}

/// What a command comes to.
#[derive(Debug)]
pub struct Decision<'a> {
    /// The answer, provided that `ops` are recorded and applied.
    pub reply: Reply,
    /// The change, empty for a pure read.
    pub ops: Ops<'a>,
    /// Set by a blocking command that found nothing: what to try again when one of its keys changes.
    /// `reply` is then the answer for the case that nobody waits (MULTI, timeout).
    pub wait: Option<Box<Blocked>>,
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

impl Engine {
    /// When the longest idle pending entry of a group was delivered, for whoever waits to claim it. 0
    /// if one may be claimed at once.
    #[must_use]
    pub fn oldest_delivery(&self, db: u8, key: &[u8], group: &[u8]) -> Option<UnixMillis> {
        match &self.dbs[usize::from(db)].entry(key)?.value {
            Value::Stream(stream) => stream.groups.get(group)?.oldest_delivery(),
            _ => None,
        }
    }

    /// An empty engine. `hash_seed` protects its maps against chosen keys; it changes no reply.
    #[must_use]
    pub fn new(settings: Settings, hash_seed: u64) -> Self {
        Self {
            dbs: (0..DATABASES).map(|_| Db::new(hash_seed)).collect(),
            settings,
            idmp_settings: IdmpSettings::default(),
            libraries: BTreeMap::new(),
            sealer: Sealer::default(),
            hash_seed,
            first_command_s: AtomicU32::new(0),
            clock_s: AtomicU32::new(0),
            leaves_untouched: AtomicBool::new(false),
            reply_bytes_max: usize::MAX,
        }
    }

    /// Libraries of functions, by name: the code of each.
    pub fn libraries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.libraries.iter().map(|(name, code)| (&**name, &**code))
    }

    /// What sealed blocks take in memory. The count goes on after the engine, and for every thread.
    #[must_use]
    pub fn block_memory(&self) -> &BlockMemory {
        &self.sealer.memory
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// What streams made from now on will remember of their producers.
    #[must_use]
    pub fn idmp_settings(&self) -> IdmpSettings {
        self.idmp_settings
    }

    /// Replies that would be longer than this are not gathered to their end and come as
    /// [`Reply::TooLong`]: one MGET can name a large value a million times.
    pub fn limit_replies(&mut self, bytes_max: usize) {
        self.reply_bytes_max = bytes_max;
    }

    /// TYPE's name of what a key holds at an instant.
    #[must_use]
    pub fn type_name(&self, key: &[u8], context: Context) -> Option<&'static str> {
        let entry = self.dbs[usize::from(context.db)].entry(key)?;
        (!entry.is_expired(context.now)).then(|| entry.value.type_name())
    }

    /// Looks at what commands on these keys are about to meet, so that it is in the processor's caches.
    /// A command waits for its misses one after the other (the map, the key, the value, the end of a
    /// stream); here those of a whole batch overlap. Returns a number without a meaning, which the
    /// caller must not ignore, or nothing would be looked at.
    #[must_use]
    pub fn warm<'k>(&self, db: u8, keys: impl Iterator<Item = &'k [u8]>) -> u64 {
        let db = &self.dbs[usize::from(db)];
        let entries: SmallVec<[&Entry; 16]> = keys.filter_map(|key| db.entry(key)).collect();
        let streams: SmallVec<[&Stream; 16]> = entries
            .iter()
            .filter_map(|entry| match &entry.value {
                Value::Stream(stream) => Some(&**stream),
                _ => None,
            })
            .collect();
        let heads = streams.iter().map(|stream| stream.last_id().ms).fold(0, u64::wrapping_add);
        streams.iter().map(|stream| stream.warm()).fold(heads, u64::wrapping_add)
    }

    /// The databases that hold keys.
    pub fn db_sizes(&self) -> impl Iterator<Item = DbSize> {
        let sizes = (0u8..).zip(&self.dbs).map(|(number, db)| DbSize {
            db: number,
            keys: db.len(),
            expires: db.expiring_len(),
        });
        sizes.filter(|size| size.keys != 0)
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
        self.set_clock(context);
        let view = View { engine: self, context, seen: Cell::new(0) };
        let mut decision = decide(&view, command)?;
        decision.seen = view.seen.get();
        self.delete_expired_first(&mut decision.ops, context);
        Ok(decision)
    }

    /// Whether commands, until told otherwise, look at keys without that counting as an access (OBJECT
    /// IDLETIME). No part of the state.
    pub fn leave_untouched(&self, leave: bool) {
        self.leaves_untouched.store(leave, Ordering::Relaxed);
    }

    pub(crate) fn leaves_untouched(&self) -> bool {
        self.leaves_untouched.load(Ordering::Relaxed)
    }

    /// Unix seconds of the latest command, 0 before the first.
    pub(crate) fn clock_s(&self) -> u32 {
        self.clock_s.load(Ordering::Relaxed)
    }

    /// Unix seconds of the first command, at which a key from before it counts as accessed.
    pub(crate) fn first_command_s(&self) -> u32 {
        self.first_command_s.load(Ordering::Relaxed)
    }

    fn set_clock(&self, context: Context) {
        // The year 2106 is far; idle times are then wrong, and nothing else is.
        let now_s = u32::try_from(context.now / 1000).unwrap_or(u32::MAX);
        self.clock_s.store(now_s, Ordering::Relaxed);
        if self.first_command_s() == 0 {
            self.first_command_s.store(now_s, Ordering::Relaxed);
        }
    }
}
