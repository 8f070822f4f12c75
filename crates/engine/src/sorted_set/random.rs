//! ZRANDMEMBER. The caller's draw decides.

use super::SortedSet;
use super::command::Direction;
use super::read::walk;
use crate::decide::View;
use crate::draws::{DRAWN_MAX, Draws};
use crate::engine::Decision;
use crate::error::CommandError;
use crate::keys::place;
use crate::reply::{Nesting, Reply, Shape};

/// ZRANDMEMBER.
pub(crate) fn z_rand_member<'a>(
    view: &View<'_>,
    key: &[u8],
    count: Option<i64>,
    with_scores: bool,
    draw: u64,
) -> Result<Decision<'a>, CommandError> {
    let set = view.sorted_set(key)?;
    let Some(count) = count else {
        let member = set.and_then(|set| set.at_place(place(draw, set.len())));
        return Ok(Decision::reply(member.map_or(Reply::Nil, |(member, _)| view.bulk(member))));
    };
    let Some(set) = set else { return Ok(Decision::reply(Reply::Array(Vec::new()))) };
    if count < 0 && DRAWN_MAX < count.unsigned_abs() {
        return Err(CommandError::Fixed("ERR value is out of range"));
    }
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    if 0 <= count && set.len() <= wanted {
        // All of them: no choice, and Redis's order.
        let all = walk(set, 0..set.len(), Direction::Reverse);
        return Ok(Decision::reply(answer(view, all, with_scores)));
    }
    let places = if count < 0 {
        Draws(draw).places(set.len(), count.unsigned_abs())
    } else {
        Draws(draw).distinct_places(set.len(), wanted)
    };
    Ok(Decision::reply(answer(view, drawn(set, places), with_scores)))
}

fn drawn(set: &SortedSet, places: Vec<usize>) -> impl Iterator<Item = (&[u8], f64)> {
    places.into_iter().filter_map(|place| set.at_place(place))
}

fn answer<'s>(
    view: &View<'_>,
    members: impl Iterator<Item = (&'s [u8], f64)>,
    with_scores: bool,
) -> Reply {
    if with_scores {
        view.gather_scored(Nesting::ByProtocol, members)
    } else {
        view.gather_strings(Shape::List, members.map(|(member, _)| member))
    }
}
