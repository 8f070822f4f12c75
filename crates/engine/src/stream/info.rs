//! The rule of XINFO STREAM.

use crate::command::{Deferred, InfoDetail, Order};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::group;
use crate::id::StreamId;
use crate::reply::Reply;
use crate::stream::idmp::Idmp;

/// <https://redis.io/commands/xinfo-stream>
pub(crate) fn xinfo_stream<'a>(
    view: &View<'_>,
    key: &[u8],
    detail: &Deferred<InfoDetail>,
) -> Result<Decision<'a>, CommandError> {
    let stream = view.stream(key)?.ok_or(CommandError::NoSuchKey)?;
    let detail = detail.clone()?;
    let blocks = stream.block_count();
    let mut pairs = vec![
        (Reply::text("length"), Reply::count(stream.length)),
        (Reply::text("radix-tree-keys"), Reply::count(blocks)),
        // The blocks, and the list that holds them.
        (Reply::text("radix-tree-nodes"), Reply::count(blocks + 1)),
        (Reply::text("last-generated-id"), Reply::Id(stream.last_id)),
        (Reply::text("max-deleted-entry-id"), Reply::Id(stream.max_deleted_id)),
        (Reply::text("entries-added"), Reply::count(stream.entries_added)),
        (Reply::text("recorded-first-entry-id"), Reply::Id(stream.first_id)),
    ];
    let unused = Idmp::default();
    pairs.extend(stream.idmp.as_deref().unwrap_or(&unused).info(view.context.now));
    let entries = |order, count| stream.range(key, StreamId::MIN, StreamId::MAX, order, count);
    match detail {
        InfoDetail::Summary => {
            let end = |order| Reply::EntryOrNil(entries(order, Some(1)));
            pairs.extend([
                (Reply::text("groups"), Reply::count(stream.groups.len())),
                (Reply::text("first-entry"), end(Order::Ascending)),
                (Reply::text("last-entry"), end(Order::Descending)),
            ]);
        }
        InfoDetail::Full { count } => pairs.extend([
            (Reply::text("entries"), Reply::Entries(entries(Order::Ascending, count))),
            (Reply::text("groups"), group::full_info(stream, count)),
        ]),
    }
    Ok(Decision::reply(Reply::Map(pairs)))
}
