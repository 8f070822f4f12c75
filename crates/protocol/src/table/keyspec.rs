//! Where the keys of a command are, and what becomes of them.

use crate::command::args::{is, key_count};

/// One run of keys among the arguments of a command.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// What becomes of the keys, in the words of COMMAND INFO.
    pub access: &'static [&'static str],
    /// Where the run begins.
    pub begin: Begin,
    /// How far it goes.
    pub extent: Extent,
}

/// Where a run of keys begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At this argument, counted from the command's name.
    Index(usize),
    /// Behind the keyword STREAMS, which is looked for from this argument on.
    AfterStreams(usize),
    /// Behind the last keyword STORE of SORT. COMMAND INFO says that it is not known.
    AfterStore,
    /// Not to be told from the arguments: the keys that SORT's patterns make of what it sorts.
    Unknown,
}

/// How far a run of keys goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// One key.
    One,
    /// Two keys, one behind the other.
    Two,
    /// Every so many arguments up to the last argument.
    ToEnd(usize),
    /// Every argument but the last one, which is a timeout.
    ToLastButOne,
    /// A number, and as many keys behind it.
    Counted,
    /// The first half of the remaining arguments: their other half are IDs.
    FirstHalf,
}

impl KeySpec {
    pub(super) const fn at(access: &'static [&'static str], index: usize) -> Self {
        Self { access, begin: Begin::Index(index), extent: Extent::One }
    }

    pub(super) const fn two_at(access: &'static [&'static str], index: usize) -> Self {
        Self { access, begin: Begin::Index(index), extent: Extent::Two }
    }

    pub(super) const fn from_first(access: &'static [&'static str], step: usize) -> Self {
        Self { access, begin: Begin::Index(1), extent: Extent::ToEnd(step) }
    }

    pub(super) const fn after_streams(access: &'static [&'static str], start: usize) -> Self {
        Self { access, begin: Begin::AfterStreams(start), extent: Extent::FirstHalf }
    }

    /// It tells where names stand that are no keys.
    pub(super) fn is_no_key(&self) -> bool {
        self.access == ["not_key"]
    }

    pub(super) const fn all_but_last(access: &'static [&'static str]) -> Self {
        Self { access, begin: Begin::Index(1), extent: Extent::ToLastButOne }
    }

    pub(super) const fn from(access: &'static [&'static str], index: usize) -> Self {
        Self { access, begin: Begin::Index(index), extent: Extent::ToEnd(1) }
    }

    /// The number of keys stands at `index`, the keys behind it.
    pub(super) const fn counted(access: &'static [&'static str], index: usize) -> Self {
        Self { access, begin: Begin::Index(index), extent: Extent::Counted }
    }

    pub(super) const fn stored(access: &'static [&'static str]) -> Self {
        Self { access, begin: Begin::AfterStore, extent: Extent::One }
    }

    pub(super) const fn unknown(access: &'static [&'static str]) -> Self {
        Self { access, begin: Begin::Unknown, extent: Extent::One }
    }

    /// The positions of the keys in `args`; `None` where the arguments do not allow to tell.
    pub(super) fn positions(&self, args: &[&[u8]]) -> Option<impl Iterator<Item = usize> + use<>> {
        let begin = match self.begin {
            Begin::Index(index) => index,
            Begin::AfterStreams(start) => {
                let found =
                    args.iter().skip(start).position(|arg| arg.eq_ignore_ascii_case(b"streams"))?;
                start + found + 1
            }
            Begin::AfterStore => match stored(args) {
                Some(index) => index,
                None => return Some((0..0).step_by(1)),
            },
            Begin::Unknown => return Some((0..0).step_by(1)),
        };
        let mut begin = begin;
        let (end, step) = match self.extent {
            Extent::One => (begin + 1, 1),
            Extent::ToLastButOne => (args.len() - 1, 1),
            Extent::Counted => {
                let count = key_count(args.get(begin)?).ok()?;
                begin += 1;
                (begin.checked_add(count)?, 1)
            }
            Extent::Two => (begin + 2, 1),
            Extent::ToEnd(step) => (args.len(), step),
            Extent::FirstHalf => (begin + args.len().checked_sub(begin)? / 2, 1),
        };
        (end <= args.len()).then(|| (begin..end).step_by(step))
    }

    /// First key, last key (negative from the end) and step, as in COMMAND INFO.
    pub(super) fn legacy(&self) -> Option<(i64, i64, i64)> {
        let Begin::Index(first) = self.begin else { return None };
        let first = i64::try_from(first).ok()?;
        match self.extent {
            Extent::One => Some((first, first, 1)),
            Extent::Two => Some((first, first + 1, 1)),
            Extent::ToEnd(step) => Some((first, -1, i64::try_from(step).ok()?)),
            Extent::ToLastButOne => Some((first, -2, 1)),
            Extent::FirstHalf | Extent::Counted => None,
        }
    }
}

/// Where SORT stores what it sorted: behind its last STORE. The values of other options are no
/// keywords.
fn stored(args: &[&[u8]]) -> Option<usize> {
    let mut found = None;
    let mut at = 2;
    while let Some(word) = args.get(at) {
        if is(word, "limit") {
            at += 2;
        } else if is(word, "by") || is(word, "get") {
            at += 1;
        } else if is(word, "store") && at + 1 < args.len() {
            found = Some(at + 1);
        }
        at += 1;
    }
    found
}
