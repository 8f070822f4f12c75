//! Lists, sets and sorted sets as items, and back.

use super::{ITEM_BYTES, Item};
use crate::command::ListEnd;
use crate::keyspace::Value;
use crate::list::List;
use crate::set::Set;
use crate::sorted_set::SortedSet;
use crate::texts::Texts;

pub(super) fn list_items(list: &List) -> impl Iterator<Item = Item<'_>> {
    parts(list.iter()).map(|values| Item::ListValues { values })
}

pub(super) fn set_items(set: &Set) -> impl Iterator<Item = Item<'_>> {
    parts(set.iter()).map(|members| Item::SetMembers { members })
}

/// Strings in parts that are not large, unless a single string is.
fn parts<'c>(strings: impl Iterator<Item = &'c [u8]>) -> impl Iterator<Item = Texts<'c>> {
    let mut strings = strings.peekable();
    std::iter::from_fn(move || {
        strings.peek()?;
        let mut part = Vec::new();
        let mut bytes = 0;
        while let Some(string) = strings.next_if(|_| bytes < ITEM_BYTES) {
            part.push(string);
            // A word for each string bounds the items of many empty ones.
            bytes += string.len() + size_of::<&[u8]>();
        }
        Some(Texts::Collected(part))
    })
}

pub(super) fn sorted_set_items(set: &SortedSet) -> impl Iterator<Item = Item<'_>> {
    let mut pairs = set.unsorted().peekable();
    std::iter::from_fn(move || {
        pairs.peek()?;
        let (mut members, mut scores) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        while let Some((member, score)) = pairs.next_if(|_| bytes < ITEM_BYTES) {
            members.push(member);
            scores.push(score);
            bytes += member.len() + size_of::<&[u8]>() + size_of::<f64>();
        }
        Some(Item::SortedSetMembers { scores, members: Texts::Collected(members) })
    })
}

/// Takes values into the list that is being loaded.
pub(super) fn push_values(value: &mut Value, values: &Texts<'_>) -> Result<(), &'static str> {
    let Value::List(list) = value else { return Err("values outside a list") };
    list.push_all(ListEnd::Right, values);
    Ok(())
}

/// Takes members into the set that is being loaded.
pub(super) fn push_members(value: &mut Value, members: &Texts<'_>) -> Result<(), &'static str> {
    let Value::Set(set) = value else { return Err("members outside a set") };
    let mut members = members.iter();
    if members.all(|member| set.insert(member)) { Ok(()) } else { Err("a member twice in one set") }
}

/// Takes members into the sorted set that is being loaded.
pub(super) fn push_scored(
    value: &mut Value,
    scores: &[f64],
    members: &Texts<'_>,
) -> Result<(), &'static str> {
    let Value::SortedSet(set) = value else { return Err("scores outside a sorted set") };
    if scores.len() != members.len() {
        return Err("as many scores as members make a sorted set");
    }
    let was_small = set.is_small();
    for (member, score) in members.iter().zip(scores) {
        if score.is_nan() {
            return Err("a score that is no number");
        }
        if set.score(member).is_some() {
            return Err("a member twice in one sorted set");
        }
        set.insert(member, *score);
    }
    if was_small && !set.is_small() { Err("a small sorted set that is large") } else { Ok(()) }
}
