//! Keys whose time has passed.
//!
//! A key expires for its readers at the instant itself: [`View`](crate::decide::View) does not show
//! it. Its removal is an operation like any other, so that replay needs no clock: the first change
//! that would build on the key, or the caller's regular round over [`Engine::expired`], records it.

use crate::command::Context;
use crate::engine::Engine;
use crate::id::UnixMillis;
use crate::op::{Op, Ops, Touched};

/// Keys found expired, owned so that the operations made from them outlive the look at the engine.
#[derive(Debug, Default)]
pub struct ExpiredKeys(Vec<(u8, Box<[u8]>)>);

impl ExpiredKeys {
    /// The removals to record and apply.
    #[must_use]
    pub fn ops(&self) -> Ops<'_> {
        self.0.iter().map(|(db, key)| Op::Delete { db: *db, key }).collect()
    }

    /// Number of keys found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Engine {
    /// At most `limit` keys whose time has passed, those of a database soonest first.
    #[must_use]
    pub fn expired(&self, now: UnixMillis, limit: usize) -> ExpiredKeys {
        let overdue = (0u8..).zip(&self.dbs).flat_map(|(number, db)| {
            let overdue = db.expiries().take_while(move |(at, _)| *at <= now);
            overdue.map(move |(_, key)| (number, Box::from(key)))
        });
        ExpiredKeys(overdue.take(limit).collect())
    }

    /// The soonest expiry of any key: nothing expires before it.
    #[must_use]
    pub fn next_expiry(&self) -> Option<UnixMillis> {
        self.dbs.iter().filter_map(|db| db.expiries().next()).map(|(at, _)| at).min()
    }

    /// A command that changes a key whose time has passed, but which nobody has removed yet, removes
    /// it first, so that the old value and expiry are not built upon.
    pub(crate) fn delete_expired_first(&self, ops: &mut Ops<'_>, context: Context) {
        // Nearly always true, as the caller removes expired keys several times a second.
        if ops.is_empty() || !self.dbs.iter().any(|db| db.has_expired(context.now)) {
            return;
        }
        let mut first = Ops::new();
        for op in &*ops {
            let (Touched::Key(db, key) | Touched::Keys(_, (db, key))) = op.touched() else {
                continue;
            };
            let entry = self.dbs[usize::from(db)].entry(key);
            let is_expired = entry.is_some_and(|entry| entry.is_expired(context.now));
            let removal = Op::Delete { db, key };
            if is_expired && *op != removal && !first.contains(&removal) {
                first.push(removal);
            }
        }
        if !first.is_empty() {
            first.append(ops);
            *ops = first;
        }
    }
}
