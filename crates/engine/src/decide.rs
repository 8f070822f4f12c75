//! Decide: the rule of each command, and the view of the state that rules look through.

use std::cell::Cell;

use crate::command::{Command, Context};
use crate::engine::{Decision, Engine};
use crate::error::CommandError;
use crate::group;
use crate::keyspace::{Db, Entry, Value};
use crate::stream::Stream;

/// Finds the rule of each command. One arm each; the rules live beside the state they read.
pub(crate) fn decide<'a>(
    view: &View<'_>,
    command: &Command<'a>,
) -> Result<Decision<'a>, CommandError> {
    match command {
        // streams: stream/
        Command::XReadGroup(command) => group::decide_read_group(view, command),
        Command::XAck { key, group, ids } => group::decide_ack(view, key, group, ids),
        Command::XPending { key, group, range } => group::decide_pending(view, key, group, *range),
        Command::XClaim { key, group, consumer, claim } => {
            group::decide_claim(view, key, group, consumer, claim)
        }
        Command::XAutoClaim(command) => group::decide_auto_claim(view, command),
        Command::XGroupCreate { key, group, from, make_stream, entries_read } => {
            group::decide_create(view, key, group, from, *make_stream, *entries_read)
        }
        Command::XGroupSetId { key, group, from, entries_read } => {
            group::decide_set_id(view, key, group, from, *entries_read)
        }
        Command::XGroupDestroy { key, group } => group::decide_destroy(view, key, group),
        Command::XGroupCreateConsumer { key, group, consumer } => {
            group::decide_create_consumer(view, key, group, consumer)
        }
        Command::XGroupDelConsumer { key, group, consumer } => {
            group::decide_delete_consumer(view, key, group, consumer)
        }
        Command::XInfoGroups { key } => group::decide_info_groups(view, key),
        Command::XInfoConsumers { key, group } => group::decide_info_consumers(view, key, group),
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
        let entry = self.peek_in(db, key);
        if let Some(entry) = entry {
            entry.touch(self.engine.clock_s());
        }
        entry
    }

    /// As [`View::entry`], without counting as an access for OBJECT IDLETIME.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<&'e Entry> {
        self.peek_in(self.context.db, key)
    }

    /// As [`View::peek`], in any database.
    pub(crate) fn peek_in(&self, db: u8, key: &[u8]) -> Option<&'e Entry> {
        let db = &self.engine.dbs[usize::from(db)];
        let entry = db.entry(key);
        // That a key is missing because it expired depends on the change that set its expiry.
        self.saw(entry.map_or(db.removed_version, |entry| entry.version).max(db.swapped_version));
        entry.filter(|entry| !entry.is_expired(self.context.now))
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
