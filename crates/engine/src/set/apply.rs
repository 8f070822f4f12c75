//! What each operation does to a set.

use super::Set;
use crate::apply::PRESENT;
use crate::engine::Engine;
use crate::keyspace::Value;
use crate::op::Op;

/// Applies an operation on sets.
pub(crate) fn apply(engine: &mut Engine, op: &Op<'_>, version: u64) {
    let clock_s = engine.clock_s();
    match *op {
        Op::SetAdd { db, key, ref members } => {
            let db = &mut engine.dbs[usize::from(db)];
            let make = |hasher| Value::Set(Box::new(Set::new(hasher)));
            let entry = db.change_or_insert_with(key, version, clock_s, make);
            let Value::Set(set) = &mut entry.value else { unreachable!("{PRESENT}") };
            for member in members.iter() {
                set.insert(member);
            }
        }
        Op::SetRemove { db, key, ref members } => {
            let db = &mut engine.dbs[usize::from(db)];
            let Some(Value::Set(set)) = db.change(key, version) else { unreachable!("{PRESENT}") };
            for member in members.iter() {
                assert!(set.remove(member), "{PRESENT}");
            }
            if set.is_empty() {
                db.remove(key, version);
            }
        }
        _ => unreachable!("not about a set: {op:?}"),
    }
}
