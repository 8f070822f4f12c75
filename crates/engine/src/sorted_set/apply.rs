//! What each operation does to a sorted set.

use super::SortedSet;
use crate::apply::PRESENT;
use crate::engine::Engine;
use crate::keyspace::{Db, Value};
use crate::op::Op;

/// Applies an operation on sorted sets.
pub(crate) fn apply(engine: &mut Engine, op: &Op<'_>, version: u64) {
    let clock_s = engine.clock_s();
    match *op {
        Op::SortedSetAdd { db, key, ref scores, ref members } => {
            let db = &mut engine.dbs[usize::from(db)];
            let make = |hasher| Value::SortedSet(Box::new(SortedSet::new(hasher)));
            let entry = db.change_or_insert_with(key, version, clock_s, make);
            let Value::SortedSet(set) = &mut entry.value else { unreachable!("{PRESENT}") };
            for (member, score) in members.iter().zip(scores) {
                set.insert(member, *score);
            }
        }
        Op::SortedSetRemove { db, key, ref members } => {
            let db = &mut engine.dbs[usize::from(db)];
            let set = sorted_set(db, key, version);
            for member in members.iter() {
                assert!(set.remove(member), "{PRESENT}");
            }
            if set.is_empty() {
                db.remove(key, version);
            }
        }
        Op::SortedSetRemoveRange { db, key, first, count } => {
            let db = &mut engine.dbs[usize::from(db)];
            let set = sorted_set(db, key, version);
            let first = usize::try_from(first).expect(PRESENT);
            let count = usize::try_from(count).expect(PRESENT);
            if count == set.len() {
                db.remove(key, version);
                return;
            }
            for _ in 0..count {
                set.remove_at(first);
            }
        }
        _ => unreachable!("not about a sorted set: {op:?}"),
    }
}

fn sorted_set<'d>(db: &'d mut Db, key: &[u8], version: u64) -> &'d mut SortedSet {
    match db.change(key, version) {
        Some(Value::SortedSet(set)) => set,
        other => unreachable!("not a sorted set: {other:?}"),
    }
}
