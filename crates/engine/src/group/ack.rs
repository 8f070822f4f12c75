//! XACK.

use crate::command::Deferred;
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::StreamId;
use crate::op::{Ids, Op};
use crate::reply::Reply;

/// <https://redis.io/commands/xack>
pub(crate) fn decide_ack<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
    ids: &Deferred<Vec<StreamId>>,
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?;
    // A missing group answers 0 even to malformed IDs.
    let Some(state) = stream.and_then(|stream| stream.groups.get(group)) else {
        return Ok(Decision::reply(Reply::Integer(0)));
    };
    let ids = ids.as_ref().map_err(Clone::clone)?;
    let is_pending = |id: &StreamId| state.pending.contains(*id);
    let pending: Ids = if ids.is_sorted_by(|one, next| one < next) {
        ids.iter().copied().filter(is_pending).collect()
    } else {
        // An ID named twice counts once. The order of removal shows nowhere.
        let mut ids = ids.clone();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter(is_pending).collect()
    };
    if pending.is_empty() {
        return Ok(Decision::reply(Reply::Integer(0)));
    }
    let reply = Reply::count(pending.len());
    Ok(Decision::change(reply, Op::Ack { db: view.context.db, key, group, ids: pending }))
}
