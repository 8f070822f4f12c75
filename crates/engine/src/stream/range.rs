//! Reading entries: what is taken under the lock, and how it is decoded after it.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::block::{Block, Span, checked_slots};
use super::body::Window;
use super::slots::{Malformed, Names, Pairs, Place, Slot, Slots};
use super::tail::Tail;
use super::{Body, Damage, Node, Stream};
use crate::command::Order;
use crate::error::CommandError;
use crate::id::StreamId;

/// Entries of one stream, still in their blocks: cheap to take under the lock, decoded and checked
/// after it.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRange {
    key: Box<[u8]>,
    /// In the order of visiting.
    runs: Vec<Run>,
    select: Select,
    count_max: u64,
}

#[derive(Debug, Clone, PartialEq)]
enum Select {
    Range {
        start: StreamId,
        end: StreamId,
        order: Order,
    },
    /// IDs, each with its place in `runs`, if it can be anywhere.
    Picked(Vec<(StreamId, Option<usize>)>),
}

/// Slots of one block, as they were when the range was taken.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    span: Span,
    body: Body,
    source: Source,
}

#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// The whole of a sealed block, header included.
    Sealed { number: u64 },
    /// A copy out of the tail: a first slot (for the names), then the slots from `start` to before
    /// the slot `end_index`.
    Copied { start: Place, end_index: u32 },
}

impl Stream {
    /// The live entries from `start` to `end` inclusive, at most `count`.
    pub(crate) fn range(
        &self,
        key: &[u8],
        start: StreamId,
        end: StreamId,
        order: Order,
        count: Option<u64>,
    ) -> EntryRange {
        let count = count.unwrap_or(u64::MAX);
        let mut runs = Vec::new();
        // Entries that the range holds for certain, and at most.
        let (mut certain, mut possible) = (0, 0);
        let mut take = |node: Node<'_>| {
            let left = count - certain;
            let span = node.span();
            possible += u64::from(span.live);
            if start <= span.first && span.last <= end {
                certain += u64::from(span.live);
            }
            runs.push(Run::of_range(node, start, end, order, left));
            certain < count
        };
        if start <= end && count != 0 {
            let nodes = self.nodes_from(start);
            match order {
                Order::Ascending => {
                    nodes.take_while(|node| node.span().first <= end).all(&mut take)
                }
                // The blocks above the end are skipped by a search, not one by one.
                Order::Descending => self
                    .nodes_up_to(end)
                    .take_while(|node| start <= node.span().last)
                    .all(&mut take),
            };
        }
        let select = Select::Range { start, end, order };
        EntryRange { key: key.into(), runs, select, count_max: possible.min(count) }
    }

    /// These entries in this order. One that is gone is visited as such (XREADGROUP's history
    /// answers null for it).
    pub(crate) fn pick(&self, key: &[u8], ids: &[StreamId]) -> EntryRange {
        let mut runs: Vec<Run> = Vec::new();
        let picked = ids.iter().map(|&id| {
            // Neighbours mostly lie in the same block.
            if !runs.last().is_some_and(|run| run.span.reaches_over(id)) {
                let node = self.nodes_from(id).next().filter(|node| node.span().reaches_over(id));
                let Some(node) = node else { return (id, None) };
                runs.push(Run::of_whole(node));
            }
            (id, Some(runs.len() - 1))
        });
        let select = Select::Picked(picked.collect());
        EntryRange { key: key.into(), runs, select, count_max: ids.len() as u64 }
    }
}

impl Run {
    /// What a range needs of a block; `left` is how many entries it still wants.
    fn of_range(node: Node<'_>, start: StreamId, end: StreamId, order: Order, left: u64) -> Self {
        match node {
            Node::Block(block) => Self::of_block(block.into_owned()),
            Node::Tail(tail) => Self::of_tail(tail, start, end, order, left),
        }
    }

    fn of_whole(node: Node<'_>) -> Self {
        let (start, end) = (StreamId::MIN, StreamId::MAX);
        Self::of_range(node, start, end, Order::Ascending, u64::MAX)
    }

    fn of_block(block: Block) -> Self {
        let Block { number, span, body } = block;
        Self { span, body, source: Source::Sealed { number } }
    }

    /// Copies no more slots than needed: the tail may hold huge entries, and the lock is held.
    fn of_tail(tail: &Tail, start: StreamId, end: StreamId, order: Order, left: u64) -> Self {
        let span = &tail.span;
        let skipped_live = match order {
            Order::Descending if span.last <= end => u64::from(span.live).saturating_sub(left),
            _ => 0,
        };
        let mut slots = tail.slots();
        let mut from = slots.place();
        let mut until = from;
        let mut live = 0;
        while let Some(Ok(slot)) = slots.next() {
            if end < slot.id || (order == Order::Ascending && live == left) {
                break;
            }
            let is_skipped = slot.id < start || live < skipped_live;
            until = slots.place();
            if is_skipped {
                from = until;
            }
            let is_counted = start <= slot.id || order == Order::Descending;
            live += u64::from(is_counted && span.is_live(slot.index));
        }
        let mut bytes = Vec::with_capacity(until.offset - from.offset);
        let mut start = from;
        if from.index != 0 {
            tail.names().put_stub(&mut bytes);
            start.offset = bytes.len();
        }
        bytes.extend_from_slice(&tail.bytes[from.offset..until.offset]);
        let source = Source::Copied { start, end_index: until.index };
        Self { span: span.clone(), body: Body::Memory(bytes.into()), source }
    }

    /// The names and the slots in `bytes`, which are those that [`Opener::bytes`] gave for this run.
    fn open<'b>(&self, bytes: &'b Bytes) -> Result<(Names<'b>, Slots<'b>), Damage> {
        let first = self.span.first;
        let slots = match self.source {
            Source::Sealed { .. } => Slots::new(bytes, first, self.span.slots),
            Source::Copied { start, end_index } => Slots::between(bytes, first, start, end_index),
        };
        let names = Names::of_slots(bytes).map_err(|_| self.damage())?;
        Ok((names, slots))
    }

    fn damage(&self) -> Damage {
        Damage::malformed(&self.span, Some(&self.body))
    }
}

/// Fetches and checks the bytes of runs, those of neighbours together.
struct Opener<'r> {
    runs: &'r [Run],
    window: Window,
}

impl<'r> Opener<'r> {
    fn new(runs: &'r [Run]) -> Self {
        Self { runs, window: Window::default() }
    }

    /// The bytes of the slots of a run.
    fn bytes(&mut self, index: usize) -> Result<Bytes, Damage> {
        let run = &self.runs[index];
        let next = self.runs[index + 1..].iter().map(|run| &run.body);
        let bytes = self.window.bytes(&run.body, next);
        match run.source {
            Source::Sealed { number } => checked_slots(bytes, number, &run.span, &run.body),
            Source::Copied { .. } => {
                bytes.map_err(|reason| Damage::of_block(&run.span, &run.body, reason))
            }
        }
    }
}

impl EntryRange {
    /// No more entries than this will be visited.
    #[must_use]
    pub fn count_max(&self) -> u64 {
        self.count_max
    }

    /// About how many bytes the entries take; field names that repeat are counted once.
    pub(crate) fn bytes_about(&self) -> usize {
        self.runs.iter().map(|run| run.body.len()).sum()
    }

    /// Bytes copied from an open block.
    pub(crate) fn bytes_copied(&self) -> usize {
        let copied = |run: &&Run| matches!(run.source, Source::Copied { .. });
        self.runs.iter().filter(copied).map(|run| run.body.len()).sum()
    }

    /// Hands each entry to `visit`, in order: its ID and its field/value pairs, `None` for a picked
    /// entry that is gone. Returns how many were visited.
    ///
    /// # Errors
    ///
    /// [`CommandError::Damaged`] if the bytes of a block fail their check; entries visited before
    /// that were good.
    pub fn visit(
        &self,
        mut visit: impl FnMut(StreamId, Option<Pairs<'_>>),
    ) -> Result<u64, CommandError> {
        self.visit_while(|id, pairs| {
            visit(id, pairs);
            ControlFlow::Continue(())
        })
    }

    /// As [`EntryRange::visit`], until `visit` breaks off: no block behind that is read.
    ///
    /// # Errors
    ///
    /// As [`EntryRange::visit`].
    pub fn visit_while(
        &self,
        mut visit: impl FnMut(StreamId, Option<Pairs<'_>>) -> ControlFlow<()>,
    ) -> Result<u64, CommandError> {
        let visited = match &self.select {
            Select::Range { start, end, order: Order::Ascending } => {
                self.visit_ascending(*start, *end, &mut visit)
            }
            Select::Range { start, end, order: Order::Descending } => {
                self.visit_descending(*start, *end, &mut visit)
            }
            Select::Picked(picked) => self.visit_picked(picked, &mut visit),
        };
        visited.map_err(|damage| damage.of(&self.key))
    }

    fn visit_ascending(
        &self,
        start: StreamId,
        end: StreamId,
        visit: &mut impl FnMut(StreamId, Option<Pairs<'_>>) -> ControlFlow<()>,
    ) -> Result<u64, Damage> {
        let mut visited = 0;
        let mut opener = Opener::new(&self.runs);
        for (index, run) in self.runs.iter().enumerate() {
            let bytes = opener.bytes(index)?;
            let (names, slots) = run.open(&bytes)?;
            for slot in slots {
                let slot = slot.map_err(|_| run.damage())?;
                if slot.id < start || !run.span.is_live(slot.index) {
                    continue;
                }
                if end < slot.id || visited == self.count_max {
                    return Ok(visited);
                }
                let pairs = Pairs::parse(slot.body, names).map_err(|_| run.damage())?;
                visited += 1;
                if visit(slot.id, Some(pairs)).is_break() {
                    return Ok(visited);
                }
            }
        }
        Ok(visited)
    }

    /// Slots can only be stepped over forwards, so those of one block are listed first.
    fn visit_descending(
        &self,
        start: StreamId,
        end: StreamId,
        visit: &mut impl FnMut(StreamId, Option<Pairs<'_>>) -> ControlFlow<()>,
    ) -> Result<u64, Damage> {
        let mut visited = 0;
        let mut opener = Opener::new(&self.runs);
        for (index, run) in self.runs.iter().enumerate() {
            let bytes = opener.bytes(index)?;
            let (names, slots) = run.open(&bytes)?;
            let mut wanted: Vec<Slot<'_>> = Vec::new();
            for slot in slots {
                let slot = slot.map_err(|_| run.damage())?;
                if end < slot.id {
                    break;
                }
                if start <= slot.id && run.span.is_live(slot.index) {
                    wanted.push(slot);
                }
            }
            for slot in wanted.iter().rev() {
                if visited == self.count_max {
                    return Ok(visited);
                }
                let pairs = Pairs::parse(slot.body, names).map_err(|_| run.damage())?;
                visited += 1;
                if visit(slot.id, Some(pairs)).is_break() {
                    return Ok(visited);
                }
            }
        }
        Ok(visited)
    }

    fn visit_picked(
        &self,
        picked: &[(StreamId, Option<usize>)],
        visit: &mut impl FnMut(StreamId, Option<Pairs<'_>>) -> ControlFlow<()>,
    ) -> Result<u64, Damage> {
        let mut opener = Opener::new(&self.runs);
        let mut visited = 0;
        // What is picked of one block stands together, so one block at a time is in memory.
        for stretch in picked.chunk_by(|(_, run), (_, next)| run == next) {
            let run = stretch.first().and_then(|(_, run)| *run);
            let opened = run.map(|run| opener.bytes(run)).transpose()?;
            let opened = run.zip(opened.as_ref()).map(|(run, bytes)| (&self.runs[run], bytes));
            let mut search: Option<Search<'_>> = None;
            for &(id, _) in stretch {
                let pairs = match opened {
                    None => None,
                    Some((run, bytes)) => {
                        if !search.as_ref().is_some_and(|search| search.can_find(id)) {
                            search = Some(Search::new(run, bytes)?);
                        }
                        search.as_mut().expect("made above").find(id)?
                    }
                };
                visited += 1;
                if visit(id, pairs).is_break() {
                    return Ok(visited);
                }
            }
        }
        Ok(visited)
    }
}

/// A search for rising IDs in one run.
struct Search<'a> {
    run: &'a Run,
    names: Names<'a>,
    slots: Slots<'a>,
    /// The slot that the last search ended at.
    at: Option<Slot<'a>>,
}

impl<'a> Search<'a> {
    fn new(run: &'a Run, bytes: &'a Bytes) -> Result<Self, Damage> {
        let (names, slots) = run.open(bytes)?;
        Ok(Self { run, names, slots, at: None })
    }

    fn can_find(&self, id: StreamId) -> bool {
        self.at.is_none_or(|slot| slot.id <= id)
    }

    fn find(&mut self, id: StreamId) -> Result<Option<Pairs<'a>>, Damage> {
        let damage = |_: Malformed| self.run.damage();
        while self.at.is_none_or(|slot| slot.id < id) {
            let Some(slot) = self.slots.next() else { return Ok(None) };
            self.at = Some(slot.map_err(damage)?);
        }
        match self.at {
            Some(slot) if slot.id == id && self.run.span.is_live(slot.index) => {
                Pairs::parse(slot.body, self.names).map(Some).map_err(damage)
            }
            _ => Ok(None),
        }
    }
}
