//! KEYS, SCAN, HSCAN, SSCAN and ZSCAN.
//!
//! A cursor is the number of places of the dense array that are still to come: the walk goes from
//! the end downwards. Keys are added at the end, behind the walk. A removal moves the last key into
//! the gap (or, in a small hash, all behind it one down): what moves goes down, to a place still to
//! come if it was not seen yet. So whatever is there from start to finish is returned, perhaps twice.

use crate::command::{Context, Deferred, ScanFilter};
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::hashes;
use crate::keyspace::Entry;
use crate::pattern::{Case, glob_matches};
use crate::reply::{Reply, Shape, Strings};
use crate::score::score_text;

/// Places visited by one call, whatever COUNT says: the engine's lock is held meanwhile.
const PLACES_MAX: u64 = 1 << 20;

/// KEYS.
pub(crate) fn keys<'a>(view: &View<'_>, pattern: &[u8]) -> Result<Decision<'a>, CommandError> {
    let Context { now, .. } = view.context;
    let db = view.db();
    view.saw(db.version);
    let matching = db
        .iter()
        .filter(|(key, _)| glob_matches(pattern, key, Case::Sensitive))
        .filter(|(_, entry)| !entry.is_expired(now))
        .map(|(key, _)| key);
    Ok(Decision::reply(view.gather_strings(Shape::List, matching)))
}

/// SCAN.
pub(crate) fn scan<'a>(
    view: &View<'_>,
    cursor: u64,
    pattern: Option<&[u8]>,
    count: u64,
    type_name: Option<&[u8]>,
) -> Result<Decision<'a>, CommandError> {
    let db = view.db();
    view.saw(db.version);
    let wanted = |key: &[u8], entry: &Entry| {
        pattern.is_none_or(|pattern| glob_matches(pattern, key, Case::Sensitive))
            && type_name
                .is_none_or(|name| name.eq_ignore_ascii_case(entry.value.type_name().as_bytes()))
            && !entry.is_expired(view.context.now)
    };
    let (places, next) = slice(cursor, count, db.len());
    let found = places
        .rev()
        .filter_map(|index| db.entry_at(index))
        .filter(|(key, entry)| wanted(key, entry))
        .map(|(key, _)| key);
    Ok(Decision::reply(page(next, view.gather_strings(Shape::List, found))))
}

/// HSCAN. A small hash comes whole, as in Redis.
pub(crate) fn hash_scan<'a>(
    view: &View<'_>,
    key: &[u8],
    cursor: u64,
    filter: &Deferred<ScanFilter<'_>>,
) -> Result<Decision<'a>, CommandError> {
    // A missing hash is an empty one, whatever the options say.
    let Some(hash) = view.hash(key)? else {
        return Ok(Decision::reply(page(0, Reply::Array(Vec::new()))));
    };
    let ScanFilter { pattern, count, names_only } = filter.clone()?;
    let (places, next) =
        if hashes::is_small(hash) { (0..hash.len(), 0) } else { slice(cursor, count, hash.len()) };
    let found = places.filter_map(|index| hash.get_index(index)).filter(|(field, _)| {
        pattern.is_none_or(|pattern| glob_matches(pattern, field, Case::Sensitive))
    });
    let elements = if names_only {
        view.gather_strings(Shape::List, found.map(|(field, _)| &field[..]))
    } else {
        view.gather_strings(Shape::List, hashes::flat(found))
    };
    Ok(Decision::reply(page(next, elements)))
}

/// SSCAN. What Redis calls an intset comes whole.
pub(crate) fn set_scan<'a>(
    view: &View<'_>,
    key: &[u8],
    cursor: u64,
    filter: &Deferred<ScanFilter<'_>>,
) -> Result<Decision<'a>, CommandError> {
    // As with HSCAN.
    let Some(set) = view.set(key)? else {
        return Ok(Decision::reply(page(0, Reply::Array(Vec::new()))));
    };
    let ScanFilter { pattern, count, .. } = filter.clone()?;
    let wanted = |member: &&[u8]| {
        pattern.is_none_or(|pattern| glob_matches(pattern, member, Case::Sensitive))
    };
    if set.is_of_integers() {
        let members = set.in_order().filter(wanted);
        return Ok(Decision::reply(page(0, view.gather_strings(Shape::List, members))));
    }
    let (places, next) = slice(cursor, count, set.len());
    let members = places.filter_map(|place| set.get(place)).filter(wanted);
    Ok(Decision::reply(page(next, view.gather_strings(Shape::List, members))))
}

/// ZSCAN. What Redis calls a listpack comes whole, in the order of the scores.
pub(crate) fn sorted_set_scan<'a>(
    view: &View<'_>,
    key: &[u8],
    cursor: u64,
    filter: &Deferred<ScanFilter<'_>>,
) -> Result<Decision<'a>, CommandError> {
    // As with HSCAN.
    let Some(set) = view.sorted_set(key)? else {
        return Ok(Decision::reply(page(0, Reply::Array(Vec::new()))));
    };
    let ScanFilter { pattern, count, .. } = filter.clone()?;
    let wanted = |(member, _): &(&[u8], f64)| {
        pattern.is_none_or(|pattern| glob_matches(pattern, member, Case::Sensitive))
    };
    if set.is_small() {
        let members = set.by_rank(0..set.len()).filter(wanted);
        return Ok(Decision::reply(page(0, scores_as_strings(view, members, small_score_text))));
    }
    let (places, next) = slice(cursor, count, set.len());
    let members = places.filter_map(|place| set.at_place(place)).filter(wanted);
    Ok(Decision::reply(page(next, scores_as_strings(view, members, score_text))))
}

/// Members and scores in turn: a walk answers no doubles, whatever the protocol.
fn scores_as_strings<'s>(
    view: &View<'_>,
    members: impl Iterator<Item = (&'s [u8], f64)>,
    text: impl Fn(f64) -> String,
) -> Reply {
    let mut gathered = Strings::default();
    let max = view.engine.reply_bytes_max;
    for (member, score) in members {
        let pushed = gathered.push(member, max);
        if pushed.and_then(|()| gathered.push(text(score).as_bytes(), max)).is_none() {
            return Reply::TooLong;
        }
    }
    Reply::Strings(gathered, Shape::List)
}

/// In a listpack, a whole number is an integer, and has no exponent.
fn small_score_text(score: f64) -> String {
    if score.fract() == 0.0 && score.abs() <= LISTPACK_INTEGER_MAX {
        return format!("{score:.0}");
    }
    score_text(score)
}

/// Largest whole number that stands in a listpack as an integer: 2^62.
const LISTPACK_INTEGER_MAX: f64 = 4_611_686_018_427_387_904.0;

/// The places to visit, to be walked downwards, and the cursor to go on with.
fn slice(cursor: u64, count: u64, len: usize) -> (std::ops::Range<usize>, usize) {
    // A cursor that we never gave out is bounded like one from before many removals.
    let end = match usize::try_from(cursor) {
        Ok(0) | Err(_) => len,
        Ok(end) => end.min(len),
    };
    let count = usize::try_from(count.clamp(1, PLACES_MAX)).expect("clamped to 2^20");
    let start = end.saturating_sub(count);
    (start..end, start)
}

/// The reply of the SCAN family: cursor and elements.
fn page(next: usize, elements: Reply) -> Reply {
    let cursor = Reply::bulk(itoa::Buffer::new().format(next).as_bytes());
    Reply::Array(vec![cursor, elements])
}
