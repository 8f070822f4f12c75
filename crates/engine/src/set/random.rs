//! Rules of the commands that choose members. The caller's draw decides.

use crate::decide::View;
use crate::draws::{DRAWN_MAX, Draws};
use crate::engine::Decision;
use crate::error::CommandError;
use crate::keys::place;
use crate::op::Op;
use crate::reply::{Reply, Shape, Strings};
use crate::texts::Texts;

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// SRANDMEMBER.
pub(crate) fn s_rand_member<'a>(
    view: &View<'_>,
    key: &[u8],
    count: Option<i64>,
    draw: u64,
) -> Decided<'a> {
    let set = view.set(key)?;
    let Some(count) = count else {
        let member = set.and_then(|set| set.get(place(draw, set.len())));
        return Ok(Decision::reply(member.map_or(Reply::Nil, |member| view.bulk(member))));
    };
    let Some(set) = set else { return Ok(Decision::reply(Reply::Array(Vec::new()))) };
    if count < 0 && DRAWN_MAX < count.unsigned_abs() {
        return Err(CommandError::Fixed("ERR value is out of range"));
    }
    let places = if count < 0 {
        Draws(draw).places(set.len(), count.unsigned_abs())
    } else {
        Draws(draw).distinct_places(set.len(), usize::try_from(count).unwrap_or(usize::MAX))
    };
    let members = places.into_iter().filter_map(|place| set.get(place));
    Ok(Decision::reply(view.gather_strings(Shape::List, members)))
}

/// SPOP: as many members as asked for, or one. The operation names those that were drawn.
pub(crate) fn s_pop<'a>(
    view: &View<'_>,
    key: &'a [u8],
    count: Option<u64>,
    draw: u64,
) -> Decided<'a> {
    let db = view.context.db;
    let set = view.set(key)?;
    let Some(count) = count else {
        let member = set.and_then(|set| set.get(place(draw, set.len())));
        let Some(member) = member else { return Ok(Decision::reply(Reply::Nil)) };
        let members = Texts::Owned(std::iter::once(member).collect());
        return Ok(Decision::change(view.bulk(member), Op::SetRemove { db, key, members }));
    };
    let Some(set) = set.filter(|_| count != 0) else {
        return Ok(Decision::reply(Reply::Strings(Strings::default(), Shape::Set)));
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if set.len() <= count {
        let all = view.gather_strings(Shape::Set, set.in_order());
        return Ok(Decision::change(all, Op::Delete { db, key }));
    }
    let places = Draws(draw).distinct_places(set.len(), count);
    let drawn: Strings = places.into_iter().filter_map(|place| set.get(place)).collect();
    let reply = view.gather_strings(Shape::Set, drawn.iter());
    let members = Texts::Owned(drawn);
    Ok(Decision::change(reply, Op::SetRemove { db, key, members }))
}
