//! Streams as the simplest thing that could be right: entries in a vector. Commands whose effect is
//! simple change the model by themselves; after any other, the model looks the key up anew.

use std::collections::BTreeMap;

use engine::{
    Command, Context, Engine, IdRange, Op, Order, References, Reply, StreamId, TimeUnit, Touched,
    TrimKeep, TrimPrecision, TtlForm,
};

type Entries = Vec<(StreamId, Vec<Vec<u8>>)>;

/// Streams of all databases by key.
#[derive(Default)]
pub struct Model {
    streams: BTreeMap<(u8, Vec<u8>), Entries>,
}

impl Model {
    /// Compares a reply with what the model knows, before the command takes effect.
    pub fn check(&self, command: &Command<'_>, reply: &Reply, engine: &Engine, context: Context) {
        let entries = |key: &[u8]| {
            let known = self.streams.get(&(context.db, key.to_vec()));
            known.filter(|_| !expires(engine, key, context))
        };
        match command {
            Command::XAdd(xadd) => {
                let Reply::Id(id) = reply else { return };
                let last = entries(xadd.key).and_then(|entries| entries.last());
                assert!(last.is_none_or(|(last, _)| last < id), "{command:?}: {id} after {last:?}");
            }
            Command::XLen { key } => {
                let Some(entries) = entries(key) else { return };
                assert_eq!(*reply, Reply::count(entries.len()), "{command:?}");
            }
            Command::XRange { key, range, count, order } => {
                let Some(entries) = entries(key) else { return };
                let count = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(0));
                let inside =
                    entries.iter().filter(|(id, _)| range.start <= *id && *id <= range.end);
                let expected: Vec<_> = match order {
                    Order::Ascending => inside.take(count).cloned().collect(),
                    Order::Descending => inside.rev().take(count).cloned().collect(),
                };
                assert_eq!(read(reply), expected, "{command:?}");
            }
            Command::XDel { key, ids: Ok(ids) } => {
                let Some(entries) = entries(key) else { return };
                let mut found: Vec<_> = ids.iter().filter(|id| at(entries, **id).is_ok()).collect();
                found.sort_unstable();
                found.dedup();
                assert_eq!(*reply, Reply::count(found.len()), "{command:?}");
            }
            _ => {}
        }
    }

    /// Takes in what a command has done.
    pub fn follow(
        &mut self,
        command: &Command<'_>,
        ops: &[Op<'_>],
        engine: &Engine,
        context: Context,
    ) {
        if ops.is_empty() {
            return;
        }
        let key = |key: &[u8]| (context.db, key.to_vec());
        // Something else may have happened first: a key that had expired was deleted.
        let is_known = |name: &[u8]| self.streams.contains_key(&key(name));
        let simple = !ops.iter().any(|op| matches!(op, Op::Delete { .. }))
            && match command {
                Command::XAdd(xadd) => is_known(xadd.key),
                Command::XDel { key, .. } | Command::XTrim { key, .. } => is_known(key),
                _ => false,
            };
        match (command, ops) {
            (Command::XAdd(xadd), [Op::StreamAppend { id, fields, .. }]) if simple => {
                let strings = fields.strings().iter().map(|string| string.to_vec()).collect();
                self.streams.entry(key(xadd.key)).or_default().push((*id, strings));
            }
            (Command::XDel { key: name, ids: Ok(ids) }, _) if simple => {
                let entries = self.streams.entry(key(name)).or_default();
                entries.retain(|(id, _)| !ids.contains(id));
            }
            (Command::XTrim { key: name, trim }, _)
                if simple
                    && trim.precision == TrimPrecision::Exact
                    && trim.references == References::Keep =>
            {
                let entries = self.streams.entry(key(name)).or_default();
                let gone = match trim.keep {
                    TrimKeep::MaxLen(len) => {
                        entries.len().saturating_sub(usize::try_from(len).unwrap_or(usize::MAX))
                    }
                    TrimKeep::MinId(min) => entries.iter().filter(|(id, _)| *id < min).count(),
                };
                entries.drain(..gone);
            }
            _ => self.look_up(ops, engine),
        }
    }

    /// Forgets the keys that operations touched, and reads them again.
    pub fn look_up(&mut self, ops: &[Op<'_>], engine: &Engine) {
        for op in ops {
            match op.touched() {
                Touched::Nothing => {}
                Touched::Key(db, key) => self.read_key(db, key, engine),
                Touched::Keys((db, key), (other_db, other)) => {
                    self.read_key(db, key, engine);
                    self.read_key(other_db, other, engine);
                }
                Touched::Db(_) | Touched::Dbs(..) | Touched::Everything => self.streams.clear(),
            }
        }
    }

    fn read_key(&mut self, db: u8, key: &[u8], engine: &Engine) {
        self.streams.remove(&(db, key.to_vec()));
        if let Some(entries) = stored(engine, db, key) {
            self.streams.insert((db, key.to_vec()), entries);
        }
    }

    /// The engine holds what the model holds, and its counts are those of its entries.
    pub fn compare(&self, engine: &Engine) {
        for ((db, key), entries) in &self.streams {
            let Some(found) = stored(engine, *db, key) else {
                assert!(entries.is_empty(), "{}: gone", key.escape_ascii());
                continue;
            };
            assert_eq!(found, *entries, "db {db}, {}", key.escape_ascii());
            let context = Context { db: *db, now: 0 };
            let len = engine.decide(&Command::XLen { key }, context).expect("a stream").reply;
            assert_eq!(len, Reply::count(entries.len()), "{}", key.escape_ascii());
        }
    }
}

/// Whether a key has an expiry, and so may be there for the model alone.
fn expires(engine: &Engine, key: &[u8], context: Context) -> bool {
    let ttl = Command::Ttl { key, unit: TimeUnit::Millis, form: TtlForm::Remaining };
    engine.decide(&ttl, context).is_ok_and(|decision| decision.reply != Reply::Integer(-1))
}

/// The entries of a stream, expired or not.
fn stored(engine: &Engine, db: u8, key: &[u8]) -> Option<Entries> {
    let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
    let command = Command::XRange { key, range, count: None, order: Order::Ascending };
    let type_of = engine.decide(&Command::Type { key }, Context { db, now: 0 }).ok()?.reply;
    let is_stream = type_of == Reply::Simple("stream");
    let decision = engine.decide(&command, Context { db, now: 0 }).ok().filter(|_| is_stream)?;
    Some(read(&decision.reply))
}

fn read(reply: &Reply) -> Entries {
    let mut found = Entries::new();
    if let Reply::Entries(range) = reply {
        let visited = range.visit(|id, pairs| {
            let pairs = pairs.expect("a range names no entry that is gone");
            let strings = pairs.flat_map(|(name, value)| [name.to_vec(), value.to_vec()]);
            found.push((id, strings.collect()));
        });
        visited.expect("nothing is damaged");
        let is_rising = found.is_sorted_by(|one, next| one.0 < next.0);
        let is_falling = found.is_sorted_by(|one, next| one.0 > next.0);
        assert!(is_rising || is_falling, "IDs out of order: {found:?}");
    } else {
        assert!(matches!(reply, Reply::NilArray | Reply::Array(_)), "{reply:?}");
    }
    found
}

fn at(entries: &Entries, id: StreamId) -> Result<usize, usize> {
    entries.binary_search_by_key(&id, |(id, _)| *id)
}
