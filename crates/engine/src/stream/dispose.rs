//! XDELEX and XACKDEL: deletion that looks at what the groups make of the entry.

use std::collections::{BTreeMap, BTreeSet};

use super::{Damage, Stream, references};
use crate::command::{Deferred, Disposal, References};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::StreamId;
use crate::op::{Ids, Op};
use crate::reply::Reply;

/// There is no such entry, or it is not pending.
const MISSING: Reply = Reply::Integer(-1);
const DONE: Reply = Reply::Integer(1);
/// ACKED: a group still needs the entry.
const NEEDED: Reply = Reply::Integer(2);

/// <https://redis.io/commands/xdelex>
pub(crate) fn xdelex<'a>(
    view: &View<'_>,
    key: &'a [u8],
    disposal: &Deferred<Disposal>,
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?;
    let disposal = disposal.as_ref().map_err(Clone::clone)?;
    let Some(stream) = stream else { return Ok(all_missing(disposal)) };
    let asked = disposal.ids.as_ref().map_err(Clone::clone)?;
    let sorted: BTreeSet<StreamId> = asked.iter().copied().collect();
    let mut removal = Removal::of(key, stream, &sorted)?;
    let mut results = Vec::with_capacity(asked.len());
    for &id in asked {
        results.push(if !removal.is_live(id) {
            MISSING
        } else if disposal.references == References::Acknowledged && !stream.is_finished(id) {
            NEEDED
        } else {
            removal.remove(id);
            DONE
        });
    }
    let mut decision = Decision::reply(Reply::Array(results));
    decision.ops.extend(removal.op(view, key)?);
    if disposal.references == References::Delete {
        // Also for entries that were gone before.
        let ids = sorted.into_iter().collect();
        decision.ops.extend(references::forget(view, key, stream, StreamId::MIN, ids));
    }
    Ok(decision)
}

/// <https://redis.io/commands/xackdel>
pub(crate) fn xackdel<'a>(
    view: &View<'_>,
    key: &'a [u8],
    name: &'a [u8],
    disposal: &Deferred<Disposal>,
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?;
    let disposal = disposal.as_ref().map_err(Clone::clone)?;
    let found = stream.and_then(|stream| Some((stream, stream.groups.get(name)?)));
    let Some((stream, group)) = found else { return Ok(all_missing(disposal)) };
    let asked = disposal.ids.as_ref().map_err(Clone::clone)?;
    let acked: BTreeSet<StreamId> =
        asked.iter().copied().filter(|id| group.is_pending(*id)).collect();
    let mut removal = Removal::of(key, stream, &acked)?;
    // This group is done with what it acknowledges, unless it was set back to read it again.
    let is_needed = |id| {
        let others = stream.groups.iter().filter(|(other, _)| &***other != name);
        group.last_delivered() < id || others.into_iter().any(|(_, other)| !other.has_finished(id))
    };
    let mut left = acked.clone();
    let mut results = Vec::with_capacity(asked.len());
    for &id in asked {
        results.push(if !left.remove(&id) {
            MISSING
        } else if disposal.references == References::Acknowledged
            && removal.is_live(id)
            && is_needed(id)
        {
            NEEDED
        } else {
            removal.remove(id);
            DONE
        });
    }
    let mut decision = Decision::reply(Reply::Array(results));
    let ids: Ids = acked.into_iter().collect();
    if ids.is_empty() {
        return Ok(decision);
    }
    decision.ops.push(Op::Ack { db: view.context.db, key, group: name, ids: ids.clone() });
    decision.ops.extend(removal.op(view, key)?);
    if disposal.references == References::Delete {
        decision.ops.extend(references::forget(view, key, stream, StreamId::MIN, ids));
    }
    Ok(decision)
}

/// Key or group is missing: nobody looks at the IDs.
fn all_missing<'a>(disposal: &Disposal) -> Decision<'a> {
    Decision::reply(Reply::Array(vec![MISSING; disposal.count]))
}

/// Which of some entries are removed from a stream.
struct Removal<'e> {
    stream: &'e Stream,
    /// Slots of the live ones.
    live: BTreeMap<StreamId, u32>,
    removed: BTreeMap<StreamId, u32>,
}

impl<'e> Removal<'e> {
    fn of(key: &[u8], stream: &'e Stream, ids: &BTreeSet<StreamId>) -> Result<Self, CommandError> {
        let sorted: Vec<StreamId> = ids.iter().copied().collect();
        let found = stream.slots_of(&sorted).map_err(|damage: Damage| damage.of(key))?;
        let (ids, slots) = found;
        let live = ids.iter().copied().zip(slots).collect();
        Ok(Self { stream, live, removed: BTreeMap::new() })
    }

    fn is_live(&self, id: StreamId) -> bool {
        self.live.contains_key(&id)
    }

    fn remove(&mut self, id: StreamId) {
        self.removed.extend(self.live.remove_entry(&id));
    }

    fn op<'a>(self, view: &View<'_>, key: &'a [u8]) -> Result<Option<Op<'a>>, CommandError> {
        let Some((&highest, _)) = self.removed.last_key_value() else { return Ok(None) };
        let (ids, slots): (Vec<StreamId>, Vec<u32>) = self.removed.into_iter().unzip();
        let first_id = self.stream.first_id_without(&ids).map_err(|damage| damage.of(key))?;
        let max_deleted_id = self.stream.max_deleted_id.max(highest);
        let (db, ids) = (view.context.db, ids.into_iter().collect());
        Ok(Some(Op::StreamDelete { db, key, ids, slots, first_id, max_deleted_id }))
    }
}
