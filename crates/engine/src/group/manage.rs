//! XGROUP: groups and consumers come, move and go.

use smallvec::smallvec;

use super::Group;
use crate::command::{Deferred, GroupStart};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::StreamId;
use crate::op::{Op, Ops};
use crate::reply::Reply;
use crate::stream::Stream;

const KEY_REQUIRED: CommandError = CommandError::Fixed(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use \
     the MKSTREAM option to create an empty stream automatically.",
);

/// <https://redis.io/commands/xgroup-create>
pub(crate) fn decide_create<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
    from: &Deferred<GroupStart>,
    make_stream: bool,
    entries_read: Option<u64>,
) -> Result<Decision<'a>, CommandError> {
    let db = view.context.db;
    let stream = view.stream(key)?;
    if stream.is_none() && !make_stream {
        return Err(KEY_REQUIRED);
    }
    let last_delivered = start(stream, from)?;
    if stream.is_some_and(|stream| stream.groups.contains_key(group)) {
        return Err(CommandError::BusyGroup);
    }
    let entries_read = capped(stream, entries_read);
    let create = Op::GroupCreate { db, key, group, last_delivered, entries_read };
    let ops: Ops<'a> = match stream {
        Some(_) => smallvec![create],
        None => smallvec![Op::StreamCreate { db, key }, create],
    };
    Ok(Decision { ops, ..Decision::reply(Reply::Ok) })
}

/// <https://redis.io/commands/xgroup-setid>
pub(crate) fn decide_set_id<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
    from: &Deferred<GroupStart>,
    entries_read: Option<u64>,
) -> Result<Decision<'a>, CommandError> {
    let (stream, state) = existing(view, key, group)?;
    let last_delivered = start(Some(stream), from)?;
    let entries_read = capped(Some(stream), entries_read);
    if (last_delivered, entries_read) == (state.last_delivered, state.entries_read) {
        return Ok(Decision::reply(Reply::Ok));
    }
    let db = view.context.db;
    let op = Op::GroupSetId { db, key, group, last_delivered, entries_read };
    Ok(Decision::change(Reply::Ok, op))
}

/// <https://redis.io/commands/xgroup-destroy>
pub(crate) fn decide_destroy<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?.ok_or(KEY_REQUIRED)?;
    if !stream.groups.contains_key(group) {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    let op = Op::GroupDestroy { db: view.context.db, key, group };
    Ok(Decision::change(Reply::Integer(1), op))
}

/// <https://redis.io/commands/xgroup-createconsumer>
pub(crate) fn decide_create_consumer<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
) -> Result<Decision<'a>, CommandError> {
    let (_, state) = existing(view, key, group)?;
    if state.consumers.slot(consumer).is_some() {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    let time = view.context.now;
    let op = Op::ConsumerCreate { db: view.context.db, key, group, consumer, time };
    Ok(Decision::change(Reply::Integer(1), op))
}

/// <https://redis.io/commands/xgroup-delconsumer>
pub(crate) fn decide_delete_consumer<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
) -> Result<Decision<'a>, CommandError> {
    let (_, state) = existing(view, key, group)?;
    let Some(existing) = state.consumers.by_name(consumer) else {
        return Ok(Decision::reply(Reply::Integer(0)));
    };
    let reply = Reply::count(existing.pending.len());
    Ok(Decision::change(reply, Op::ConsumerDelete { db: view.context.db, key, group, consumer }))
}

/// The stream and the group, which both must exist.
fn existing<'e>(
    view: &View<'e>,
    key: &[u8],
    group: &[u8],
) -> Result<(&'e Stream, &'e Group), CommandError> {
    let stream = view.stream(key)?.ok_or(KEY_REQUIRED)?;
    match stream.groups.get(group) {
        Some(state) => Ok((stream, state)),
        None => Err(CommandError::NoGroup { key: key.into(), group: group.into() }),
    }
}

fn start(stream: Option<&Stream>, from: &Deferred<GroupStart>) -> Result<StreamId, CommandError> {
    Ok(match from.as_ref().map_err(Clone::clone)? {
        GroupStart::After(id) => *id,
        GroupStart::Last => stream.map_or(StreamId::MIN, Stream::last_id),
    })
}

/// Nobody can have read more entries than were ever added.
fn capped(stream: Option<&Stream>, entries_read: Option<u64>) -> Option<u64> {
    entries_read.map(|read| read.min(stream.map_or(0, Stream::entries_added)))
}
