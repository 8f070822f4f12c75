//! Events: what a change is called for those who listen to keys (`notify-keyspace-events`).
//!
//! They follow from the command and its operations, after these have been applied, and only for who
//! asks: nothing here is part of the state.

use std::collections::BTreeSet;

use crate::command::{Command, Context, ListEnd, SetExpiry, SetOperation};
use crate::engine::Engine;
use crate::op::{Op, Touched};
use crate::sorted_set::command::{MemberRange, ScoreEnd};

/// Classes of events, as the letters of `notify-keyspace-events` name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventClass {
    /// `g`: commands that are about no type.
    Generic,
    /// `$`
    String,
    /// `l`
    List,
    /// `s`
    Set,
    /// `h`
    Hash,
    /// `z`
    SortedSet,
    /// `t`
    Stream,
    /// `x`: keys whose time has passed.
    Expired,
    /// `n`: keys that came into being.
    New,
    /// `m`: reads of keys that are missing.
    KeyMiss,
}

/// Something happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// What it is about.
    pub class: EventClass,
    /// What happened.
    pub name: &'static str,
    /// The database of the key.
    pub db: u8,
    /// The key.
    pub key: &'a [u8],
}

/// Keys that were missing when a command began, of those that it creates.
#[derive(Debug, Default)]
pub struct Missing(BTreeSet<(u8, Box<[u8]>)>);

impl Engine {
    /// Those of the keys that a command will create. To be asked before it is executed, if anybody
    /// wants to hear of new keys: it decides the command once more.
    #[must_use]
    pub fn missing_before(&self, command: &Command<'_>, context: Context) -> Missing {
        let Ok(decision) = self.decide(command, context) else { return Missing::default() };
        let missing = decision.ops.iter().filter_map(|op| match op.touched() {
            Touched::Key(db, key) | Touched::Keys(_, (db, key)) => {
                let entry = self.dbs[usize::from(db)].entry(key);
                let is_there = entry.is_some_and(|entry| !entry.is_expired(context.now));
                (!is_there).then(|| (db, Box::from(key)))
            }
            _ => None,
        });
        let missing: BTreeSet<_> = missing.collect();
        Missing(missing)
    }

    /// The events of operations that have just been applied, in order. `command` is `None` for those
    /// that time brought about; `db` is the selected database.
    #[must_use]
    pub fn events<'o>(
        &self,
        command: Option<&Command<'o>>,
        ops: &'o [Op<'o>],
        db: u8,
        missing: Missing,
    ) -> Vec<Event<'o>> {
        let mut told = Told { engine: self, missing, events: Vec::new() };
        for (at, op) in ops.iter().enumerate() {
            told.op(command, op, &ops[at + 1..]);
        }
        // A trim that leaves everything is told of, too.
        if let Some(Command::LTrim { key, .. }) = command
            && told.events.is_empty()
            && self.dbs[usize::from(db)].entry(key).is_some()
        {
            told.tell(EventClass::List, "ltrim", db, key);
        }
        told.events
    }
}

/// Events being gathered.
struct Told<'e, 'o> {
    engine: &'e Engine,
    missing: Missing,
    events: Vec<Event<'o>>,
}

impl<'o> Told<'_, 'o> {
    /// One event. A command that needs several operations for one thing is told of once.
    fn tell(&mut self, class: EventClass, name: &'static str, db: u8, key: &'o [u8]) {
        let event = Event { class, name, db, key };
        if class == EventClass::String || self.events.last() != Some(&event) {
            self.events.push(event);
        }
    }

    /// An event of a key that may have come into being by it.
    fn tell_of_made(&mut self, class: EventClass, name: &'static str, db: u8, key: &'o [u8]) {
        self.made(db, key);
        self.tell(class, name, db, key);
    }

    fn made(&mut self, db: u8, key: &'o [u8]) {
        if self.missing.0.remove(&(db, key.into())) {
            self.tell(EventClass::New, "new", db, key);
        }
    }

    /// An event of a key that may have gone by it.
    fn tell_of_taken(&mut self, class: EventClass, name: &'static str, db: u8, key: &'o [u8]) {
        self.tell(class, name, db, key);
        if self.engine.dbs[usize::from(db)].entry(key).is_none() {
            self.tell(EventClass::Generic, "del", db, key);
        }
    }

    fn op(&mut self, command: Option<&Command<'_>>, op: &'o Op<'o>, later: &[Op<'_>]) {
        use EventClass as C;
        match *op {
            Op::Delete { db, key } => self.delete(command, db, key, later),
            Op::Expire { db, key, at } => {
                let name = if at.is_some() { "expire" } else { "persist" };
                self.tell(C::Generic, name, db, key);
            }
            Op::Rename { db, key, new_db, new_key } => {
                let (from, to) = match command {
                    Some(Command::Move { .. }) => ("move_from", "move_to"),
                    _ => ("rename_from", "rename_to"),
                };
                self.tell(C::New, "new", new_db, new_key);
                self.tell(C::Generic, from, db, key);
                self.tell(C::Generic, to, new_db, new_key);
            }
            Op::Copy { new_db, new_key, .. } => {
                self.tell(C::New, "new", new_db, new_key);
                self.tell(C::Generic, "copy_to", new_db, new_key);
            }
            Op::StringSet { db, key, expire_at, .. } => {
                self.tell_of_made(C::String, string_event(command, "set"), db, key);
                let expires = matches!(
                    command,
                    Some(Command::Set(set)) if matches!(set.expiry, SetExpiry::Until(_))
                );
                if expires && expire_at.is_some() {
                    self.tell(C::Generic, "expire", db, key);
                }
            }
            Op::StringWrite { db, key, .. } => {
                self.tell_of_made(C::String, string_event(command, "setbit"), db, key);
            }
            Op::HashSet { db, key, .. } | Op::HashSetField { db, key, .. } => {
                let name = match command {
                    Some(Command::HIncrBy { .. }) => "hincrby",
                    Some(Command::HIncrByFloat { .. }) => "hincrbyfloat",
                    _ => "hset",
                };
                self.tell_of_made(C::Hash, name, db, key);
            }
            Op::HashDelete { db, key, .. } => self.tell_of_taken(C::Hash, "hdel", db, key),
            _ if self.of_list(command, op)
                || self.of_set(command, op)
                || self.of_sorted_set(command, op) => {}
            _ => self.of_stream(command, op),
        }
    }

    /// A key is gone: because it was asked for, because something else takes its place, or because its
    /// time has passed.
    fn delete(&mut self, command: Option<&Command<'_>>, db: u8, key: &'o [u8], later: &[Op<'_>]) {
        use EventClass as C;
        let is_replaced = later.iter().any(|op| op.touched() == Touched::Key(db, key));
        match command {
            Some(
                Command::Del { .. }
                | Command::Expire { .. }
                | Command::GetDel { .. }
                | Command::GetEx { .. }
                | Command::SCombineStore { .. }
                | Command::ZCombineStore { .. }
                | Command::ZRangeStore { .. }
                | Command::Sort(_),
            ) => {
                if !is_replaced {
                    self.tell(C::Generic, "del", db, key);
                }
            }
            Some(Command::LTrim { .. }) => self.tell_of_taken(C::List, "ltrim", db, key),
            Some(Command::SPop { .. }) => self.tell_of_taken(C::Set, "spop", db, key),
            Some(Command::Set(_)) if !is_replaced => {
                // It was set to expire before now.
                self.tell(C::String, "set", db, key);
                self.tell(C::Generic, "expire", db, key);
                self.tell(C::Expired, "expired", db, key);
            }
            _ => self.tell(C::Expired, "expired", db, key),
        }
    }

    fn of_list(&mut self, command: Option<&Command<'_>>, op: &'o Op<'o>) -> bool {
        use EventClass as C;
        let push = |end: ListEnd| if end == ListEnd::Left { "lpush" } else { "rpush" };
        let pop = |end: ListEnd| if end == ListEnd::Left { "lpop" } else { "rpop" };
        match *op {
            Op::ListPush { db, key, end, .. } => {
                let is_sort = matches!(command, Some(Command::Sort(_)));
                let name = if is_sort { "sortstore" } else { push(end) };
                self.tell_of_made(C::List, name, db, key);
            }
            Op::ListPop { db, key, end, .. } => self.tell_of_taken(C::List, pop(end), db, key),
            Op::ListMove { db, key, from, new_key, to } => {
                self.tell_of_made(C::List, push(to), db, new_key);
                self.tell_of_taken(C::List, pop(from), db, key);
            }
            Op::ListSet { db, key, .. } => self.tell(C::List, "lset", db, key),
            Op::ListInsert { db, key, .. } => self.tell(C::List, "linsert", db, key),
            Op::ListRemove { db, key, .. } => self.tell_of_taken(C::List, "lrem", db, key),
            Op::ListTrim { db, key, .. } => self.tell_of_taken(C::List, "ltrim", db, key),
            _ => return false,
        }
        true
    }

    fn of_set(&mut self, command: Option<&Command<'_>>, op: &'o Op<'o>) -> bool {
        use EventClass as C;
        match *op {
            Op::SetAdd { db, key, .. } => {
                let name = match command {
                    Some(Command::SCombineStore { operation, .. }) => match operation {
                        SetOperation::Intersection => "sinterstore",
                        SetOperation::Union => "sunionstore",
                        SetOperation::Difference => "sdiffstore",
                    },
                    _ => "sadd",
                };
                self.tell_of_made(C::Set, name, db, key);
            }
            Op::SetRemove { db, key, .. } => {
                let is_pop = matches!(command, Some(Command::SPop { .. }));
                self.tell_of_taken(C::Set, if is_pop { "spop" } else { "srem" }, db, key);
            }
            _ => return false,
        }
        true
    }

    fn of_sorted_set(&mut self, command: Option<&Command<'_>>, op: &'o Op<'o>) -> bool {
        use EventClass as C;
        match *op {
            Op::SortedSetAdd { db, key, .. } => {
                let name = match command {
                    Some(Command::ZAdd(add)) if add.increment => "zincr",
                    Some(Command::ZRangeStore { .. }) => "zrangestore",
                    Some(Command::ZCombineStore { combine, .. }) => match combine.operation {
                        SetOperation::Intersection => "zinterstore",
                        SetOperation::Union => "zunionstore",
                        SetOperation::Difference => "zdiffstore",
                    },
                    _ => "zadd",
                };
                self.tell_of_made(C::SortedSet, name, db, key);
            }
            Op::SortedSetRemove { db, key, .. } | Op::SortedSetRemoveRange { db, key, .. } => {
                let name = sorted_set_removal(command);
                self.tell_of_taken(C::SortedSet, name, db, key);
            }
            _ => return false,
        }
        true
    }

    fn of_stream(&mut self, command: Option<&Command<'_>>, op: &'o Op<'o>) {
        use EventClass as C;
        let is_trim = matches!(
            command,
            Some(Command::XAdd(_) | Command::XAddOnce { .. } | Command::XTrim { .. })
        );
        let (name, db, key) = match *op {
            Op::StreamCreate { db, key } => return self.made(db, key),
            Op::StreamAppend { db, key, .. } => {
                self.made(db, key);
                ("xadd", db, key)
            }
            Op::StreamTrim { db, key, .. } => ("xtrim", db, key),
            Op::StreamDelete { db, key, .. } => (if is_trim { "xtrim" } else { "xdel" }, db, key),
            Op::StreamSetId { db, key, .. } => ("xsetid", db, key),
            Op::GroupCreate { db, key, .. } => ("xgroup-create", db, key),
            Op::GroupSetId { db, key, .. } => ("xgroup-setid", db, key),
            Op::GroupDestroy { db, key, .. } => ("xgroup-destroy", db, key),
            Op::ConsumerCreate { db, key, .. } => ("xgroup-createconsumer", db, key),
            Op::ConsumerDelete { db, key, .. } => ("xgroup-delconsumer", db, key),
            _ => return,
        };
        self.tell(C::Stream, name, db, key);
    }
}

/// What the loss of members of a sorted set is called.
fn sorted_set_removal(command: Option<&Command<'_>>) -> &'static str {
    match command {
        Some(Command::ZRemRange { range, .. }) => match range {
            MemberRange::Rank { .. } => "zremrangebyrank",
            MemberRange::Score(_) => "zremrangebyscore",
            MemberRange::Lex(_) => "zremrangebylex",
        },
        Some(
            Command::ZPop { end, .. } | Command::ZMPop { end, .. } | Command::BZPop { end, .. },
        ) => match end {
            ScoreEnd::Lowest => "zpopmin",
            ScoreEnd::Highest => "zpopmax",
        },
        _ => "zrem",
    }
}

/// What a change of a string is called.
fn string_event(command: Option<&Command<'_>>, otherwise: &'static str) -> &'static str {
    match command {
        Some(Command::IncrBy { .. }) => "incrby",
        Some(Command::IncrByFloat { .. }) => "incrbyfloat",
        Some(Command::Append { .. }) => "append",
        Some(Command::SetRange { .. }) => "setrange",
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Settings;
    use crate::sorted_set::command::{ZAdd, ZAddCondition};

    const CONTEXT: Context = Context { db: 0, now: 1000 };

    /// The names of the events of a command, which is carried out.
    fn names(engine: &mut Engine, command: &Command<'_>) -> Vec<&'static str> {
        let missing = engine.missing_before(command, CONTEXT);
        let decision = engine.decide(command, CONTEXT).expect("a command that is not refused");
        decision.ops.iter().for_each(|op| engine.apply(op, 1));
        let events = engine.events(Some(command), &decision.ops, CONTEXT.db, missing);
        events.iter().map(|event| event.name).collect()
    }

    fn zadd<'a>(increment: bool, pairs: &[(f64, &'a [u8])]) -> Command<'a> {
        let condition = ZAddCondition::default();
        let pairs = pairs.to_vec();
        Command::ZAdd(ZAdd { key: b"z", condition, count_changed: false, increment, pairs })
    }

    #[test]
    fn sorted_sets_tell_what_was_asked_of_them() {
        let mut engine = Engine::new(Settings::default(), 1);
        let mut check = |command: Command<'_>, expected: &[&str]| {
            assert_eq!(names(&mut engine, &command), expected, "{command:?}");
        };
        let three: &[(f64, &[u8])] = &[(1.0, b"a"), (2.0, b"b"), (3.0, b"c")];
        check(zadd(false, three), &["new", "zadd"]);
        check(zadd(true, &three[..1]), &["zincr"]);
        check(Command::ZPop { key: b"z", end: ScoreEnd::Highest, count: None }, &["zpopmax"]);
        check(Command::ZRem { key: b"z", members: &[b"none"] }, &[]);
        check(Command::ZRem { key: b"z", members: &[b"a"] }, &["zrem"]);
        let range = MemberRange::Rank { start: 0, stop: -1 };
        check(Command::ZRemRange { key: b"z", range }, &["zremrangebyrank", "del"]);
    }

    #[test]
    fn a_key_that_is_made_twice_is_new_once() {
        let mut engine = Engine::new(Settings::default(), 1);
        let command = Command::MSet { pairs: &[b"k", b"1", b"k", b"2"], only_if_free: false };
        assert_eq!(names(&mut engine, &command), ["new", "set", "set"]);
        assert_eq!(names(&mut engine, &command), ["set", "set"]);
    }
}
