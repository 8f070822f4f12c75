//! What XREADGROUP CLAIM answers for one stream: pending entries, then new ones.

use std::ops::ControlFlow;

use crate::error::CommandError;
use crate::id::StreamId;
use crate::stream::{EntryRange, Pairs};

/// What was known of an entry before it was delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Before {
    /// Time since its last delivery, 0 for a new entry, -1 for one that XNACK released.
    pub idle_ms: i64,
    /// How often it was delivered.
    pub delivery_count: u64,
}

/// Entries of one stream, each with what was known of it before.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedEntries {
    /// In the order of claiming.
    pub(super) claimed: EntryRange,
    /// One for each of `claimed`.
    pub(super) before: Vec<Before>,
    /// New entries, behind them.
    pub(super) new: Option<EntryRange>,
}

impl ClaimedEntries {
    /// No more entries than this will be visited.
    #[must_use]
    pub fn count_max(&self) -> u64 {
        self.claimed.count_max() + self.new.as_ref().map_or(0, EntryRange::count_max)
    }

    /// Hands each entry to `visit`, in order, until `visit` breaks off. Returns how many were visited.
    ///
    /// # Errors
    ///
    /// As [`EntryRange::visit`].
    pub fn visit(
        &self,
        mut visit: impl FnMut(StreamId, Option<Pairs<'_>>, Before) -> ControlFlow<()>,
    ) -> Result<u64, CommandError> {
        let mut before = self.before.iter().copied();
        let mut flow = ControlFlow::Continue(());
        let claimed = self.claimed.visit_while(|id, pairs| {
            flow = visit(id, pairs, before.next().unwrap_or_default());
            flow
        })?;
        match &self.new {
            Some(new) if flow.is_continue() => {
                let new = new.visit_while(|id, pairs| visit(id, pairs, Before::default()))?;
                Ok(claimed + new)
            }
            _ => Ok(claimed),
        }
    }

    pub(crate) fn bytes_about(&self) -> usize {
        let ranges = std::iter::once(&self.claimed).chain(&self.new);
        ranges.map(EntryRange::bytes_about).sum::<usize>() + self.before.len() * size_of::<Before>()
    }

    pub(crate) fn bytes_owned(&self) -> usize {
        let ranges = std::iter::once(&self.claimed).chain(&self.new);
        size_of::<Self>()
            + ranges.map(EntryRange::bytes_copied).sum::<usize>()
            + self.before.len() * size_of::<Before>()
    }
}
