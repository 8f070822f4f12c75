//! Lists and sets as items, and back.

use super::{ITEM_BYTES, Item};
use crate::command::ListEnd;
use crate::keyspace::Value;
use crate::list::List;
use crate::set::Set;
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
