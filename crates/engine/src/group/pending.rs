//! XPENDING: who owes what.

use std::sync::Arc;

use bytes::Bytes;

use super::{Group, Pending, claimable};
use crate::command::PendingRange;
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::id::StreamId;
use crate::reply::Reply;

/// What XPENDING tells about one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRow {
    /// The entry.
    pub id: StreamId,
    /// Whose it is; `None` for nobody's, which is told as the empty name and -1.
    pub owner: Option<Arc<[u8]>>,
    /// Milliseconds since its delivery.
    pub idle_ms: u64,
    /// How many times it was delivered.
    pub delivery_count: u64,
}

impl PendingRow {
    /// The encoded row is never shorter: an array of an ID, a name and two numbers.
    fn bytes_min(&self) -> usize {
        "*4\r\n$3\r\n0-1\r\n$0\r\n\r\n:0\r\n:0\r\n".len()
            + self.owner.as_ref().map_or(0, |name| name.len())
    }
}

/// <https://redis.io/commands/xpending>
pub(crate) fn decide_pending<'a>(
    view: &View<'_>,
    key: &[u8],
    group: &[u8],
    range: Option<PendingRange<'_>>,
) -> Result<Decision<'a>, CommandError> {
    let (_, state) = claimable(view, key, group)?;
    Ok(Decision::reply(match range {
        None => summary(state),
        Some(range) => listing(view, state, range),
    }))
}

fn summary(group: &Group) -> Reply {
    let (Some(first), Some(last)) = (group.pending.first_id(), group.pending.last_id()) else {
        return Reply::Array(vec![Reply::Integer(0), Reply::Nil, Reply::Nil, Reply::NilArray]);
    };
    let debtors = group.consumers.iter().filter(|consumer| !consumer.pending.is_empty());
    let rows = debtors.map(|consumer| {
        // Redis gives this one count as text.
        let count = Reply::Bulk(Bytes::from(consumer.pending.len().to_string()));
        Reply::Array(vec![Reply::bulk(&consumer.name), count])
    });
    Reply::Array(vec![
        Reply::count(group.pending.len()),
        Reply::Id(first),
        Reply::Id(last),
        Reply::Array(rows.collect()),
    ])
}

fn listing(view: &View<'_>, group: &Group, range: PendingRange<'_>) -> Reply {
    let start = range.range.start;
    match range.consumer {
        None => rows(view, group, range, group.pending.iter_from(start)),
        Some(name) => {
            let Some(consumer) = group.consumers.by_name(name) else {
                return Reply::Array(Vec::new());
            };
            let owed = consumer.pending.iter_from(start).map(|(id, ())| {
                (id, group.pending.get(id).expect("what a consumer owes is pending"))
            });
            rows(view, group, range, owed)
        }
    }
}

impl Group {
    /// The owner's name, empty where there is none.
    pub(super) fn owner_name(&self, pending: Pending) -> Reply {
        pending.owner.map_or(Reply::text(""), |owner| Reply::bulk(&self.consumers.at(owner).name))
    }
}

fn rows(
    view: &View<'_>,
    group: &Group,
    range: PendingRange<'_>,
    entries: impl Iterator<Item = (StreamId, Pending)>,
) -> Reply {
    let now = view.context.now;
    let count = usize::try_from(range.count).unwrap_or(0);
    let mut left = view.reply_bytes_max();
    let rows = entries
        .take_while(|(id, _)| *id <= range.range.end)
        .filter(|(_, pending)| pending.is_claimable(range.idle_min_ms, now))
        .take(count)
        .map(|(id, pending)| {
            let owner = pending.owner.map(|owner| group.consumers.at(owner).name.clone());
            let (idle_ms, delivery_count) = (pending.idle_ms(now), pending.delivery_count);
            let row = PendingRow { id, owner, idle_ms, delivery_count };
            left = left.checked_sub(row.bytes_min())?;
            Some(row)
        });
    rows.collect::<Option<_>>().map_or(Reply::TooLong, Reply::Pending)
}
