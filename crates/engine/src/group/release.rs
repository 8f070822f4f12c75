//! XNACK: pending entries lose their owner, and anybody may claim them at once.

use std::collections::BTreeMap;

use super::presence::Presence;
use super::{DELIVERY_COUNT_MAX, claimable};
use crate::command::{Deferred, Release, ReleaseMode};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::StreamId;
use crate::op::{Ids, Op};
use crate::reply::Reply;

/// <https://redis.io/commands/xnack>
pub(crate) fn decide_release<'a>(
    view: &View<'_>,
    key: &'a [u8],
    group: &'a [u8],
    release: &Deferred<Release>,
) -> Result<Decision<'a>, CommandError> {
    let (stream, state) = claimable(view, key, group)?;
    let release = release.as_ref().map_err(Clone::clone)?;
    let ids = release.ids.as_ref().map_err(Clone::clone)?;
    // The count that the command has given an ID so far: needed only where one may be named twice.
    let may_repeat = !ids.is_sorted_by(|one, next| one < next);
    let mut changed: BTreeMap<StreamId, u64> = BTreeMap::new();
    let mut presence = Presence::new(key, stream);
    let (mut released, mut counts) = (Ids::default(), Vec::new());
    for &id in ids {
        let before = changed.get(&id).copied();
        let before = before.or_else(|| state.pending.get(id).map(|it| it.delivery_count));
        let before = match before {
            Some(count) => count,
            None if release.force && presence.holds(id)? => 0,
            None => continue,
        };
        let count = release.count.unwrap_or(match release.mode {
            ReleaseMode::Silent => before.saturating_sub(1),
            ReleaseMode::Fail => before,
            ReleaseMode::Fatal => DELIVERY_COUNT_MAX,
        });
        released.0.push(id);
        counts.push(count);
        if may_repeat {
            changed.insert(id, count);
        }
    }
    let reply = Reply::count(released.len());
    if released.is_empty() {
        return Ok(Decision::reply(reply));
    }
    let db = view.context.db;
    Ok(Decision::change(reply, Op::Release { db, key, group, ids: released, counts }))
}
