//! Rules of the commands that look into a list.

use super::{List, resolve, resolve_range};
use crate::command::{Deferred, ListSearch};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::reply::{Reply, Shape};

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// LLEN.
pub(crate) fn l_len<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(Reply::count(view.list(key)?.map_or(0, List::len))))
}

/// LRANGE.
pub(crate) fn l_range<'a>(view: &View<'_>, key: &[u8], start: i64, stop: i64) -> Decided<'a> {
    let Some(list) = view.list(key)? else { return Ok(Decision::reply(Reply::Array(Vec::new()))) };
    let values = list.range(resolve_range(start, stop, list.len()));
    Ok(Decision::reply(view.gather_strings(Shape::List, values)))
}

/// LINDEX.
pub(crate) fn l_index<'a>(view: &View<'_>, key: &[u8], index: &Deferred<i64>) -> Decided<'a> {
    let Some(list) = view.list(key)? else { return Ok(Decision::reply(Reply::Nil)) };
    let value = resolve(index.clone()?, list.len()).and_then(|index| list.get(index));
    Ok(Decision::reply(value.map_or(Reply::Nil, |value| view.bulk(value))))
}

/// LPOS.
pub(crate) fn l_pos<'a>(view: &View<'_>, key: &[u8], search: &ListSearch<'_>) -> Decided<'a> {
    let ListSearch { value, rank, count, compared_max } = *search;
    let limit = |number: u64| match usize::try_from(number) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(number) => number,
    };
    let list = view.list(key)?;
    let found: Vec<usize> = list.map_or(Vec::new(), |list| {
        let last = list.len().saturating_sub(1);
        let is_match = |(_, found): &(usize, &[u8])| *found == value;
        // The smallest rank that exists finds the first match from the end, as in Redis.
        let passed_over = rank.checked_abs().map_or(0, |rank| rank.saturating_sub(1));
        let passed_over = usize::try_from(passed_over).unwrap_or(usize::MAX);
        let wanted = limit(count.unwrap_or(1));
        let compared = limit(compared_max);
        if rank < 0 {
            let places = list.iter().rev().enumerate().take(compared).filter(is_match);
            places.skip(passed_over).take(wanted).map(|(place, _)| last - place).collect()
        } else {
            let places = list.iter().enumerate().take(compared).filter(is_match);
            places.skip(passed_over).take(wanted).map(|(place, _)| place).collect()
        }
    });
    Ok(Decision::reply(match count {
        Some(_) => view.gather(found.into_iter().map(Reply::count)),
        None => found.first().map_or(Reply::Nil, |place| Reply::count(*place)),
    }))
}
