//! The rules of XADD, XDEL, XTRIM and XSETID.

use smallvec::smallvec;

use super::tail::payload_bytes;
use super::trim::Appended;
use super::{Damage, Stream, references};
use crate::command::{NewId, Trim, XAdd};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::{StreamId, UnixMillis};
use crate::op::{Ids, Op};
use crate::reply::Reply;

/// Largest entry, all names and values together.
pub(super) const ENTRY_BYTES_MAX: usize = 64 << 20;

/// <https://redis.io/commands/xadd>
pub(crate) fn xadd<'a>(view: &View<'_>, xadd: &XAdd<'a>) -> Result<Decision<'a>, CommandError> {
    let XAdd { key, id, ref fields, no_make_stream, trim } = *xadd;
    if id == NewId::Explicit(StreamId::MIN) {
        return Err(CommandError::Fixed("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let stream = view.stream(key)?;
    if stream.is_none() && no_make_stream {
        return Ok(Decision::reply(Reply::Nil));
    }
    let last = stream.map_or(StreamId::MIN, Stream::last_id);
    let id = new_id(id, last, view.context.now)?;
    if ENTRY_BYTES_MAX < payload_bytes(fields) {
        return Err(CommandError::Fixed("ERR Elements are too large to be stored"));
    }
    let db = view.context.db;
    let append = Op::StreamAppend { db, key, id, fields: fields.clone() };
    let mut decision = Decision::change(Reply::Id(id), append);
    if let Some(trim) = trim {
        let settings = view.engine.settings();
        let seals = stream.is_some_and(|stream| stream.tail.is_full(fields, settings));
        let appended = Some(Appended { id, seals });
        decision.ops.extend(references::trim(view, key, stream, appended, trim).1);
    }
    Ok(decision)
}

/// The ID of a new entry, above `last`.
fn new_id(asked: NewId, last: StreamId, now: UnixMillis) -> Result<StreamId, CommandError> {
    const NOT_ABOVE: CommandError = CommandError::Fixed(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    );
    // A clock that went back must not lower IDs: then the last one counts on.
    let next = last.next().ok_or(CommandError::Fixed(
        "ERR The stream has exhausted the last possible ID, unable to add more items",
    ))?;
    let id = match asked {
        NewId::Auto if last.ms < now => StreamId::new(now, 0),
        NewId::Auto => next,
        NewId::AutoSeq(ms) if last.ms < ms => StreamId::new(ms, 0),
        NewId::AutoSeq(ms) if next.ms == ms => next,
        NewId::AutoSeq(_) => return Err(NOT_ABOVE),
        NewId::Explicit(id) => id,
    };
    if id <= last { Err(NOT_ABOVE) } else { Ok(id) }
}

/// <https://redis.io/commands/xtrim>
pub(crate) fn xtrim<'a>(
    view: &View<'_>,
    key: &'a [u8],
    trim: Trim,
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?;
    let (removed, ops) = references::trim(view, key, stream, None, trim);
    Ok(Decision { ops, ..Decision::reply(Reply::count(removed)) })
}

/// <https://redis.io/commands/xdel>
pub(crate) fn xdel<'a>(
    view: &View<'_>,
    key: &'a [u8],
    ids: &Result<Vec<StreamId>, CommandError>,
) -> Result<Decision<'a>, CommandError> {
    let Some(stream) = view.stream(key)? else {
        return Ok(Decision::reply(Reply::Integer(0)));
    };
    let mut asked = ids.clone()?;
    asked.sort_unstable();
    asked.dedup();
    let of_key = |damage: Damage| damage.of(key);
    let (ids, slots) = stream.slots_of(&asked).map_err(of_key)?;
    let Some(&highest) = ids.last() else {
        return Ok(Decision::reply(Reply::Integer(0)));
    };
    let first_id = stream.first_id_without(&ids).map_err(of_key)?;
    let reply = Reply::count(ids.len());
    let max_deleted_id = stream.max_deleted_id.max(highest);
    let db = view.context.db;
    Ok(Decision::change(reply, Op::StreamDelete { db, key, ids, slots, first_id, max_deleted_id }))
}

impl Stream {
    /// Those of the sorted IDs that are live entries, with their slots.
    pub(super) fn slots_of(&self, asked: &[StreamId]) -> Result<(Ids, Vec<u32>), Damage> {
        let mut ids = Ids(smallvec![]);
        let mut slots = Vec::new();
        let mut rest = asked;
        while let Some(&id) = rest.first() {
            let Some(node) = self.nodes_from(id).next() else { break };
            // All IDs up to the end of this block are looked up in one pass over its slots.
            let (here, later) = rest.split_at(rest.partition_point(|id| *id <= node.span().last));
            rest = later;
            if *here.last().expect("the block reaches up to the first ID") < node.span().first {
                continue;
            }
            let mut here = here.iter().peekable();
            for slot in node.live_ids()? {
                let (found, index) = slot?;
                while here.next_if(|id| **id < found).is_some() {}
                if here.next_if(|id| **id == found).is_some() {
                    ids.0.push(found);
                    slots.push(index);
                }
                if here.peek().is_none() {
                    break;
                }
            }
        }
        Ok((ids, slots))
    }

    /// The oldest live entry once the sorted IDs are deleted.
    pub(super) fn first_id_without(&self, ids: &[StreamId]) -> Result<StreamId, Damage> {
        if ids.first() != Some(&self.first_id) {
            return Ok(self.first_id);
        }
        let mut ids = ids.iter().peekable();
        for node in self.nodes_from(self.first_id) {
            for slot in node.live_ids()? {
                let (id, _) = slot?;
                if ids.next_if(|gone| **gone == id).is_none() {
                    return Ok(id);
                }
            }
        }
        Ok(StreamId::MIN)
    }
}

/// <https://redis.io/commands/xsetid>
pub(crate) fn xsetid<'a>(
    view: &View<'_>,
    key: &'a [u8],
    last_id: StreamId,
    entries_added: Option<u64>,
    max_deleted_id: Option<StreamId>,
) -> Result<Decision<'a>, CommandError> {
    let refuse = |text| Err(CommandError::Fixed(text));
    if max_deleted_id.is_some_and(|deleted| last_id < deleted) {
        return refuse(
            "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
        );
    }
    let stream = view.stream(key)?.ok_or(CommandError::NoSuchKey)?;
    if last_id < stream.max_deleted_id {
        return refuse(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        );
    }
    let top = stream.last_live_id().map_err(|damage| damage.of(key))?;
    if top.is_some_and(|top| last_id < top) {
        return refuse("ERR The ID specified in XSETID is smaller than the target stream top item");
    }
    if 0 < stream.length && entries_added.is_some_and(|added| added < stream.length) {
        return refuse(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        );
    }
    let op = Op::StreamSetId {
        db: view.context.db,
        key,
        last_id,
        entries_added: entries_added.unwrap_or(stream.entries_added),
        max_deleted_id: max_deleted_id
            .filter(|id| *id != StreamId::MIN)
            .unwrap_or(stream.max_deleted_id),
    };
    Ok(Decision::change(Reply::Ok, op))
}
