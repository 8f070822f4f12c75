//! Deciding a trim: which blocks go whole, and how far the one in front is cut.

use super::{Damage, Node, Stream};
use crate::command::{Trim, TrimKeep, TrimPrecision};
use crate::engine::Settings;
use crate::id::StreamId;
use crate::op::Op;

/// What a trim comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrimPlan {
    /// Entries that go, at least one.
    pub(crate) removed: u64,
    /// Every entry below goes, and none above.
    pub(crate) before: StreamId,
    front_slots: u32,
    first_id: StreamId,
}

/// An entry that is about to be appended, and is trimmed with the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    pub(crate) id: StreamId,
    /// It begins a new block.
    pub(crate) seals: bool,
}

/// A block as it will stand after the append.
#[derive(Debug, Clone)]
pub(super) struct Planned<'s> {
    node: Option<Node<'s>>,
    appended: Option<StreamId>,
}

/// Where the block in front is cut.
struct Cut {
    front_slots: u32,
    removed: u64,
    first_id: StreamId,
}

/// How many entries one trim may remove.
pub(super) fn limit_of(precision: TrimPrecision, settings: Settings) -> u64 {
    match precision {
        TrimPrecision::Exact | TrimPrecision::Approximate { limit: Some(0) } => u64::MAX,
        TrimPrecision::Approximate { limit } => limit.unwrap_or(limit_default(settings)),
    }
}

/// LIMIT when `~` comes without it: a hundred blocks, between bounds, as in Redis.
fn limit_default(settings: Settings) -> u64 {
    match settings.block_entries_max.saturating_mul(100) {
        0 => 10_000,
        limit => limit.min(1_000_000),
    }
}

impl TrimPlan {
    /// Decides a trim, after the append of `appended`; `None` if nothing goes. Entries from `ceiling`
    /// on stay in any case.
    ///
    /// A damaged block goes whole or not at all: a stream that is kept short by XADD shall not
    /// refuse new entries because of an old one. So more than asked for may stay for a while.
    pub(crate) fn decide(
        stream: Option<&Stream>,
        appended: Option<Appended>,
        trim: Trim,
        settings: Settings,
        ceiling: Option<StreamId>,
    ) -> Option<Self> {
        let limit = limit_of(trim.precision, settings);
        let length = stream.map_or(0, Stream::length) + u64::from(appended.is_some());
        let mut removed = 0;
        let mut last = None;
        for node in planned(stream, appended) {
            let excess = match trim.keep {
                TrimKeep::MaxLen(max) => (length - removed).saturating_sub(max),
                TrimKeep::MinId(_) => u64::MAX,
            };
            let is_whole = node.may_go(trim, excess);
            let is_free = ceiling.is_none_or(|ceiling| node.ends_below(ceiling));
            if is_whole && is_free && node.live() <= limit - removed {
                removed += node.live();
                last = Some(node);
                continue;
            }
            // The walk ends at this block: it stays, if not uncut.
            let cut = match trim.precision {
                TrimPrecision::Exact => node.cut(excess, trim.keep, ceiling).ok(),
                TrimPrecision::Approximate { .. } => None,
            };
            return Self::with_front(removed, node, cut);
        }
        Self::of_everything(removed, last?)
    }

    fn with_front(removed: u64, front: Planned<'_>, cut: Option<Cut>) -> Option<Self> {
        let cut = cut.unwrap_or_else(|| front.uncut());
        let removed = removed + cut.removed;
        let Cut { front_slots, first_id, .. } = cut;
        (removed != 0).then_some(Self { removed, before: first_id, front_slots, first_id })
    }

    fn of_everything(removed: u64, last: Planned<'_>) -> Option<Self> {
        // Nothing lies above the last possible ID, so its block goes slot by slot.
        let (before, front_slots) = match last.last_slot().next() {
            Some(before) => (before, 0),
            None => (StreamId::MAX, last.slots()),
        };
        Some(Self { removed, before, front_slots, first_id: StreamId::MIN })
    }

    /// The oldest live entry afterwards.
    pub(super) fn first_id(&self) -> Option<StreamId> {
        Some(self.first_id).filter(|id| *id != StreamId::MIN)
    }

    /// The operation.
    pub(crate) fn op<'a>(self, db: u8, key: &'a [u8]) -> Op<'a> {
        let Self { before, front_slots, first_id, .. } = self;
        Op::StreamTrim { db, key, before, front_slots, first_id }
    }
}

/// The blocks as they will stand after the append, oldest first.
pub(super) fn planned<'s>(
    stream: Option<&'s Stream>,
    appended: Option<Appended>,
) -> impl Iterator<Item = Planned<'s>> {
    let blocks = stream.into_iter().flat_map(|stream| stream.blocks.iter());
    let tail = stream.map(|stream| &stream.tail).filter(|tail| !tail.is_empty());
    let joins = tail.is_some() && appended.is_some_and(|appended| !appended.seals);
    let id = appended.map(|appended| appended.id);
    let of = |node, appended| Planned { node, appended };
    let tail = tail.map(|tail| of(Some(Node::Tail(tail)), id.filter(|_| joins)));
    let new = id.filter(|_| !joins).map(|id| of(None, Some(id)));
    blocks.map(move |block| of(Some(Node::Block(block)), None)).chain(tail).chain(new)
}

impl Planned<'_> {
    /// Whether the threshold lets the whole block go, `excess` entries being too many.
    pub(super) fn may_go(&self, trim: Trim, excess: u64) -> bool {
        match trim.keep {
            TrimKeep::MaxLen(_) => self.live() <= excess,
            TrimKeep::MinId(min) => match trim.precision {
                TrimPrecision::Exact => self.ends_below(min),
                // As Redis does it, a deleted entry at the end keeps its block.
                TrimPrecision::Approximate { .. } => self.last_slot() < min,
            },
        }
    }

    fn live(&self) -> u64 {
        let live = self.node.as_ref().map_or(0, |node| node.span().live);
        u64::from(live) + u64::from(self.appended.is_some())
    }

    fn slots(&self) -> u32 {
        self.node.as_ref().map_or(0, |node| node.span().slots) + u32::from(self.appended.is_some())
    }

    pub(super) fn last_slot(&self) -> StreamId {
        let node = self.node.as_ref().map_or(StreamId::MIN, |node| node.span().last);
        self.appended.unwrap_or(node)
    }

    /// Whether every live entry lies below `min`. Looks at the slots only where it must.
    fn ends_below(&self, min: StreamId) -> bool {
        if self.last_slot() < min {
            return true;
        }
        match &self.node {
            Some(node) if self.appended.is_none() && node.span().first < min => {
                node.last_live().is_ok_and(|last| last < min)
            }
            _ => false,
        }
    }

    /// The live slots as ID and index.
    pub(super) fn live_slots(
        self,
    ) -> Result<impl Iterator<Item = Result<(StreamId, u32), Damage>>, Damage> {
        let appended = self.appended.map(|id| Ok((id, self.slots() - 1)));
        let slots = self.node.map(Node::live_ids).transpose()?;
        Ok(slots.into_iter().flatten().chain(appended))
    }

    /// Cuts off up to `excess` entries that `keep` does not want, below `ceiling`.
    fn cut(&self, excess: u64, keep: TrimKeep, ceiling: Option<StreamId>) -> Result<Cut, Damage> {
        for (removed, slot) in (0..).zip(self.clone().live_slots()?) {
            let (id, index) = slot?;
            let stays = match keep {
                TrimKeep::MaxLen(_) => removed == excess,
                TrimKeep::MinId(min) => min <= id,
            };
            if stays || ceiling.is_some_and(|ceiling| ceiling <= id) {
                let front_slots = if removed == 0 { 0 } else { index };
                return Ok(Cut { front_slots, removed, first_id: id });
            }
        }
        // A block that goes whole never comes here, unless its bytes lie.
        Ok(self.uncut())
    }

    /// The block stays as it is.
    fn uncut(&self) -> Cut {
        Cut { front_slots: 0, removed: 0, first_id: self.first_live() }
    }

    /// The oldest live entry; of a block that is damaged, its first slot stands for it.
    pub(super) fn first_live(&self) -> StreamId {
        let first_slot = self.node.as_ref().map(|node| node.span().first).or(self.appended);
        let first_live = match &self.node {
            Some(node) if !node.span().is_live(0) => self
                .clone()
                .live_slots()
                .ok()
                .and_then(|mut slots| slots.next())
                .and_then(Result::ok),
            _ => None,
        };
        first_live.map(|(id, _)| id).or(first_slot).unwrap_or_default()
    }
}
