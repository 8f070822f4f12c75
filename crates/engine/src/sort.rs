//! Rules of SORT and SORT_RO.

use std::cmp::Ordering;
use std::ops::Range;

use crate::command::{ListEnd, Sort, SortPattern};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::keyspace::Value;
use crate::op::{Op, Ops};
use crate::reply::{Reply, Shape, Strings};
use crate::score::parse_weight;
use crate::set::combine::replace;
use crate::texts::Texts;

type Decided<'a> = Result<Decision<'a>, CommandError>;

/// What one command may store, as GET can multiply what is there.
const STORED_BYTES_MAX: usize = 512 << 20;

const NO_SCORE: CommandError =
    CommandError::Fixed("ERR One or more scores can't be converted into double");

/// SORT, SORT_RO.
pub(crate) fn sort<'a>(view: &View<'_>, sort: &Sort<'a>) -> Decided<'a> {
    let mut elements = elements(view, sort)?;
    if sort.is_sorted(&elements) {
        order(view, sort, &mut elements.strings)?;
    }
    let strings = &elements.strings[limited(sort.limit, elements.strings.len())];
    match sort.store {
        Some(new_key) => store(view, sort, new_key, strings),
        None if sort.get.is_empty() => {
            Ok(Decision::reply(view.gather_strings(Shape::List, strings.iter().copied())))
        }
        None => {
            let values = strings.iter().flat_map(|element| got(view, sort, element));
            let replies = values.map(|value| value.map_or(Reply::Nil, Reply::bulk));
            Ok(Decision::reply(view.gather(replies)))
        }
    }
}

/// What is to be sorted.
struct Elements<'e> {
    strings: Vec<&'e [u8]>,
    /// They come from a set, which has no order of its own.
    are_of_set: bool,
}

impl Sort<'_> {
    /// Whether the elements are put into order. A pattern that says nothing about them leaves them as
    /// they are, but what is stored of a set shall not hang on how sets are kept.
    fn is_sorted(&self, elements: &Elements<'_>) -> bool {
        !self.is_left_alone() || elements.are_of_set && self.store.is_some()
    }

    fn is_left_alone(&self) -> bool {
        matches!(self.by, Some(SortPattern::Constant))
    }
}

fn elements<'e>(view: &View<'e>, sort: &Sort<'_>) -> Result<Elements<'e>, CommandError> {
    let mut are_of_set = false;
    let mut strings: Vec<&[u8]> = match view.entry(sort.key).map(|entry| &entry.value) {
        None => Vec::new(),
        Some(Value::List(list)) => list.iter().collect(),
        Some(Value::Set(set)) => {
            are_of_set = true;
            set.in_order().collect()
        }
        Some(Value::SortedSet(set)) => {
            set.by_rank(0..set.len()).map(|(member, _)| member).collect()
        }
        Some(_) => return Err(CommandError::WrongType),
    };
    if sort.is_left_alone() && sort.is_descending && !are_of_set {
        strings.reverse();
    }
    Ok(Elements { strings, are_of_set })
}

/// Sorts by the elements themselves, or by what the pattern BY finds for each.
fn order<'e>(
    view: &View<'e>,
    sort: &Sort<'_>,
    strings: &mut Vec<&'e [u8]>,
) -> Result<(), CommandError> {
    let directed =
        |ordering: Ordering| if sort.is_descending { ordering.reverse() } else { ordering };
    let by = match &sort.by {
        Some(SortPattern::Constant) => {
            strings.sort_unstable_by(|one, other| directed(one.cmp(other)));
            return Ok(());
        }
        by => by.as_ref(),
    };
    let weight = |element: &&'e [u8]| match by {
        Some(pattern) => look_up(view, pattern, element),
        None => Some(*element),
    };
    if sort.is_alpha {
        let mut weighed: Vec<_> =
            strings.iter().map(|element| (weight(element), *element)).collect();
        weighed.sort_by(|(one, _), (other, _)| directed(one.cmp(other)));
        *strings = weighed.into_iter().map(|(_, element)| element).collect();
        return Ok(());
    }
    let weighed: Option<Vec<(f64, &[u8])>> = strings
        .iter()
        .map(|element| Some((weight(element).map_or(Some(0.0), parse_weight)?, *element)))
        .collect();
    let mut weighed = weighed.ok_or(NO_SCORE)?;
    // No weight is NaN. Equal ones are told apart by the elements.
    weighed.sort_unstable_by(|(one, element), (other, another)| {
        let ordering = one.partial_cmp(other).unwrap_or(Ordering::Equal);
        directed(ordering.then_with(|| element.cmp(another)))
    });
    *strings = weighed.into_iter().map(|(_, element)| element).collect();
    Ok(())
}

/// The places that LIMIT lets through. A negative number of elements is no limit.
fn limited(limit: Option<(i64, i64)>, len: usize) -> Range<usize> {
    let Some((start, count)) = limit else { return 0..len };
    let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX).min(len);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    start..start.saturating_add(count).min(len)
}

/// What is answered for one element: itself, or what each pattern GET finds.
fn got<'r>(
    view: &'r View<'_>,
    sort: &'r Sort<'_>,
    element: &'r [u8],
) -> impl Iterator<Item = Option<&'r [u8]>> {
    let itself = sort.get.is_empty().then_some(Some(element));
    itself.into_iter().chain(sort.get.iter().map(move |pattern| look_up(view, pattern, element)))
}

/// What a pattern finds for an element.
fn look_up<'r>(view: &View<'r>, pattern: &SortPattern<'_>, element: &'r [u8]) -> Option<&'r [u8]> {
    let (before, behind, field) = match *pattern {
        SortPattern::Element => return Some(element),
        SortPattern::Constant => return None,
        SortPattern::Key { before, behind, field } => (before, behind, field),
    };
    let key = [before, element, behind].concat();
    match (&view.entry(&key)?.value, field) {
        (Value::String(value), None) => Some(value),
        (Value::Hash(hash), Some(field)) => hash.get(field).map(|value| &**value),
        _ => None,
    }
}

/// STORE: a list of what would have been answered, in which nothing becomes an empty string.
fn store<'a>(
    view: &View<'_>,
    sort: &Sort<'a>,
    new_key: &'a [u8],
    strings: &[&[u8]],
) -> Decided<'a> {
    let db = view.context.db;
    let mut values = Strings::default();
    for element in strings {
        for value in got(view, sort, element) {
            values.push(value.unwrap_or_default(), STORED_BYTES_MAX).ok_or(CommandError::Fixed(
                "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            ))?;
        }
    }
    let mut ops: Ops<'a> = replace(view, new_key);
    let reply = Reply::count(values.len());
    if !values.is_empty() {
        let values = Texts::Owned(values);
        ops.push(Op::ListPush { db, key: new_key, end: ListEnd::Right, values });
    }
    Ok(Decision { ops, ..Decision::reply(reply) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_cut_to_what_exists() {
        let check = |start, count, expected: Range<usize>| {
            assert_eq!(limited(Some((start, count)), 4), expected, "{start} {count}");
        };
        check(1, 2, 1..3);
        check(-1, 2, 0..2);
        check(1, -5, 1..4);
        check(10, 2, 4..4);
        check(i64::MAX, i64::MAX, 4..4);
        check(i64::MIN, i64::MAX, 0..4);
        check(0, 0, 0..0);
        assert_eq!(limited(None, 4), 0..4);
    }
}
