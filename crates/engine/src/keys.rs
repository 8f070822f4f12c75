//! Rules of the commands about keys whatever they hold.

use std::collections::BTreeSet;

use crate::command::{
    Context, ExpireCondition, ExpireTime, ObjectField, Restore, TimeUnit, TtlForm,
};
use crate::decide::View;
use crate::engine::{DATABASES, Decision};
use crate::error::CommandError;
use crate::id::UnixMillis;
use crate::image::dump;
use crate::keyspace::{Entry, Value};
use crate::op::Op;
use crate::reply::Reply;
use crate::stream::Sealer;
use crate::{hashes, strings};

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// DEL, UNLINK.
pub(crate) fn del<'a>(view: &View<'_>, keys: &[&'a [u8]]) -> Decided<'a> {
    let db = view.context.db;
    let mut named = BTreeSet::new();
    let mut decision = Decision::reply(Reply::Integer(0));
    for &key in keys {
        if view.entry(key).is_some() && (keys.len() == 1 || named.insert(key)) {
            decision.ops.push(Op::Delete { db, key });
        }
    }
    decision.reply = Reply::count(decision.ops.len());
    Ok(decision)
}

/// EXISTS.
pub(crate) fn exists<'a>(view: &View<'_>, keys: &[&[u8]]) -> Decided<'a> {
    let present = keys.iter().filter(|key| view.peek(key).is_some());
    Ok(Decision::reply(Reply::count(present.count())))
}

/// TOUCH.
pub(crate) fn touch<'a>(view: &View<'_>, keys: &[&[u8]]) -> Decided<'a> {
    let present = keys.iter().filter(|key| view.entry(key).is_some());
    Ok(Decision::reply(Reply::count(present.count())))
}

/// TYPE.
pub(crate) fn type_of<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    let name = view.peek(key).map_or("none", |entry| entry.value.type_name());
    Ok(Decision::reply(Reply::Simple(name)))
}

/// EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT.
pub(crate) fn expire<'a>(
    view: &View<'_>,
    key: &'a [u8],
    when: ExpireTime,
    condition: ExpireCondition,
) -> Decided<'a> {
    let Context { db, now } = view.context;
    // Redis names the command as it was called, which is not known here. A span that overflows is
    // given in seconds exactly if it ends in three zeros, unless someone writes 16 zeros by hand.
    let at = instant(when, now).ok_or(match when {
        ExpireTime::In(ms) if ms % 1000 == 0 => INVALID_EXPIRE,
        _ => INVALID_PEXPIRE,
    })?;
    let Some(entry) = view.entry(key) else { return Ok(Decision::reply(Reply::Integer(0))) };
    if !allows(condition, entry.expire_at(), at) {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    let op = match in_future(at, now) {
        Some(at) => Op::Expire { db, key, at: Some(at) },
        None => Op::Delete { db, key },
    };
    Ok(Decision::change(Reply::Integer(1), op))
}

const INVALID_EXPIRE: CommandError =
    CommandError::Fixed("ERR invalid expire time in 'expire' command");
const INVALID_PEXPIRE: CommandError =
    CommandError::Fixed("ERR invalid expire time in 'pexpire' command");

/// The instant meant, `None` beyond the last one that exists. It may lie before 1970.
pub(crate) fn instant(when: ExpireTime, now: UnixMillis) -> Option<i64> {
    match when {
        ExpireTime::At(at) => Some(at),
        ExpireTime::In(ms) => ms.checked_add(i64::try_from(now).ok()?),
    }
}

/// The instant as an expiry, `None` if it has passed.
pub(crate) fn in_future(at: i64, now: UnixMillis) -> Option<UnixMillis> {
    u64::try_from(at).ok().filter(|at| now < *at)
}

/// NX, XX, GT and LT. No expiry counts as an infinite one.
fn allows(condition: ExpireCondition, present: Option<UnixMillis>, at: i64) -> bool {
    let present = present.map(|present| i64::try_from(present).unwrap_or(i64::MAX));
    let ExpireCondition { none_set, some_set, later, sooner } = condition;
    !(none_set && present.is_some()
        || some_set && present.is_none()
        || later && present.is_none_or(|present| at <= present)
        || sooner && present.is_some_and(|present| present <= at))
}

/// TTL, PTTL, EXPIRETIME, PEXPIRETIME.
pub(crate) fn ttl<'a>(view: &View<'_>, key: &[u8], unit: TimeUnit, form: TtlForm) -> Decided<'a> {
    let ms = match view.peek(key).map(Entry::expire_at) {
        None => return Ok(Decision::reply(Reply::Integer(-2))),
        Some(None) => return Ok(Decision::reply(Reply::Integer(-1))),
        Some(Some(at)) => match form {
            TtlForm::Remaining => at.saturating_sub(view.context.now),
            TtlForm::Instant => at,
        },
    };
    let number = match unit {
        TimeUnit::Millis => ms,
        // To the nearest second, as Redis does it.
        TimeUnit::Seconds => ms.saturating_add(500) / 1000,
    };
    Ok(Decision::reply(Reply::count(number)))
}

/// PERSIST.
pub(crate) fn persist<'a>(view: &View<'_>, key: &'a [u8]) -> Decided<'a> {
    match view.entry(key).and_then(Entry::expire_at) {
        None => Ok(Decision::reply(Reply::Integer(0))),
        Some(_) => {
            let op = Op::Expire { db: view.context.db, key, at: None };
            Ok(Decision::change(Reply::Integer(1), op))
        }
    }
}

/// RENAME, RENAMENX.
pub(crate) fn rename<'a>(
    view: &View<'_>,
    key: &'a [u8],
    new_key: &'a [u8],
    only_if_free: bool,
) -> Decided<'a> {
    let db = view.context.db;
    let reply = |renamed: i64| if only_if_free { Reply::Integer(renamed) } else { Reply::Ok };
    view.entry(key).ok_or(CommandError::NoSuchKey)?;
    if key == new_key || only_if_free && view.entry(new_key).is_some() {
        return Ok(Decision::reply(reply(0)));
    }
    Ok(Decision::change(reply(1), Op::Rename { db, key, new_db: db, new_key }))
}

const SAME_OBJECT: CommandError =
    CommandError::Fixed("ERR source and destination objects are the same");
const NO_SUCH_DB: CommandError = CommandError::Fixed("ERR DB index is out of range");

fn known_db(db: u8) -> Result<u8, CommandError> {
    if db < DATABASES { Ok(db) } else { Err(NO_SUCH_DB) }
}

/// COPY.
pub(crate) fn copy<'a>(
    view: &View<'_>,
    key: &'a [u8],
    new_key: &'a [u8],
    new_db: Option<u8>,
    replace: bool,
) -> Decided<'a> {
    let db = view.context.db;
    let new_db = known_db(new_db.unwrap_or(db))?;
    if (db, key) == (new_db, new_key) {
        return Err(SAME_OBJECT);
    }
    if view.entry(key).is_none() || !replace && view.entry_in(new_db, new_key).is_some() {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    Ok(Decision::change(Reply::Integer(1), Op::Copy { db, key, new_db, new_key }))
}

/// DUMP.
pub(crate) fn dump<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    let Some(entry) = view.entry(key) else { return Ok(Decision::reply(Reply::Nil)) };
    let payload = dump::dump(key, entry, view.engine.reply_bytes_max)?;
    let reply = payload.map(|bytes| Reply::Bulk(bytes.into()));
    if reply.is_none() && dump::PAYLOAD_BYTES_MAX <= view.engine.reply_bytes_max {
        return Err(CommandError::Fixed("ERR the value is too large for DUMP"));
    }
    Ok(Decision::reply(reply.unwrap_or(Reply::TooLong)))
}

/// RESTORE.
pub(crate) fn restore<'a>(view: &View<'_>, restore: &Restore<'a>) -> Decided<'a> {
    let &Restore { key, payload, replace, absolute, idle_s, ref ttl } = restore;
    let (db, now) = (view.context.db, view.context.now);
    let exists = view.entry(key).is_some();
    if exists && !replace {
        return Err(CommandError::Fixed("BUSYKEY Target key name already exists."));
    }
    let ttl = ttl.as_ref().map_err(Clone::clone)?;
    let engine = view.engine;
    // The record holds the payload: applying it has to come to a value.
    dump::load(payload, engine.hash_seed, engine.settings, &mut Sealer::default())?;
    let at = if absolute { *ttl } else { now.saturating_add(*ttl) };
    let expire_at = Some(at).filter(|_| *ttl != 0);
    if expire_at.is_some_and(|at| at <= now) {
        let gone = exists.then_some(Op::Delete { db, key });
        return Ok(Decision { ops: gone.into_iter().collect(), ..Decision::reply(Reply::Ok) });
    }
    let seconds = |idle: u64| u32::try_from((now / 1000).saturating_sub(idle)).unwrap_or(u32::MAX);
    // 0 would say that nobody has used it since the start.
    let accessed_s = idle_s.map(|idle| seconds(idle).max(1));
    Ok(Decision::change(Reply::Ok, Op::Restore { db, key, expire_at, accessed_s, payload }))
}

/// MOVE.
pub(crate) fn move_to<'a>(view: &View<'_>, key: &'a [u8], new_db: u8) -> Decided<'a> {
    let db = view.context.db;
    if known_db(new_db)? == db {
        return Err(SAME_OBJECT);
    }
    if view.entry(key).is_none() || view.entry_in(new_db, key).is_some() {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    Ok(Decision::change(Reply::Integer(1), Op::Rename { db, key, new_db, new_key: key }))
}

/// RANDOMKEY: the key at the place drawn, or the next live one behind it.
pub(crate) fn random_key<'a>(view: &View<'_>, draw: u64) -> Decided<'a> {
    let db = view.db();
    view.saw(db.version);
    let start = place(draw, db.len());
    let mut keys = (start..db.len()).chain(0..start).filter_map(|index| db.entry_at(index));
    let live = keys.find(|(_, entry)| !entry.is_expired(view.context.now));
    Ok(Decision::reply(live.map_or(Reply::Nil, |(key, _)| Reply::bulk(key))))
}

/// A place among `len`, 0 if there is none.
pub(crate) fn place(draw: u64, len: usize) -> usize {
    let place = draw.checked_rem(len as u64).unwrap_or(0);
    usize::try_from(place).expect("below a length")
}

/// DBSIZE: keys that a reader could see.
pub(crate) fn db_size<'a>(view: &View<'_>) -> Decided<'a> {
    let db = view.db();
    view.saw(db.version);
    let expired = db.expiries().take_while(|(at, _)| *at <= view.context.now).count();
    Ok(Decision::reply(Reply::count(db.len() - expired)))
}

/// FLUSHDB, FLUSHALL.
pub(crate) fn flush<'a>(view: &View<'_>, all: bool) -> Decided<'a> {
    let emptied = if all { &view.engine.dbs[..] } else { std::slice::from_ref(view.db()) };
    emptied.iter().for_each(|db| view.saw(db.version));
    if emptied.iter().all(|db| db.len() == 0) {
        return Ok(Decision::reply(Reply::Ok));
    }
    let db = if all { None } else { Some(view.context.db) };
    Ok(Decision::change(Reply::Ok, Op::Flush { db }))
}

/// SWAPDB.
pub(crate) fn swap_db<'a>(first: u8, second: u8) -> Decided<'a> {
    if known_db(first)? == known_db(second)? {
        return Ok(Decision::reply(Reply::Ok));
    }
    Ok(Decision::change(Reply::Ok, Op::SwapDb { first, second }))
}

/// OBJECT ENCODING, IDLETIME, REFCOUNT, FREQ.
pub(crate) fn object<'a>(view: &View<'_>, key: &[u8], what: ObjectField) -> Decided<'a> {
    let Some(entry) = view.peek(key) else { return Ok(Decision::reply(Reply::Nil)) };
    let reply = match what {
        ObjectField::Encoding => Reply::text(encoding(entry)),
        ObjectField::IdleTime => {
            // A key that came from disk was accessed when it was loaded, about the first command.
            let accessed_s = match entry.accessed_s() {
                0 => view.engine.first_command_s(),
                accessed_s => accessed_s,
            };
            Reply::count(view.engine.clock_s().saturating_sub(accessed_s))
        }
        ObjectField::RefCount => Reply::Integer(reference_count(entry)),
        ObjectField::Freq => {
            return Err(CommandError::Fixed(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ));
        }
    };
    Ok(Decision::reply(reply))
}

/// The name that Redis's representation of such a value has; clients use it as a hint of size.
fn encoding(entry: &Entry) -> &'static str {
    match &entry.value {
        Value::String(value) => strings::encoding(value, entry.is_written_in_place),
        Value::Hash(hash) => hashes::encoding(hash),
        Value::Stream(_) => "stream",
        Value::List(_) => "quicklist",
        Value::Set(set) => set.encoding(),
        Value::SortedSet(set) => set.encoding(),
    }
}

/// Redis shares the small numbers, and says so.
fn reference_count(entry: &Entry) -> i64 {
    match &entry.value {
        Value::String(value)
            if encoding(entry) == "int"
                && strings::integer(value).is_some_and(|number| (0..10_000).contains(&number)) =>
        {
            i64::from(i32::MAX)
        }
        _ => 1,
    }
}

/// MEMORY USAGE: what the key holds in memory, without the allocator's own share. Sealed blocks
/// whose bytes lie in a file count with their index only.
pub(crate) fn memory_usage<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    let Some(entry) = view.peek(key) else { return Ok(Decision::reply(Reply::Nil)) };
    // The key, its place in the table with the hash, and the table's index.
    let place = key.len() + size_of::<Box<[u8]>>() + size_of::<Entry>() + 2 * size_of::<usize>();
    let expiry = entry.expire_at().map_or(0, |_| key.len() + 2 * size_of::<Box<[u8]>>());
    Ok(Decision::reply(Reply::count(place + expiry + entry.value.heap_bytes())))
}
