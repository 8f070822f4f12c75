//! Rules of the commands that look into one set.

use super::Set;
use crate::decide::View;
use crate::engine::Decision;
use crate::error::CommandError;
use crate::reply::{Reply, Shape};

type Decided<'a> = Result<Decision<'a>, CommandError>;

fn flag(is_true: bool) -> Reply {
    Reply::Integer(i64::from(is_true))
}

/// SCARD.
pub(crate) fn s_card<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(Reply::count(view.set(key)?.map_or(0, Set::len))))
}

/// SMEMBERS.
pub(crate) fn s_members<'a>(view: &View<'_>, key: &[u8]) -> Decided<'a> {
    let members = view.set(key)?.into_iter().flat_map(Set::in_order);
    Ok(Decision::reply(view.gather_strings(Shape::Set, members)))
}

/// SISMEMBER.
pub(crate) fn s_is_member<'a>(view: &View<'_>, key: &[u8], member: &[u8]) -> Decided<'a> {
    Ok(Decision::reply(flag(view.set(key)?.is_some_and(|set| set.contains(member)))))
}

/// SMISMEMBER.
pub(crate) fn s_m_is_member<'a>(view: &View<'_>, key: &[u8], members: &[&[u8]]) -> Decided<'a> {
    let set = view.set(key)?;
    let flags = members.iter().map(|member| flag(set.is_some_and(|set| set.contains(member))));
    Ok(Decision::reply(view.gather(flags)))
}
