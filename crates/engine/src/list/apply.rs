//! What each operation does to a list.

use super::{List, place};
use crate::apply::PRESENT;
use crate::engine::Engine;
use crate::keyspace::{Db, Value};
use crate::op::Op;

/// Applies an operation on lists.
pub(crate) fn apply(engine: &mut Engine, op: &Op<'_>, version: u64) {
    let clock_s = engine.clock_s();
    let dbs = &mut engine.dbs;
    match *op {
        Op::ListPush { db, key, end, ref values } => {
            to_fill(&mut dbs[usize::from(db)], key, version, clock_s).push_all(end, values);
        }
        Op::ListPop { db, key, end, count } => {
            use crate::command::ListEnd::{Left, Right};
            change(&mut dbs[usize::from(db)], key, version, |list| match (end, count) {
                (end, 1) => drop(list.pop(end)),
                (Left, count) => list.trim(place(count), 0),
                (Right, count) => list.trim(0, place(count)),
            });
        }
        Op::ListTrim { db, key, front, back } => {
            change(&mut dbs[usize::from(db)], key, version, |list| {
                list.trim(place(front), place(back));
            });
        }
        Op::ListMove { db, key, from, new_key, to } => {
            let db = &mut dbs[usize::from(db)];
            if key == new_key {
                change(db, key, version, |list| {
                    let value = list.pop(from).expect(PRESENT);
                    list.push(to, value);
                });
            } else {
                let value = change(db, key, version, |list| list.pop(from)).expect(PRESENT);
                to_fill(db, new_key, version, clock_s).push(to, value);
            }
        }
        Op::ListSet { db, key, index, ref value } => {
            change(&mut dbs[usize::from(db)], key, version, |list| {
                list.set(place(index), (**value).into());
            });
        }
        Op::ListInsert { db, key, index, ref value } => {
            change(&mut dbs[usize::from(db)], key, version, |list| {
                list.insert(place(index), (**value).into());
            });
        }
        Op::ListRemove { db, key, ref indices } => {
            change(&mut dbs[usize::from(db)], key, version, |list| list.remove_all(indices));
        }
        _ => unreachable!("not about a list: {op:?}"),
    }
}

/// The list of a key, made where it is missing.
fn to_fill<'d>(db: &'d mut Db, key: &[u8], version: u64, clock_s: u32) -> &'d mut List {
    let make = |_| Value::List(Box::default());
    match &mut db.change_or_insert_with(key, version, clock_s, make).value {
        Value::List(list) => list,
        _ => unreachable!("{PRESENT}"),
    }
}

/// Changes a list that is there. The key goes with its last value.
fn change<T>(db: &mut Db, key: &[u8], version: u64, how: impl FnOnce(&mut List) -> T) -> T {
    let Some(Value::List(list)) = db.change(key, version) else { unreachable!("{PRESENT}") };
    let result = how(list);
    if list.is_empty() {
        db.remove(key, version);
    }
    result
}
